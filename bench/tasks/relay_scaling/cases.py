"""CPU time a stride and memory of the relay, over the feed in memory of the relay task, against
partitions, wanted channels and subscribers, of which one grows and two stay as they are. Every
subscriber wants other channels, and every partition (80 channels) carries some.

`/slope` is a least-squares line's: what one more partition, channel or subscriber takes. `/bend`
is what one of them takes in the upper half of the sizes over what it takes in the lower half: 1
is linear, and a quadratic law would give 2.5 or more."""

SWEEPS = {"partitions": (100, 1000, 2000, 3900), "wanted": (100, 2500, 5000, 10000),
          "subscribers": (1, 10, 25, 50)}
REST = {"partitions": {"wanted": 4000, "subscribers": 1},
        "wanted": {"partitions": 130, "subscribers": 1},
        "subscribers": {"partitions": 323, "wanted": 767}}
UNITS = {"cpu": "us", "memory": "KiB"}
STRIDES = 60
BEND = {"cpu": 1.6, "memory": 1.6}

CASES = []
for _sweep, _sizes in SWEEPS.items():
    for _what, _unit in UNITS.items():
        for _size in _sizes:
            CASES.append({"case": f"{_sweep}={_size}/{_what}", "unit": _unit})
        CASES.append({"case": f"{_sweep}/{_what}/slope", "unit": _unit})
        CASES.append({"case": f"{_sweep}/{_what}/bend", "unit": "x",
                      "floor": {"ours": BEND[_what]}})


def shape(sweep: str, size: int) -> tuple[int, int, int]:
    """Partitions, wanted channels, subscribers."""
    sizes = {**REST[sweep], sweep: size}
    return sizes["partitions"], sizes["wanted"], sizes["subscribers"]
