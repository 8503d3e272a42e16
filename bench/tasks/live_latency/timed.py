"""What the contenders of live_latency share: publishing, and how runs become percentiles."""

import os
import select
import subprocess
import time

import numpy as np

from harness import serving
from tasks.live_latency import cases
from tasks.publish import cases as publish

PROGRAMS = serving.BINARY.parent / "bench"
GPS_MINUS_UNIX_NS = (18 - 315_964_800) * 10**9


def gps_ns() -> int:
    return time.time_ns() + GPS_MINUS_UNIX_NS


class Subscriber:
    """A process that writes a line to `fd` for each block: its time, when it was there, and 1 if
    all of it was. What the first whole one held comes as a line before: "answer ...". One that
    `may_end` gives up where it gets nothing for too long."""

    def __init__(self, fd: int, kill, may_end: bool = False) -> None:
        self.fd, self.kill, self.may_end = fd, kill, may_end
        self.rest = b""

    def line(self, until_gps_ns: int) -> str | None:
        """The next line; nothing if none comes in time."""
        while b"\n" not in self.rest:
            left = (until_gps_ns - gps_ns()) / 1e9
            if not select.select([self.fd], [], [], max(0.0, left))[0]:
                return None
            more = os.read(self.fd, 65536)
            if not more:
                if self.may_end:
                    return None
                raise RuntimeError("a subscriber ended")
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()

    def answer(self, until: int) -> str | None:
        """Once something whole has come."""
        while (line := self.line(until)) is not None:
            if line.startswith("answer "):
                return line.removeprefix("answer ")
        return None

    def latencies(self, start: int, end: int, until: int) -> dict[int, int]:
        """By time of the block, for those in [start, end) that came whole."""
        found = {}
        while (line := self.line(until)) is not None:
            if line.startswith("answer "):
                continue
            begin, now, whole = map(int, line.split())
            if start <= begin < end and whole:
                found[begin] = now - begin - publish.STRIDE
            if begin >= end - publish.STRIDE:
                break
        return found


def start_program(*arguments: str) -> Subscriber:
    process = subprocess.Popen([str(PROGRAMS / "bench_live_latency"), *arguments],
                               stdout=subprocess.PIPE)

    def kill():
        process.kill()
        process.wait()
        process.stdout.close()
    return Subscriber(process.stdout.fileno(), kill)


class Live:
    """One contender. Keeps its site from case to case, and what it measured for the rows of the
    other percentile. Subclasses say how to start a source and subscribers."""

    def __init__(self) -> None:
        # By channels wanted and subscribers: latencies in ms of each run.
        self.runs: dict[tuple[int, int], list[np.ndarray]] = {}
        self.answers: dict[int, str] = {}  # by channels wanted, of one subscriber

    def source(self, start: int, strides: int) -> list[str]:
        """The command that sends blocks live from `start` on."""
        raise NotImplementedError

    def subscribers(self, wanted: int, count: int) -> list[Subscriber]:
        raise NotImplementedError

    def run(self, wanted: int, count: int) -> tuple[np.ndarray, str]:
        """Latencies in ms, and what a block held (nothing if none came whole)."""
        strides = cases.STRIDES[count]
        begin = gps_ns() // publish.STRIDE * publish.STRIDE
        subscribers = self.subscribers(wanted, count)
        source = subprocess.Popen(self.source(begin, cases.LONGEST_S * 10**9 // publish.STRIDE),
                                  stdout=subprocess.DEVNULL)
        try:
            ready = begin + cases.READY_S * 10**9
            answers = {subscriber.answer(ready) for subscriber in subscribers} - {None}
            assert len(answers) <= 1, answers
            start = (gps_ns() + cases.WARM_S * 10**9) // publish.STRIDE * publish.STRIDE
            end = start + strides * publish.STRIDE
            until = end + cases.GIVE_UP_S * 10**9
            found = [subscriber.latencies(start, end, until) for subscriber in subscribers]
            assert source.poll() is None, "the publisher has ended"
        finally:
            for process in (source, *subscribers):
                process.kill()
            source.wait()
        return np.array([one.get(time_ns, until - time_ns - publish.STRIDE) / 1e6
                         for one in found
                         for time_ns in range(start, end, publish.STRIDE)]), ", ".join(answers)

    def prepare(self, case: dict) -> str:
        *self.what, self.percentile = cases.parse(case["case"])
        self.round = 0
        wanted, count = self.what
        for _ in range(3):  # on a busy machine nothing may come whole
            if not self.answers.get(wanted):
                first, self.answers[wanted] = self.run(wanted, 1)
                self.runs[wanted, 1] = [first]
        self.runs.setdefault((wanted, count), [])
        return self.answers[wanted]

    def measure(self) -> float:
        runs = self.runs[tuple(self.what)]
        if len(runs) == self.round:
            runs.append(self.run(*self.what)[0])
        self.round += 1
        return float(np.percentile(runs[self.round - 1], self.percentile))


class Published(Live):
    """What is subscribed to comes from our publisher, registered with a server."""

    def __init__(self, site) -> None:
        super().__init__()
        self.site = site

    def source(self, start: int, strides: int) -> list[str]:
        return [str(PROGRAMS / "bench_publish"), self.site.server.url, "BENCH", str(start),
                str(strides), "live"]

    def stop(self) -> None:
        self.site.stop()


class Contender:
    """The calls of the harness."""

    def __init__(self, make) -> None:
        self.make = make
        self.live: Live | None = None

    def prepare(self, case: dict) -> str:
        if self.live is None:
            self.live = self.make()
        return self.live.prepare(case)

    def measure(self) -> float:
        return self.live.measure()

    def release(self) -> None:
        pass

    def end(self) -> None:
        if self.live is not None:
            self.live.stop()
