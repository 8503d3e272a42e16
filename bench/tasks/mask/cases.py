"""Validity bitmap of 1 M bits -> boolean mask, True where a sample is missing."""

ONE_CORE = True  # none of the contenders uses another
BITS = 1 << 20
CASES = [{"case": f"offset={offset}", "unit": "us", "offset": offset,
          "floor": {"ratio_stock": 3, "ratio_seed": 30}} for offset in (0, 3)]


def bitmap(offset: int):
    import numpy as np
    return np.random.default_rng(offset).integers(0, 256, BITS // 8 + 1, dtype=np.uint8)


class Timed:
    """Times `mask(bitmap, offset, length)`; the answer is a digest of the mask."""

    def __init__(self, mask) -> None:
        self.mask = mask

    def prepare(self, case: dict) -> str:
        import hashlib
        import numpy as np
        self.offset = case["offset"]
        self.bitmap = bitmap(self.offset)
        out = np.asarray(self.mask(self.bitmap, self.offset, BITS))
        assert out.shape == (BITS,)
        return hashlib.sha256(out.astype(bool).tobytes()).hexdigest()

    def measure(self) -> float:
        import time
        loops = 200
        began = time.perf_counter_ns()
        for _ in range(loops):
            out = self.mask(self.bitmap, self.offset, BITS)
            out[0], out[-1]
        return (time.perf_counter_ns() - began) / loops / 1000

    def release(self) -> None:
        del self.bitmap
