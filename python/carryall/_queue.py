"""TimedQueue: what one stream of blocks has on a time line. See carryall.mux."""

from __future__ import annotations

import logging
import threading
import time as clock
import warnings
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from carryall._clock import gpsnow
from carryall.block import Time, time_as_ns
from carryall.errors import DroppedError

logger = logging.getLogger("arrakis")

T = TypeVar("T")

DROP_LOG_INTERVAL = 30.0  # s, between two warnings of one kind of drop of a queue
GAP_WARN_MIN = 1.0  # s, of data that are missing before that is worth a warning
MIN_CAPACITY = 1000  # elements


def _now_ns() -> int:
    return time_as_ns(gpsnow())


class _Drops:
    """Counts what a queue drops and says so, not too often."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.counts: dict[str, int] = {}
        self._since: dict[str, int] = {}  # not yet told
        self._told: dict[str, float] = {}  # when, by the monotonic clock

    def count(self, kind: str, detail: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self._since[kind] = self._since.get(kind, 0) + 1
        now = clock.monotonic()
        if kind in self._told and now - self._told[kind] < DROP_LOG_INTERVAL:
            return
        self._told[kind] = now
        logger.warning("%s: dropped %d %s element(s): %s", self._name, self._since.pop(kind),
                       kind, detail)

    def finish(self, kind: str) -> int:
        """Ends an episode of drops: how many of them are not told yet. The next is at once."""
        self._told.pop(kind, None)
        return self._since.pop(kind, 0)


class _GapLog:
    """Says when data are missing for long, and when they are back."""

    def __init__(self, name: str, patience_ns: int) -> None:
        self._name = name
        self._patience_ns = patience_ns
        self._since: int | None = None
        self._warned = False
        self._flowed = False

    def data(self, time: int) -> None:
        if self._since is not None and self._flowed:
            logger.log(logging.INFO if self._warned else logging.DEBUG,
                       "%s: data resumed at GPS %.3f after %.1f s of gap", self._name,
                       time / 1e9, (time - self._since) / 1e9)
        self._since, self._warned, self._flowed = None, False, True

    def gap(self, time: int, end: int) -> None:
        if self._since is None:
            self._since = time
            logger.debug("%s: %s at %.9f", self._name,
                         "data stopped" if self._flowed else "gaps until data arrives",
                         time / 1e9)
        if self._flowed and not self._warned and end - self._since >= self._patience_ns:
            self._warned = True
            logger.warning("%s: no data since GPS %.3f, serving gaps until it resumes",
                           self._name, self._since / 1e9)


class TimedQueue(Generic[T]):
    """Elements of one stream, one a stride, on the grid of multiples of `stride` (ns).

    What lies before `horizon` is known, as an element or as a gap; `cursor` is what is served
    next. Only elements are stored. A queue with `start` begins there; one without is live: its
    first element moves it, if nothing was served yet, and what is older than now - `timeout` is
    known to be missing, the slot of that time too (0: never). Thread safe."""

    def __init__(self, stride: int, timeout: int, start: int | None = None, *,
                 name: str = "") -> None:
        self.stride = stride
        self.timeout = timeout
        self.start = start
        self.name = name
        self.cursor = self.horizon = self._floor(_now_ns() if start is None else start)
        self._queue: deque[tuple[int, T]] = deque()
        self._max_queue = MIN_CAPACITY
        self.ensure_buffer(timeout)
        self._initialized = start is not None
        self._placed = start is not None  # an element or an alignment says where it begins
        self._served = False
        self._drops = _Drops(name or "stream")
        self._gaps = _GapLog(name or "stream", max(timeout, int(GAP_WARN_MIN * Time.SECONDS)))
        self._lock = threading.RLock()

    def _floor(self, time: int) -> int:
        return time // self.stride * self.stride

    @property
    def _drop_counts(self) -> dict[str, int]:
        return self._drops.counts

    @property
    def initialized(self) -> bool:
        """Whether it is known where the stream begins: by its start, or by an element."""
        return self._initialized

    def count_drop(self, kind: str, detail: str) -> None:
        """Counts an element that was dropped; a warning at most every DROP_LOG_INTERVAL."""
        with self._lock:
            self._drops.count(kind, detail)

    def finish_drop(self, kind: str) -> int:
        """How many of a kind were dropped since the last time, which are forgotten."""
        with self._lock:
            return self._drops.finish(kind)

    def __len__(self) -> int:
        return len(self._queue)

    def __repr__(self) -> str:
        return (f"<{type(self).__name__} stride={self.stride:_} timeout={self.timeout:_} "
                f"cursor={self.cursor:_} horizon={self.horizon:_} length={len(self)}>")

    def push(self, time: int, element: T | None, on_drop: str = "ignore") -> None:
        """Takes the element of the slot at `time` (ns, a multiple of the stride, or `start`),
        or, for None, that there is none. Everything before it is known then.

        What comes late is dropped: counted ("ignore"), with a Python warning ("warn") or as a
        ValueError ("raise"). AssertionError for a time off the grid."""
        assert time % self.stride == 0 or time == self.start, (
            f"time {time:_} is not a multiple of the stride {self.stride:_}, nor the start "
            f"{self.start}: {self.name}")
        slot = self._floor(time)
        with self._lock:
            if element is None:
                self.horizon = max(self.horizon, slot + self.stride)
                return
            if not self._placed:
                self.cursor = self.horizon = slot
            self._placed = self._initialized = True
            if slot < self.horizon:
                self._drop_late(time, on_drop)
                return
            if len(self._queue) >= self._max_queue:
                oldest, _ = self._queue.popleft()
                self._drop("overflow",
                           f"queue at capacity ({self._max_queue}): the oldest, at {oldest:_}",
                           on_drop)
            self._queue.append((time, element))
            self.horizon = slot + self.stride

    def _drop_late(self, time: int, on_drop: str) -> None:
        if self.start is None and not self._served:
            logger.debug("%s: startup alignment trim: element at %d is before %d",
                         self.name or "stream", time, self.cursor)
            return
        self._drop("late", f"timestamp is too old: {time:_} is before {self.horizon:_}", on_drop,
                   depth=4)

    def _drop(self, kind: str, detail: str, on_drop: str, depth: int = 3) -> None:
        self._drops.count(kind, detail)
        policy = on_drop.lower()
        if policy == "raise":
            raise DroppedError(f"{self.name or 'stream'}: {kind}: {detail}")
        if policy == "warn":
            warnings.warn(f"{self.name or 'stream'}: dropped: {kind}: {detail}", stacklevel=depth)

    def ensure_buffer(self, duration: int) -> None:
        """Makes room for twice `duration` (ns) at least."""
        self._max_queue = max(self._max_queue, 2 * duration // self.stride)

    def update_timeout(self, now_ns: int | None = None) -> None:
        """Declares what is older than the timeout known."""
        if self.start is not None or not self.timeout:
            return
        if now_ns is None:
            now_ns = _now_ns()
        with self._lock:
            self.horizon = max(self.horizon,
                               self._floor(now_ns - self.timeout) + self.stride)

    def ready(self, duration: int, *, update_timeout: bool = True) -> int | None:
        """How many slots the next `duration` has, if all of it is known."""
        if update_timeout:
            self.update_timeout()
        with self._lock:
            return duration // self.stride if self.horizon >= self.cursor + duration else None

    def _serve(self) -> tuple[int, T | None]:
        slot = self.cursor
        self.cursor += self.stride
        self._placed = self._served = True
        if self._queue and self._queue[0][0] < self.cursor:
            time, element = self._queue.popleft()
            self._gaps.data(slot)
            return time, element
        self._gaps.gap(slot, self.cursor)
        return slot, None

    def pull(self, duration: int | None = None, *,
             update_timeout: bool = True) -> Iterator[tuple[int, T | None]]:
        """The slots of the next `duration` (all that is known without), as (time, element or
        None); nothing if not all of it is known."""
        if update_timeout:
            self.update_timeout()
        with self._lock:
            if duration is None:
                duration = self.horizon - self.cursor
            elif self.horizon < self.cursor + duration:
                return
            end = self.cursor + duration
        while self.cursor < end:
            with self._lock:
                slot = self._serve()
            yield slot

    def pull_slots(self, duration: int) -> list[tuple[int, T | None]]:
        """The slots of the next `duration`, known or not."""
        with self._lock:
            end = self.cursor + duration
            slots = []
            while self.cursor < end:
                slots.append(self._serve())
            self.horizon = max(self.horizon, self.cursor)
            return slots

    def skip_until(self, time: int) -> None:
        """Serves nothing but gaps until `time`, a multiple of the stride, without making them."""
        with self._lock:
            if time > self.cursor:
                self._gaps.gap(self.cursor, time)
                self._placed = self._served = True
                self.cursor = time
                self.horizon = max(self.horizon, time)

    def next_element_time(self) -> int | None:
        """The time of the next element."""
        with self._lock:
            return self._queue[0][0] if self._queue else None

    def front_time(self) -> int | None:
        """Where what is known begins."""
        with self._lock:
            return self.cursor if self.horizon > self.cursor else None

    def drain_until(self, target_time: int) -> None:
        """Forgets what lies before `target_time`, which then comes next."""
        target = -(-target_time // self.stride) * self.stride
        with self._lock:
            while self._queue and self._queue[0][0] < target:
                self._queue.popleft()
            self.cursor = max(self.cursor, target)
            self.horizon = max(self.horizon, self.cursor)
            self._placed = True
