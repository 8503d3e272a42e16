"""The timed loop of the conversion tasks: contenders differ only in `convert`."""

import time

from harness import inputs


class Conversion:
    """Batches of one case and the median-friendly timing of `convert(batch)` on them."""

    def __init__(self, make_batch, case: dict, convert) -> None:
        name = case["case"]
        self.streams = inputs.ipc_streams(make_batch, name)
        self.convert = convert
        self.iterations = case["iterations"]
        self.one = name.endswith("/one")

    def answer(self) -> str:
        return inputs.digest(self.convert(inputs.read_batch(self.streams[3])))

    def measure(self) -> float:
        """Microseconds a batch."""
        total = 0
        for i in range(self.iterations):
            batch = inputs.read_batch(self.streams[i % len(self.streams)])
            began = time.perf_counter_ns()
            arrays = self.convert(batch, touch=True)
            total += time.perf_counter_ns() - began
            del arrays, batch
        return total / self.iterations / 1000
