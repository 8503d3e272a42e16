"""A historical stream of 500 channels of 256 Hz, float32, 10 s in blocks of 1/16 s, from the
mock of either side; first and last sample of every array read. `client`: both clients read what
one server of ours, the faster one, gives."""

CHANNELS, RATE, SECONDS, START = 500, 256, 10, 1_000_000_000
CASES = [{"case": "stream", "unit": "s", "floor": {"ratio_stock": 20}},
         {"case": "client", "unit": "s", "floor": {}}]


def names() -> list[str]:
    return [f"X1:STREAM-C{i:03d}" for i in range(CHANNELS)]


def channel_file() -> str:
    lines = ["[common]", f"sample_rate = {RATE}", 'data_type = "float32"',
             "stride = 62_500_000", "max_latency = 1_000_000_000", 'publisher = "BENCH"']
    for i, name in enumerate(names()):
        lines += [f'["{name}"]', f'func = "{i} + t % 8"']
    return "\n".join(lines) + "\n"
