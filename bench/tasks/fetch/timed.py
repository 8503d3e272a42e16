"""The timed call of the fetch task: contenders differ in server and client."""

import multiprocessing
import pathlib
import statistics
import time

import numpy as np

from harness import inputs
from tasks.fetch import cases


def median_seconds(fetch) -> float:
    times: list[float] = []
    while sum(times) < cases.LEAST_S:
        began = time.perf_counter()
        fetch()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _status_kib(key: str) -> int:
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise KeyError(key)


def _fetch(client, channels: list[str], seconds: int):
    return client.fetch(channels, start=cases.START, end=cases.START + seconds)


def _touch(block) -> None:
    inputs.touch(np.asarray(series.data) for series in block.values())


def _growth(connect, url: str, channels: list[str], seconds: int, pipe) -> None:
    """Bytes by which the peak of this process, which is new, grows over a fetch."""
    client = connect(url)
    _touch(_fetch(client, channels, 1))  # what a client has whatever it fetches
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM
    before = _status_kib("VmRSS")
    block = _fetch(client, channels, seconds)
    _touch(block)
    pipe.send((_status_kib("VmHWM") - before) * 1024)


class Fetch:
    """Holds the server of one case and fetches from it."""

    def __init__(self, case: dict, serve, connect) -> None:
        self.source, self.count, self.rate, self.seconds, self.peak = cases.parse(case["case"])
        self.shape = case["case"].split("/")[1]
        self.channels = cases.names(self.count)
        self.server = serve(self)
        self.connect = connect
        self.client = connect(self.server.url)

    def answer(self) -> dict:
        block = _fetch(self.client, self.channels, self.seconds)
        return cases.answer(block.time_ns, {n: s.data for n, s in block.items()})

    def measure(self) -> float:
        if self.peak:
            return self._peak()
        return self.count * self.rate * self.seconds / median_seconds(self._timed) / 1e6

    def _timed(self) -> None:
        _touch(_fetch(self.client, self.channels, self.seconds))

    def _peak(self) -> float:
        """In a new process: memory that an earlier result left behind would hide this one's."""
        ours, theirs = multiprocessing.Pipe()
        child = multiprocessing.get_context("spawn").Process(
            target=_growth,
            args=(self.connect, self.server.url, self.channels, self.seconds, theirs))
        child.start()
        try:
            if not ours.poll(60):
                raise TimeoutError("no fetch in 60 s")
            return ours.recv() / (self.count * self.rate * self.seconds * 4)
        finally:
            child.kill()
            child.join()

    def release(self) -> None:
        self.server.stop()
