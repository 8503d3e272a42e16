"""What programs do with blocks, in microseconds an operation: 1/16 s of channels of 256 Hz, as
they come out of a stream, without gaps and with gaps in every fourth channel. Where an
operation has to build every array that a user sees, 3 times stock; where it has to build none,
10 times."""

ONE_CORE = True  # none of the contenders uses another
COUNTS = (20, 500, 10_000)
SAMPLES = 16
FLOORS = {
    "construct": 10,  # from arrays that are there
    "index": 10,  # a Series for every name
    "items": 10,
    "filter": 10,  # half of the channels
    "concatenate": 3,  # 4 blocks, and every array of the result
    "combine": 10,  # 4 blocks
    "full_gap": 10,
    "create_gaps": 10,  # for as many channels again
    "to_column": 10, "from_column": 10, "to_row": 10, "from_row": 10,
}
CASES = [{"case": f"{operation}/{count}/{kind}", "unit": "us",
          "rounds": 15 if count == COUNTS[0] else 5,  # the short ones cost nothing
          "floor": {"ratio_stock": floor}}
         for operation, floor in FLOORS.items() for count in COUNTS
         for kind in ("plain", "gaps")
         if kind == "plain" or operation not in ("full_gap", "create_gaps")]


def parse(case: str) -> tuple[str, int, bool]:
    operation, count, kind = case.split("/")
    return operation, int(count), kind == "gaps"


def names(count: int) -> list[str]:
    return [f"X1:BEN-CHANNEL_{i:05d}" for i in range(count)]
