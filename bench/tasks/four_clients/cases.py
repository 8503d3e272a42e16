"""The seed's workload: four clients at once, two fetches and two historical streams of
1/16 s, each 100 channels x 512 Hz float32 x 60 s, different channels, every array touched.
`wall`: from the start signal until the last client ends; `cpu`: processor time of the four
clients and the server meanwhile, in the same runs."""

PREPARE_ALONE = True  # an answer is of a run that is timed
CHANNELS, RATE, SECONDS, START = 100, 512, 60, 1_000_000_000
CASES = [{"case": what, "unit": "s", "floor": {"ratio_stock": 10}} for what in ("wall", "cpu")]


def names(client: int) -> list[str]:
    return [f"X1:FOUR-C{client}_{i:03d}" for i in range(CHANNELS)]


def channel_file() -> str:
    lines = ["[common]", f"sample_rate = {RATE}", 'data_type = "float32"',
             "stride = 62_500_000", "max_latency = 1_000_000_000", 'publisher = "BENCH"']
    for client in range(4):
        for name in names(client):
            lines.append(f'["{name}"]')
            if name.endswith("_000"):
                lines.append('func = "t - floor(t)"')
    return "\n".join(lines) + "\n"
