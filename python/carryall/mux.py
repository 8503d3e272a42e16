"""One time line out of many streams, for programs that have readers or blocks of their own:
`Client` uses the core's.

Blocks of every stream are pushed as they come; a stride of all of them is ready once each
stream has given its part or a later one, or has run out of time by the wall clock, which is
Python's (time.time). What did not come is a gap."""

from __future__ import annotations

import math
import os
import time as clock
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import Any, Generic, Protocol, TypeVar

from carryall._clock import gpsnow
from carryall._queue import DROP_LOG_INTERVAL, GAP_WARN_MIN, TimedQueue, logger
from carryall.block import SeriesBlock, combine_blocks, concatenate_blocks, time_as_ns
from carryall.channel import Channel
from carryall.errors import GapError, InvalidArgumentError, UnknownPolicyError


class OnGap(Enum):
    """What to do with a stride for which no source has data."""

    FILL = 1
    SKIP = 2
    RAISE = 3


class OnDrop(Enum):
    """What to do with blocks that come too late."""

    IGNORE = 1
    RAISE = 2
    WARN = 3


ONGAP_DEFAULT = os.environ.get("ARRAKIS_ONGAP", "fill")
ONDROP_DEFAULT = os.environ.get("ARRAKIS_ONDROP", "ignore")
DEFAULT_TIMEOUT = timedelta(seconds=1)
IDLE = 1 / 64  # s, between two looks at a reader that cannot be waited for

Slots = dict[str, list[tuple[int, Any]]]
T = TypeVar("T")

__all__ = ["DEFAULT_TIMEOUT", "DROP_LOG_INTERVAL", "GAP_WARN_MIN", "ONDROP_DEFAULT",
           "ONGAP_DEFAULT", "BlockMuxStream", "GapError", "HasStreams", "OnDrop", "OnGap",
           "TimedQueue", "describe_stream", "policy"]


def policy(kind: type[OnGap] | type[OnDrop], value: str | OnGap | OnDrop) -> str:
    """The name of a policy given as text, in any case, or as a member."""
    if isinstance(value, kind):
        return value.name.lower()
    if str(value).upper() not in kind.__members__:
        choices = ", ".join(kind.__members__).lower()
        raise UnknownPolicyError(f"{kind.__name__} must be one of {choices}: {value!r}")
    return str(value).lower()


class HasStreams(Protocol):
    """Whatever has streams by name."""

    @property
    def streams(self) -> Mapping[str, Sequence[Channel]]: ...


def describe_stream(stream_name: str, channels: Sequence[Channel],
                    label: str | None = None) -> str:
    """A stream as log lines call it: by its first channel, and how many more there are."""
    names = sorted(channel.name for channel in channels)
    first = names[0] if names else "no channels"
    more = f" +{len(names) - 1} more" if len(names) > 1 else ""
    return f"{f'{label} ' if label else ''}{first}{more} ({stream_name})"


class BlockMuxStream(Generic[T]):
    """The streams of `reader` on one time line. Times are ns. One thread at a time.

    From `start`, or live; `timeout` replaces that of each stream, which is its channels' largest
    latency and a stride; `stride`, of what comes out, is a multiple of the streams'. `combiner`
    makes of a stride (its time, its length, and its slots by stream: (time, payload or None))
    what pull() gives, by default a SeriesBlock; payloads are SeriesBlocks then."""

    def __init__(self, reader: HasStreams, start: int | None = None, timeout: int = 0,
                 on_gap: str | OnGap = ONGAP_DEFAULT, stride: int | None = None,
                 label: str | None = None,
                 combiner: Callable[[int, int, Slots], Any] | None = None) -> None:
        self.reader = reader
        self.start = start
        self.on_gap = OnGap[policy(OnGap, on_gap).upper()]
        self.label = label
        self._combiner: Callable[[int, int, Slots], Any] = (
            combiner or self._combine_series_blocks)
        self._stream_channels = {name: list(channels)
                                 for name, channels in reader.streams.items()}
        self.channels = [channel for channels in self._stream_channels.values()
                         for channel in channels]
        self._queues: dict[str, TimedQueue[Any]] = {
            name: self._make_queue(name, channels, timeout)
            for name, channels in self._stream_channels.items()}
        strides = [queue.stride for queue in self._queues.values()]
        self._native = math.lcm(*strides)
        self._finest = min(strides, default=1)
        self.stride = self._native if stride is None else stride
        if self.stride <= 0 or self.stride % self._native:
            raise InvalidArgumentError(
                f"stride must be a positive integer multiple of the native stride, "
                f"{self._native:_} ns: got {self.stride:_} ns")
        for queue in self._queues.values():
            queue.ensure_buffer(self.stride)
        self.timeout = max((queue.timeout for queue in self._queues.values()), default=0)
        self._use_timeouts = start is None and all(
            queue.timeout for queue in self._queues.values())
        self._stride_mismatched: set[str] = set()
        self._looked = (-1, 0)  # the slot of wall time, and how many streams had begun

    def _make_queue(self, name: str, channels: list[Channel], timeout: int) -> TimedQueue[Any]:
        missing = [channel.name for channel in channels if not channel.stride]
        assert not missing, f"channels without a stride: {', '.join(missing[:5])}"
        stride = math.lcm(*(channel.stride or 1 for channel in channels))
        latencies = [channel.max_latency for channel in channels if channel.max_latency]
        own = max(latencies) + stride if latencies else 0
        return TimedQueue(stride, timeout or own, self.start,
                          name=describe_stream(name, channels, self.label))

    def __getitem__(self, key: str) -> TimedQueue[Any]:
        return self._queues[key]

    def push(self, stream_name: str, block: SeriesBlock) -> None:
        """Gives a stream its next block."""
        self.push_payload(stream_name, block.time_ns, block.duration_ns, block)

    def push_payload(self, stream_name: str, time_ns: int, duration_ns: int,
                     payload: Any) -> None:
        """Gives a stream what the combiner gets for [time_ns, time_ns + duration_ns)."""
        queue = self._queues[stream_name]
        edge = self.start is not None and duration_ns < queue.stride
        if duration_ns != queue.stride and not edge:
            self._stride_mismatched.add(stream_name)
            queue.count_drop("stride-mismatched",
                             f"block of {duration_ns:_} ns in a stream of {queue.stride:_} ns")
            return
        if stream_name in self._stride_mismatched:
            self._stride_mismatched.discard(stream_name)
            logger.info("%s: the length of blocks matches again, after %d unreported drop(s)",
                        queue.name, queue.finish_drop("stride-mismatched"))
        queue.push(time_ns, payload)

    def declare_complete(self, time_ns: int) -> None:
        """Nothing more will come from before `time_ns`."""
        for queue in self._queues.values():
            end = -(-time_ns // queue.stride) * queue.stride
            queue.push(end - queue.stride, None)

    def ready(self) -> bool:
        """Whether a stride is known in full."""
        if self.start is None:
            self._look_at_the_clock()
        return all(queue.ready(self.stride, update_timeout=False) is not None
                   for queue in self._queues.values())

    def _look_at_the_clock(self) -> None:
        """What depends on the time of day, and where a live stream begins: once a slot, and
        once a stream has begun."""
        now = time_as_ns(gpsnow())
        begun = sum(queue.initialized for queue in self._queues.values())
        if (now // self._finest, begun) == self._looked:
            return
        self._looked = (now // self._finest, begun)
        if self._use_timeouts:
            for queue in self._queues.values():
                queue.update_timeout(now)
        self._align_queues()

    def _align_queues(self) -> None:
        fronts = [queue.front_time() for queue in self._queues.values()]
        known = [front for front in fronts if front is not None]
        if not known:
            return
        begin = -(-max(known) // self.stride) * self.stride
        for queue in self._queues.values():
            queue.drain_until(begin)

    def _next_is_gap(self, stride: int) -> bool:
        for queue in self._queues.values():
            time = queue.next_element_time()
            if time is not None and time < queue.cursor + stride:
                return False
        return True

    def pull(self, stride: int | None = None) -> T | None:
        """The next stride; None if it is skipped. GapError, once, if it is all missing and
        `on_gap` says so."""
        stride = self.stride if stride is None else stride
        begin = self._begin()
        if self.on_gap is not OnGap.FILL and self._next_is_gap(stride):
            end = begin + stride
            if self.on_gap is OnGap.SKIP:
                end = max(end, self._data_from(begin, stride))
            for queue in self._queues.values():
                queue.skip_until(end)
            if self.on_gap is OnGap.RAISE:
                raise GapError(f"gap in stream: no data from {begin / 1e9:.9f} to "
                               f"{end / 1e9:.9f}")
            return None
        slots = {name: queue.pull_slots(stride) for name, queue in self._queues.items()}
        return self._combiner(begin, stride, slots)

    def _data_from(self, begin: int, stride: int) -> int:
        """The begin of the first stride that has data, or is not known."""
        first = min(queue.horizon for queue in self._queues.values())
        times = [queue.next_element_time() for queue in self._queues.values()]
        first = min([first, *(time for time in times if time is not None)])
        return begin + (first - begin) // stride * stride

    def _begin(self) -> int:
        begin = max((queue.cursor for queue in self._queues.values()), default=0)
        return begin if self.start is None else max(begin, self.start)

    def _combine_series_blocks(self, time_ns: int, stride: int, slots: Slots) -> SeriesBlock:
        blocks = []
        for name, pieces in slots.items():
            queue, channels = self._queues[name], self._stream_channels[name]
            parts = [SeriesBlock.full_gap(time, queue.stride, channels)
                     if block is None else block for time, block in pieces]
            blocks.append(parts[0] if len(parts) == 1 else concatenate_blocks(*parts))
        return combine_blocks(*blocks)

    def stream(self, end_ns: int | None = None) -> Generator[T, None, None]:
        """Opens the reader, reads it until `end_ns`, or until it is done, and gives what pull()
        does; closes it."""
        reader: Any = self.reader
        with reader:
            yield from self._read(reader, end_ns)

    def _read(self, reader: Any, end_ns: int | None) -> Generator[T, None, None]:
        wait = getattr(reader, "wait", clock.sleep)
        while True:
            done = reader.done()
            idle = True
            for name, block in reader.read(convert_blocks=True):
                idle = False
                self.push(name, block)
                if (yield from self._ready_blocks(end_ns)):
                    return
            if (yield from self._ready_blocks(end_ns)):
                return
            if done:
                yield from self._tail(end_ns)
                return
            if idle:
                wait(IDLE)

    def _ready_blocks(self, end_ns: int | None) -> Generator[T, None, bool]:
        """What is ready; whether that was the last."""
        while self.ready():
            if end_ns is not None and self._begin() >= end_ns:
                return True
            block = self.pull()
            if block is not None:
                yield block
            if end_ns is not None and self._begin() >= end_ns:
                return True
        return False

    def _tail(self, end_ns: int | None) -> Generator[T, None, None]:
        """What is left of a coarse stride that does not come to its end."""
        if self.stride == self._native:
            return
        known = min((queue.horizon for queue in self._queues.values()), default=0)
        length = (known - self._begin()) // self._native * self._native
        if length > 0 and (end_ns is None or self._begin() < end_ns):
            block = self.pull(length)
            if block is not None:
                yield block
