"""TimedQueue and BlockMuxStream, with a clock that stands still."""

import dataclasses
import logging
import time

import numpy
import pytest

from carryall.block import SeriesBlock
from carryall.channel import Channel
from carryall.mux import BlockMuxStream, GapError, OnGap, TimedQueue, describe_stream, gpsnow

STRIDE = 62_500_000
SECOND = 10**9
LATENCY = 2 * SECOND
UNIX = 1_715_952_000  # whole, so that GPS times are multiples of a second


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time, s after T; what reads the clock of Python sees it."""
    class Clock:
        now = 0.0
    monkeypatch.setattr(time, "time", lambda: UNIX + Clock.now)
    return Clock


T = 1_399_987_218 * SECOND  # UNIX as GPS time


def channel(name, stride=STRIDE, latency=LATENCY, rate=16):
    return Channel(name, "int32", rate, stride=stride, max_latency=latency)


def block(one, time_ns, stride=None):
    count = int(one.sample_rate) * (stride or one.stride) // SECOND
    return SeriesBlock(time_ns, {one.name: numpy.arange(count, dtype="int32")},
                       {one.name: one})


@dataclasses.dataclass
class Streams:
    streams: dict


def mux_of(*channels, **how):
    return BlockMuxStream(Streams({c.name: [c] for c in channels}), **how)


A, B = channel("X1:A"), channel("X1:B")


def test_the_clock_is_the_one_of_python(clock):
    assert gpsnow() * SECOND == T
    clock.now = 0.5
    assert gpsnow() * SECOND == T + SECOND // 2


def test_a_queue_serves_elements_and_gaps_in_order():
    queue = TimedQueue(10, 0, 100)
    assert queue.front_time() is None and queue.next_element_time() is None
    queue.push(100, "a")
    queue.push(130, "b")
    assert (len(queue), queue.ready(40), queue.ready(50)) == (2, 4, None)
    assert list(queue.pull(20)) == [(100, "a"), (110, None)]
    assert (queue.front_time(), queue.next_element_time()) == (120, 130)
    assert list(queue.pull(30)) == []
    assert list(queue.pull()) == [(120, None), (130, "b")]
    assert queue.pull_slots(20) == [(140, None), (150, None)]
    queue.push(140, "late")
    assert len(queue) == 0


def test_a_queue_refuses_what_is_off_its_grid():
    queue = TimedQueue(10, 0, 105)
    with pytest.raises(AssertionError, match="107"):
        queue.push(107, "x")
    queue.push(105, "edge")
    queue.push(110, "next")
    assert list(queue.pull()) == [(105, "edge"), (110, "next")]


def test_drops_are_raised_or_told(caplog):
    queue = TimedQueue(10, 0, 100, name="Q")
    queue.push(120, "x")
    for _ in range(3):
        queue.push(100, "late")
    assert [r.message for r in caplog.records] == [
        "Q: dropped 1 late element(s): timestamp is too old: 100 is before 130"]
    with pytest.raises(ValueError, match="too old"):
        queue.push(100, "late", on_drop="raise")
    with pytest.warns(UserWarning, match="too old"):
        queue.push(100, "late", on_drop="warn")
    assert queue.finish_drop("late") == 4


def test_a_full_queue_loses_its_oldest(caplog):
    queue = TimedQueue(10, 0, 0)
    for i in range(1001):
        queue.push(i * 10, i)
    assert len(queue) == 1000 and "capacity" in caplog.text
    assert list(queue.pull(20)) == [(0, None), (10, 1)]
    queue.ensure_buffer(1500 * 10)
    for i in range(1001, 3001):
        queue.push(i * 10, i)
    assert len(queue) == 2999


def test_the_first_element_says_where_a_live_queue_begins(clock):
    queue = TimedQueue(SECOND, LATENCY)
    assert queue.cursor == T and not queue.initialized
    queue.push(T - 5 * SECOND, "a")
    assert queue.cursor == T - 5 * SECOND and queue.initialized
    clock.now = 1.0
    assert queue.ready(SECOND) == 1
    assert list(queue.pull()) == [(T - 5 * SECOND, "a")] + [
        (T - n * SECOND, None) for n in (4, 3, 2, 1)]
    assert queue.horizon == T  # now - timeout, and the slot of that


def test_streams_are_combined_stride_by_stride():
    mux = mux_of(A, B, start=T)
    mux.push("X1:A", block(A, T))
    assert not mux.ready()
    mux.push("X1:B", block(B, T + STRIDE))
    assert mux.ready()
    first = mux.pull()
    assert (first.time_ns, first.duration_ns, list(first)) == (T, STRIDE, ["X1:A", "X1:B"])
    assert not first["X1:A"].has_gaps and first["X1:B"].mask.all()
    assert mux["X1:B"].cursor == T + STRIDE and not mux.ready()


def test_a_stride_that_is_not_there_is_a_gap_once_it_is_late(clock):
    mux = mux_of(A, B)
    for one in (A, B):
        mux.push(one.name, block(one, T))
    assert mux.ready() and not mux.pull().has_gaps
    mux.push("X1:A", block(A, T + STRIDE))
    assert not mux.ready()
    clock.now = (LATENCY + 2 * STRIDE) / SECOND
    assert mux.ready()
    late = mux.pull()
    assert late.time_ns == T + STRIDE
    assert late["X1:B"].mask.all() and not late["X1:A"].has_gaps


@pytest.mark.parametrize("policy", ["fill", "skip", "raise"])
def test_policies_for_gaps(policy):
    mux = mux_of(A, start=T, on_gap=policy)
    assert mux.on_gap is OnGap[policy.upper()]
    mux.push("X1:A", block(A, T + 3 * STRIDE))
    if policy == "raise":
        with pytest.raises(GapError, match="gap in stream"):
            mux.pull()
    elif policy == "fill":
        assert mux.pull().has_gaps
    else:
        assert mux.pull() is None  # for all three
        assert mux.pull().time_ns == T + 3 * STRIDE


def test_declared_complete():
    mux = mux_of(A, start=T)
    mux.declare_complete(T + STRIDE + 1)
    assert mux.ready() and mux.pull().has_gaps
    assert mux.ready() and mux.pull().has_gaps and not mux.ready()


def test_coarse_strides_and_what_is_left_at_the_end():
    class Reader(Streams):
        left = [block(A, T + n * STRIDE) for n in range(6)]
        entered = 0

        def __enter__(self):
            self.entered += 1
            return self

        def __exit__(self, *_):
            self.entered -= 1

        def done(self):
            return not self.left

        def read(self, convert_blocks):
            assert convert_blocks and self.entered
            while self.left:
                yield "X1:A", self.left.pop(0)

    reader = Reader({"X1:A": [A]})
    blocks = list(BlockMuxStream(reader, start=T, stride=4 * STRIDE).stream())
    assert [(b.time_ns - T, b.duration_ns) for b in blocks] == [
        (0, 4 * STRIDE), (4 * STRIDE, 2 * STRIDE)]
    assert reader.entered == 0


def test_wrong_lengths_are_dropped_and_told_once(caplog):
    caplog.set_level(logging.INFO, "arrakis")
    mux = mux_of(A, start=T)
    for n in range(3):
        mux.push("X1:A", block(A, T + n * STRIDE, 2 * STRIDE))
    mux.push("X1:A", block(A, T))
    assert [r.levelname for r in caplog.records] == ["WARNING", "INFO"]
    assert mux.ready()


def test_payloads_of_ones_own():
    mux = mux_of(A, start=T, combiner=lambda *slots: slots)
    mux.push_payload("X1:A", T, STRIDE, "x")
    assert mux.pull() == (T, STRIDE, {"X1:A": [(T, "x")]})


@pytest.mark.parametrize("stride", [-STRIDE, 0, STRIDE + 1])
def test_wrong_strides(stride):
    with pytest.raises(ValueError, match="multiple"):
        mux_of(A, stride=stride)


def test_names():
    assert describe_stream("s", [B, A]) == "X1:A +1 more (s)"
    assert describe_stream("s", [], "of me") == "of me no channels (s)"
