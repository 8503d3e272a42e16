"""The publisher: blocks of registered channels, delivered to Kafka and confirmed."""

from __future__ import annotations

import logging
import os
from collections.abc import Container, Iterable
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow

from carryall._load import _core
from carryall._times import Nanoseconds
from carryall.block import SeriesBlock
from carryall.channel import Channel
from carryall.client import Client, Seconds, parse_arrakis_url
from carryall.errors import (CancelledError, CarryallError, DeadlineError, InvalidArgumentError,
                             PublishError, UnknownChannelError, UnsupportedError)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

_logger = logging.getLogger("arrakis")

HAS_KAFKA = True  # the core brings it along
CLOSE_TIMEOUT = timedelta(seconds=10)
DELIVERY_TIMEOUT = timedelta(seconds=30)


def serialize_batch(batch: pyarrow.RecordBatch) -> pyarrow.Buffer:
    """A batch as an Arrow IPC stream: what a Kafka message holds."""
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _timeout_ns(timeout: timedelta | Seconds | None) -> int | None:
    if timeout is None:
        return None
    if isinstance(timeout, Nanoseconds):
        if timeout < 0:
            raise InvalidArgumentError(f"a timeout must not be negative, got {timeout}")
        return int(timeout)
    if not isinstance(timeout, timedelta):
        timeout = timedelta(seconds=float(timeout))
    if timeout < timedelta():
        raise InvalidArgumentError(f"a timeout must not be negative, got {timeout}")
    return (timeout // timedelta(microseconds=1)) * 1000


@contextmanager
def _failures_of_delivery(block: SeriesBlock | None = None,
                          registered: Container[str] = ()) -> Iterator[None]:
    """What went wrong on the way to the brokers, whatever kind it is of, is a PublishError."""
    try:
        yield
    except InvalidArgumentError as error:
        if block is not None and not all(name in registered for name in block):
            raise UnknownChannelError(str(error)) from None
        raise
    except (UnsupportedError, DeadlineError, CancelledError):
        raise
    except CarryallError as error:
        raise PublishError(str(error)) from error


class Publisher:
    """Publishes blocks of the channels that a publisher ID has registered with a server.

        with Publisher("MY_ID").register() as publisher:
            publisher.publish(block)

    A block has to have all registered channels (or, with `partial`, some of them) as they are
    registered, lasts a stride, begins at a multiple of it, and comes after the one before;
    anything else is a ValueError, and nothing of that block is sent. With `transactional`
    readers see a block as a whole or not at all, and a second publisher with this ID takes
    over from the first, which can publish no more. `token`: None and True take ARRAKIS_TOKEN, if
    it is set, and else what carryall.auth.resolve_token() does. One thread at a time."""

    def __init__(self, publisher_id: str, url: str | None = None, replay_id: str | None = None, *,
                 token: str | bool | None = None, partial: bool = False,
                 transactional: bool = False,
                 delivery_timeout: timedelta | Seconds = DELIVERY_TIMEOUT) -> None:
        self.publisher_id = publisher_id
        self.replay_id = replay_id
        self.initial_url = parse_arrakis_url(url).geturl()
        from carryall.auth import CREATE_SCOPE, resolve_token  # needs pyarrow.flight, later
        if token is None or token is True:
            token = os.environ.get("ARRAKIS_TOKEN") or token
        self._token = resolve_token(token, self.initial_url, f"{CREATE_SCOPE}:/{publisher_id}")
        self.channels: dict[str, Channel] = {}
        self.stride: int | None = None
        self._core = _core.Publisher(
            publisher_id, self.initial_url, replay_id, self._token, partial, transactional,
            _timeout_ns(delivery_timeout) or 0)

    def __repr__(self) -> str:
        return f"Publisher({self.publisher_id!r}, {self.initial_url!r})"

    @property
    def confirmed(self) -> int:
        """Blocks whose delivery was confirmed."""
        return self._core.confirmed()

    def register(self, channels: Iterable[Channel] | None = None) -> Self:
        """Asks the server for the channels of this publisher. Given some, registers those
        that the server does not have as they are given."""
        if channels is None:
            # Through the name that tests of other packages put a stand-in for.
            client = Client(self.initial_url, token=self._token or False)
            self._core.adopt(list(client.find(
                publisher=self.publisher_id, replay_id=self.replay_id, min_rate=None,
                max_rate=None)))
        else:
            self._core.register(list(channels))
        self._learn()
        return self

    def _learn(self) -> None:
        self.channels = {channel.name: channel for channel in self._core.channels()}
        self.stride = self._core.stride()

    def enter(self) -> None:
        """Connects to the brokers that the server names."""
        self._core.open()
        if not self.channels:
            self._learn()

    def __enter__(self) -> Self:
        self.enter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def publish(self, block: SeriesBlock, timeout: timedelta | Seconds | None = None) -> None:
        """Sends a block and returns when its delivery is confirmed.

        TimeoutError if it is not within `timeout`: the block is still under way then, and
        publishing it again waits for it. PublishError if it could not be delivered; what was
        not is sent when it is published again."""
        with _failures_of_delivery(block, self.channels):
            self._core.publish(block, _timeout_ns(timeout))

    def send(self, block: SeriesBlock) -> None:
        """Sends a block without waiting for it; flush() tells how it, and all before it,
        ended."""
        with _failures_of_delivery(block, self.channels):
            self._core.send(block)

    def flush(self, timeout: timedelta | Seconds | None = None) -> None:
        """Returns when the delivery of all blocks is confirmed; errors as of publish()."""
        with _failures_of_delivery():
            self._core.flush(_timeout_ns(timeout))

    def close(self, timeout: timedelta | Seconds = CLOSE_TIMEOUT) -> None:
        """Waits for what is under way and lets go of the brokers. What is lost is logged as a
        warning."""
        try:
            self._core.close(_timeout_ns(timeout) or 0)
        except CarryallError as error:
            _logger.warning("closing: %s", error)
