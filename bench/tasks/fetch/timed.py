"""The timed call of the fetch task: contenders differ in server and client."""

import pathlib
import time

import numpy as np

from harness import inputs
from tasks.fetch import cases


def _status_kib(key: str) -> int:
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise KeyError(key)


class Fetch:
    """Holds the server of one case and fetches from it."""

    def __init__(self, case: dict, serve, connect) -> None:
        self.source, self.count, self.rate, self.seconds, self.peak = cases.parse(case["case"])
        self.channels = cases.names(self.count)
        self.server = serve(self)
        self.client = connect(self.server.url)

    def fetch(self):
        return self.client.fetch(self.channels, start=cases.START,
                                 end=cases.START + self.seconds)

    def answer(self) -> dict:
        block = self.fetch()
        return cases.answer(block.time_ns, {n: s.data for n, s in block.items()})

    def measure(self) -> float:
        if self.peak:
            return self._peak()
        began = time.perf_counter()
        block = self.fetch()
        inputs.touch(np.asarray(series.data) for series in block.values())
        seconds = time.perf_counter() - began
        return self.count * self.rate * self.seconds / seconds / 1e6

    def _peak(self) -> float:
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM
        before = _status_kib("VmRSS")
        block = self.fetch()
        inputs.touch(np.asarray(series.data) for series in block.values())
        growth = _status_kib("VmHWM") - before
        return growth * 1024 / (self.count * self.rate * self.seconds * 4)

    def release(self) -> None:
        self.server.stop()
