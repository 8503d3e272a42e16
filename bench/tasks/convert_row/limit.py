"""memcpy: one copy of the samples' bytes (no array objects, no masks)."""

import time

import numpy

from harness import inputs


def prepare(case):
    global source, target, iterations
    count, length, _ = inputs.parse(case["case"])
    rows = 1 if case["case"].endswith("/one") else count
    source = [numpy.ones(rows * length) for _ in range(inputs.VARIANTS)]
    target = numpy.empty(rows * length)
    iterations = case["iterations"]
    return None


def measure():
    began = time.perf_counter_ns()
    for i in range(iterations):
        numpy.copyto(target, source[i % len(source)])
    return (time.perf_counter_ns() - began) / iterations / 1000


def release():
    global source, target
    source = target = None
