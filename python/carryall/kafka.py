"""Reads the topics of partitions straight from Kafka brokers.

`Client.stream(kafka_url=...)` does that in the core; this is for programs that handle the
messages themselves."""

from __future__ import annotations

import os
import random
import string
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable
from enum import Enum
from typing import Any

import numpy
import pyarrow

from carryall._clock import gpsnow_ns
from carryall._load import _core
from carryall._queue import logger
from carryall.block import SeriesBlock, Time
from carryall.channel import Channel
from carryall.constants import topic_name
from carryall.errors import CarryallError, DeadlineError, InternalError, UnavailableError
from carryall.mux import describe_stream
from carryall.stream import StreamReader

FAST_FORWARD_GRACE_BUDGETS = 1.0
FAST_FORWARD_GRACE_FLOOR = 10.0  # s
_MOST_AT_ONCE = 100  # messages

__all__ = ["FAST_FORWARD_GRACE_BUDGETS", "FAST_FORWARD_GRACE_FLOOR", "FastForwardPolicy",
           "KafkaReader", "LagAction", "generate_groupid", "random_alphanum"]


def random_alphanum(n: int) -> str:
    """Random upper-case letters and digits."""
    return "".join(random.choices(string.ascii_uppercase + string.digits, k=n))


def generate_groupid() -> str:
    """A group id that nobody else has."""
    return random_alphanum(16)


class LagAction(Enum):
    """What to do about how far behind a stream is."""

    OK = 1
    RECOVERED = 2  # it was moved forward, and is within its budget again
    FORWARD = 3  # it has been behind for too long: move it forward


class FastForwardPolicy:
    """Decides when streams that stay behind are moved forward: once one has been older than its
    budget for `grace_budgets` times that budget, and `grace_floor` seconds at least."""

    def __init__(self, grace_budgets: float = FAST_FORWARD_GRACE_BUDGETS,
                 grace_floor: float = FAST_FORWARD_GRACE_FLOOR,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.grace_budgets = grace_budgets
        self.grace_floor = grace_floor
        self._clock = clock
        self._behind_since: dict[str, float] = {}
        self._moved = False

    def grace(self, budget_ns: int) -> float:
        """How long a stream may be behind, s."""
        return max(self.grace_floor, self.grace_budgets * budget_ns / int(Time.SECONDS))

    def observe(self, stream_id: str, lag_ns: int, budget_ns: int) -> LagAction:
        """Takes note of how old a block of a stream is. Without a budget nothing is to do."""
        if budget_ns <= 0 or self.grace_budgets <= 0:
            return LagAction.OK
        if lag_ns <= budget_ns:
            self._behind_since.pop(stream_id, None)
            if self._moved and not self._behind_since:
                self._moved = False
                return LagAction.RECOVERED
            return LagAction.OK
        now = self._clock()
        since = self._behind_since.setdefault(stream_id, now)
        return LagAction.FORWARD if now - since >= self.grace(budget_ns) else LagAction.OK

    def forwarded(self) -> None:
        """All streams were moved forward: each has its grace again."""
        self._behind_since.clear()
        self._moved = True


class _Partition:
    """What is wanted of one topic."""

    def __init__(self, stream: str, channels: list[Channel]) -> None:
        self.stream = stream
        self.channels = channels
        self.by_id = {channel.partition_index: channel for channel in channels
                      if channel.partition_index is not None}
        self._wanted = numpy.zeros(max(self.by_id, default=-1) + 2, bool)
        self._wanted[list(self.by_id)] = True
        latencies = [channel.max_latency for channel in channels]
        self.budget_ns = 0
        if all(latency is not None for latency in latencies):
            self.budget_ns = (max(latency or 0 for latency in latencies)
                              + max(channel.stride or 0 for channel in channels))
        self.empty = False  # the last message had nothing that is wanted

    def wanted_rows(self, batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
        """The rows of its channels."""
        ids = batch.column(1).to_numpy(zero_copy_only=False)
        wanted = self._wanted[numpy.minimum(ids, len(self._wanted) - 1)]
        return batch if wanted.all() else batch.filter(pyarrow.array(wanted))


class _ErrorLog:
    """Logs what goes wrong with messages: at once, then not too often, and that it is over."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._count = 0
        self._logged = 0.0

    def error(self, topic: str, text: str | None) -> None:
        self._count += 1
        now = time.monotonic()
        if self._count == 1 or now - self._logged >= self._interval:
            self._logged = now
            logger.warning("%s cannot be read (%d error(s) so far): %s", topic, self._count, text)

    def fine(self) -> None:
        if self._count:
            logger.info("messages are read again, after %d error(s)", self._count)
        self._count = 0


class KafkaReader(StreamReader):
    """Reads channels from their partitions' topics on the brokers of `url`, "host:port[,...]",
    each as it is or with kafka:// before it: from `start` (GPS ns), or live. A stream is named
    "<url>/<partition>". What the topics that are not there yet would have is not waited for.

    With `fast_forward` a live reader that stays behind its channels' latency goes on near the
    present. One thread at a time."""

    POLL_TIMEOUT = 0.1  # s, that read() waits for a first message
    OFFSETS_TIMEOUT = 10.0
    TOPIC_RECHECK_TIMEOUT = 1.0
    MISSING_TOPIC_RECHECK = 10.0
    WATERMARK_REFRESH = 5.0
    CONSUME_ERROR_LOG_INTERVAL = 30.0
    QUEUE_KBYTES_PER_PARTITION = 1024
    QUEUE_KBYTES_MIN = 4096
    QUEUE_KBYTES_MAX = 65536
    FETCH_QUEUE_BACKOFF_MS = 100

    def __init__(self, url: str, metadata: dict[str, Channel], start: int | None = None, *,
                 fast_forward: bool = False) -> None:
        self.url = url
        self.metadata = metadata
        self.start = start
        topics: dict[str, list[Channel]] = defaultdict(list)
        for channel in metadata.values():
            assert channel.partition_id, f"channel has no partition: {channel.name}"
            topics[topic_name(channel.partition_id, channel.replay_id)].append(channel)
        self._partitions = {topic: _Partition(f"{url}/{channels[0].partition_id}", channels)
                            for topic, channels in topics.items()}
        self._by_stream = {part.stream: part for part in self._partitions.values()}
        self._policy = FastForwardPolicy() if fast_forward and start is None else None
        self._consumer: Any = None
        self._read: list[str] = []
        self._missing: list[str] = []
        self._recheck_at = 0.0
        self._ends: dict[str, int] = {}
        self._ends_at = float("-inf")
        self._errors = _ErrorLog(self.CONSUME_ERROR_LOG_INTERVAL)
        self._ahead: deque[tuple[str, pyarrow.Buffer]] = deque()

    @property
    def streams(self) -> dict[str, list[Channel]]:
        return {stream: part.channels for stream, part in self._by_stream.items()}

    def _properties(self) -> dict[str, str]:
        kbytes = self.QUEUE_KBYTES_PER_PARTITION * len(self._partitions)
        kbytes = min(max(kbytes, self.QUEUE_KBYTES_MIN), self.QUEUE_KBYTES_MAX)
        properties = {"queued.max.messages.kbytes": str(kbytes)}
        if debug := os.environ.get("ARRAKIS_KAFKA_DEBUG"):
            properties["debug"] = debug
        return properties

    def enter(self) -> None:
        """RuntimeError if the brokers do not answer within OFFSETS_TIMEOUT."""
        self._consumer = _core.KafkaConsumer(self.url, self._properties())
        try:
            self._assign(list(self._partitions), self._first_time(), False, self.OFFSETS_TIMEOUT)
        except (DeadlineError, UnavailableError) as error:
            self.close()
            raise InternalError(f"where to start is not known: {error}") from error
        if self._missing:
            logger.warning("topics that do not exist (yet) at %s give gaps: %s", self.url,
                           ", ".join(self._missing))

    def _first_time(self) -> int | None:
        """Where to start, whole seconds; None for what comes from now on."""
        if self.start is None or self.start > gpsnow_ns():
            return None
        return self.start // int(Time.SECONDS) * int(Time.SECONDS)

    def _assign(self, topics: list[str], from_time: int | None, oldest: bool,
                timeout: float) -> None:
        self._recheck_at = time.monotonic() + self.MISSING_TOPIC_RECHECK
        found = self._consumer.assign(topics, from_time, oldest, int(timeout * 1e9))
        self._missing = []
        for topic, (_, end, error) in zip(topics, found):
            if error is not None:
                self._missing.append(topic)
                continue
            self._ends[topic] = end
            if topic not in self._read:
                self._read.append(topic)

    def _look_for_missing(self) -> None:
        if not self._missing or time.monotonic() < self._recheck_at:
            return
        before = self._missing
        try:
            self._assign(before, None, self.start is not None, self.TOPIC_RECHECK_TIMEOUT)
        except CarryallError as error:
            self._missing = before
            logger.debug("looking for missing topics at %s: %s", self.url, error)
            return
        appeared = [topic for topic in before if topic not in self._missing]
        if appeared:
            logger.info("topics that are there now: %s", ", ".join(appeared))

    def fast_forward(self, time_ns: int | None = None, *, timeout: float | None = None) -> int:
        """Goes on at a time (GPS ns), or after the newest message: how many topics moved; none
        if nothing waits to be read."""
        if not self._read or self._at_head():
            return 0
        self._ahead.clear()
        limit = self.OFFSETS_TIMEOUT if timeout is None else timeout
        try:
            self._assign_again(time_ns, limit)
        except CarryallError as error:
            if time_ns is None:
                raise
            logger.warning("no offsets for the time to go on at, so after the newest: %s", error)
            self._assign_again(None, limit)
        return len(self._read)

    def _assign_again(self, time_ns: int | None, timeout: float) -> None:
        missing, recheck_at = self._missing, self._recheck_at
        try:
            self._assign(list(self._read), time_ns, False, timeout)
        finally:
            self._missing, self._recheck_at = missing, recheck_at

    def _at_head(self) -> bool:
        try:
            self._refresh_ends()
        except CarryallError:
            return False
        return self._nothing_left()

    def _refresh_ends(self) -> None:
        marks = self._consumer.watermarks(self._read, int(self.TOPIC_RECHECK_TIMEOUT * 1e9))
        self._ends = {topic: end for topic, (_, end, error) in zip(self._read, marks)
                      if error is None}
        self._ends_at = time.monotonic()

    def _nothing_left(self) -> bool:
        return not self._ahead and all(
            topic in self._ends and self._consumer.next_offset(topic) >= self._ends[topic]
            for topic in self._read)

    def exhausted(self) -> bool:
        """Whether everything that was in the topics up to WATERMARK_REFRESH seconds ago has
        been read."""
        if self._consumer is None:
            return False
        if time.monotonic() - self._ends_at >= self.WATERMARK_REFRESH:
            try:
                self._refresh_ends()
            except CarryallError as error:
                logger.debug("how far the topics at %s go: %s", self.url, error)
                return False
        return self._nothing_left()

    def _messages(self, wait: float) -> Iterable[tuple[str, pyarrow.Buffer]]:
        """What has come; waits for a first message."""
        self._look_for_missing()
        if not self._ahead:
            messages, errors = self._consumer.poll(_MOST_AT_ONCE, int(wait * 1e9))
            for topic, error in errors:
                self._errors.error(topic, error)
            if messages:
                self._errors.fine()
            self._ahead.extend(messages)
        while self._ahead:
            yield self._ahead.popleft()

    def _batches(self, wait: float) -> Generator[
            tuple[_Partition, int, pyarrow.RecordBatch], None, None]:
        for topic, message in self._messages(wait):
            part = self._partitions[topic]
            with pyarrow.ipc.open_stream(message) as reader:
                for batch in reader:
                    if batch.num_rows == 0:
                        self._nothing_wanted(part, topic)
                        continue
                    yield part, batch.column(0)[0].as_py(), batch
                    if self._is_behind(part, batch.column(0)[0].as_py()):
                        return

    def _nothing_wanted(self, part: _Partition, topic: str) -> None:
        if not part.empty:
            logger.warning("messages of %s have nothing of what is wanted", topic)
        part.empty = True

    def _is_behind(self, part: _Partition, time_ns: int) -> bool:
        """Goes forward if that is due; whether it did."""
        if self._policy is None:
            return False
        lag = gpsnow_ns() - time_ns
        action = self._policy.observe(part.stream, lag, part.budget_ns)
        name = describe_stream(part.stream, part.channels)
        if action is LagAction.RECOVERED:
            logger.info("%s: within its latency again", name)
        if action is not LagAction.FORWARD:
            return False
        moved = self.fast_forward(gpsnow_ns() - part.budget_ns,
                                  timeout=self.TOPIC_RECHECK_TIMEOUT)
        self._policy.forwarded()
        if moved:
            logger.warning("%s: %.1f s behind, goes on near the present", name, lag / 1e9)
        return bool(moved)

    def read(self, *, convert_blocks: bool = False) -> Generator[tuple[str, Any], None, None]:
        """What has come, the rows of the channels; waits up to POLL_TIMEOUT for it."""
        for part, _, batch in self._batches(self.POLL_TIMEOUT):
            if convert_blocks:
                item = SeriesBlock.from_row_batch(batch, part.by_id)
                some = len(item) > 0
            else:
                item = part.wanted_rows(batch)
                some = item.num_rows > 0
            if not some:
                self._nothing_wanted(part, part.stream)
                continue
            part.empty = False
            yield part.stream, item

    def read_raw(self, *, wait: float = 0.0) -> Generator[
            tuple[str, int, pyarrow.RecordBatch], None, None]:
        """What has come, as (stream, time in ns, the message's whole batch); waits up to `wait`
        seconds for it."""
        for part, time_ns, batch in self._batches(wait):
            yield part.stream, time_ns, batch

    def wait(self, timeout: float) -> None:
        """Nothing: read() waits itself."""

    def done(self) -> bool:
        """Never: more can be published at any time. See exhausted()."""
        return False

    def close(self) -> None:
        self._consumer = None
        self._read, self._ahead = [], deque()
