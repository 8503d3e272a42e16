"""publish: blocks a second: 200 channels of float32 at 16384 Hz, strides of 1/16 s, to a real
broker registered with by the stock server. The delivery of each block is confirmed before the next
is sent; in `/ahead` ours sends ahead of the confirmations, and all have come before the clock
stops. `c++` has the same stock contender, which is Python and cannot send ahead."""

COUNT, RATE, STRIDE = 200, 16384, 62_500_000
SAMPLES = RATE * STRIDE // 10**9
START = 1_400_000_000 * 10**9
CASES = [{"case": f"{COUNT}x{RATE}/{way}", "unit": "blocks/s", "floor": {"ratio_stock": 20}}
         for way in ("python", "c++", "python/ahead", "c++/ahead")]


def publisher_file() -> str:
    lines = ["[publisher]", 'publisher_id = "BENCH"', f"stride = {STRIDE}",
             "max_latency = 1_000_000_000", "[common]", f"sample_rate = {RATE}",
             'data_type = "float32"']
    return "\n".join(lines + [f'["X1:BEN-CH_{i:03d}"]' for i in range(COUNT)]) + "\n"


def arrays(names) -> dict:
    """Samples of one block by channel."""
    import numpy as np
    return {name: np.arange(SAMPLES, dtype=np.float32) + int(name[-3:]) for name in names}
