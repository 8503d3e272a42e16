"""Our relay. What a case is about is measured once a round for all of the cases that show it."""

import statistics

from tasks.relay.ours import run
from tasks.relay_scaling import cases

# By sweep and size: what bench_relay measured, a round at a time, for all cases.
measured: dict[tuple[str, int], list[dict]] = {}


class Point:
    """What one size takes."""

    def __init__(self, sweep: str, size: int, what: str) -> None:
        self.sweep, self.size, self.what = sweep, size, what

    def result(self, number: int) -> dict:
        runs = measured.setdefault((self.sweep, self.size), [])
        while len(runs) <= number:
            runs.append(run("scale", *cases.shape(self.sweep, self.size), cases.STRIDES))
        return runs[number]

    def value(self, number: int) -> float:
        result = self.result(number)
        return result["us"] if self.what == "cpu" else result["bytes"] / 1024

    def answer(self) -> str:
        return self.result(0)["answer"]


class Line:
    """What the sizes of a sweep take together."""

    def __init__(self, sweep: str, what: str, bend: bool) -> None:
        self.points = [Point(sweep, size, what) for size in cases.SWEEPS[sweep]]
        self.bend = bend

    def value(self, number: int) -> float:
        x = [point.size for point in self.points]
        y = [point.value(number) for point in self.points]
        if not self.bend:
            return statistics.linear_regression(x, y).slope
        middle = len(x) // 2
        lower = (y[middle] - y[0]) / (x[middle] - x[0])
        upper = (y[-1] - y[middle]) / (x[-1] - x[middle])
        return upper / lower

    def answer(self) -> str:
        return ", ".join(point.answer() for point in self.points)


def prepare(case: dict) -> str:
    global timed, rounds
    rounds = 0
    first, *rest = case["case"].split("/")
    sweep, _, size = first.partition("=")
    if size:
        timed = Point(sweep, int(size), rest[0])
    else:
        timed = Line(sweep, rest[0], rest[1] == "bend")
    return timed.answer()


def measure() -> float:
    global rounds
    rounds += 1
    return timed.value(rounds - 1)


def release() -> None:
    pass
