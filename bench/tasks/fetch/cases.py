"""fetch: client and server together, the result as numpy arrays. `archive/...` cases serve
ours from the archive, `mock/...` from the mock; stock always serves from its mock.

Channels are noise without `func`, whose time, shape and dtype are compared, plus one whose
samples are a function of time and are compared. `/peak` rows are the growth of a new client's
peak resident memory over just before the call, divided by the size of the result.
"""

LEAST_S = 0.3  # of one run: as many fetches as that takes, and their median
SHAPES = {"20x16384x100s": (20, 16384, 100), "500x1024x10s": (500, 1024, 10)}
START = 1_000_000_000
FLOORS = {
    "archive/20x16384x100s": {"ratio_stock": 15, "ratio_limit": 0.7},
    "mock/20x16384x100s": {"ratio_stock": 8},
    "archive/500x1024x10s": {"ratio_stock": 50, "ratio_limit": 0.7},
    "mock/500x1024x10s": {"ratio_stock": 50},
}
# result + 64 MiB for 500 channels: 1 + 64 MiB / (500 x 1024 x 10 x 4 bytes)
PEAK_FLOORS = {"20x16384x100s": {"ours": 1.3}, "500x1024x10s": {"ours": 1 + 67.1 / 20.48}}
CASES = []
for _source in ("archive", "mock"):
    for _shape in SHAPES:
        CASES.append({"case": f"{_source}/{_shape}", "unit": "Msamples/s",
                      "floor": FLOORS[f"{_source}/{_shape}"]})
        CASES.append({"case": f"{_source}/{_shape}/peak", "unit": "x",
                      "contenders": ("stock", "ours"), "floor": PEAK_FLOORS[_shape]})


def parse(case: str) -> tuple[str, int, int, int, bool]:
    source, shape, *peak = case.split("/")
    return (source, *SHAPES[shape], bool(peak))


def names(count: int) -> list[str]:
    return [f"X1:BEN-CHANNEL_{i:03d}" for i in range(count - 1)] + ["X1:BEN-RAMP"]


def channel_file(count: int, rate: int) -> str:
    """Noise, and one channel whose samples are a function of time."""
    lines = ["[common]", f"sample_rate = {rate}", 'data_type = "float32"',
             "stride = 62_500_000", "max_latency = 1_000_000_000", 'publisher = "BENCH"']
    for name in names(count):
        lines.append(f'["{name}"]')
        if name.endswith("RAMP"):
            lines.append('func = "t - floor(t)"')
    return "\n".join(lines) + "\n"


def answer(start_ns: int, arrays) -> dict:
    """What contenders must agree on."""
    import hashlib
    import numpy as np
    arrays = dict(arrays)
    return {"start": int(start_ns),
            "shapes": sorted(f"{n} {a.dtype} {a.shape}" for n, a in arrays.items()),
            "ramp": hashlib.sha256(
                np.ascontiguousarray(arrays["X1:BEN-RAMP"]).tobytes()).hexdigest()}
