"""The client: finds, counts and describes channels, fetches and streams their samples."""

from __future__ import annotations

import functools
import json
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import ParseResult, urlparse

import numpy
from numpy.typing import DTypeLike

from carryall._load import _core
from carryall._progress import BlockCounter, Progress, ProgressLike, listener
from carryall._stream import Stream
from carryall._times import Nanoseconds
from carryall.block import SeriesBlock
from carryall.channel import Channel
from carryall.constants import (DEFAULT_ARRAKIS_SERVER, DEFAULT_MATCH, MAX_SAMPLE_RATE,
                                MIN_SAMPLE_RATE)
from carryall.errors import EmptySpanError, InvalidArgumentError, raised
from carryall.mux import ONDROP_DEFAULT, ONGAP_DEFAULT, OnDrop, OnGap, policy

if TYPE_CHECKING:
    from pyarrow import flight
    from types import TracebackType

    from typing_extensions import Self

DataTypeLike = Union[DTypeLike, Sequence[DTypeLike]]
#: Seconds, or with Nanoseconds(...) whole nanoseconds
Seconds = Union[int, float, Decimal, Nanoseconds]
ChannelLike = Union[str, Channel]

# What a server that relays data may take beyond the latency of its channels, ns.
RELAY_GRACE = 2_000_000_000

__all__ = ["ONGAP_DEFAULT", "RELAY_GRACE", "Client", "DataTypeLike", "get_flight_info",
           "parse_arrakis_url"]


def get_flight_info(client: flight.FlightClient,
                    descriptor: flight.FlightDescriptor) -> flight.FlightInfo:
    """Where and how what a descriptor asks for can be read; for clients made with
    carryall.flight.connect()."""
    return client.get_flight_info(descriptor)


def parse_arrakis_url(url: str | None = None) -> ParseResult:
    """A server's URL, completed: scheme grpc, port 31206, host localhost. None stands for
    ARRAKIS_SERVER, or the default server."""
    if url is None:
        url = os.environ.get("ARRAKIS_SERVER", DEFAULT_ARRAKIS_SERVER)
    if "://" not in url:
        url = f"grpc://{url}"
    parsed = urlparse(url)
    place = parsed.netloc
    if ":" not in place:
        place += ":31206"
    if place.startswith(":"):
        place = "localhost" + place
    return parsed._replace(netloc=place)


def _ns(seconds: Seconds | None) -> int | None:
    """Seconds as nanoseconds. Of a float, its shortest decimal text counts, so that 0.1 is
    100,000,000 ns at any GPS time."""
    if seconds is None:
        return None
    if isinstance(seconds, Nanoseconds):
        return int(seconds)
    if isinstance(seconds, (int, numpy.integer)):
        return int(seconds) * 1_000_000_000
    if isinstance(seconds, (float, numpy.floating)):
        seconds = Decimal(repr(float(seconds)))
    value = Decimal(seconds)
    if not value.is_finite():
        raise InvalidArgumentError(f"not a time: {seconds}")
    return int(value * 1_000_000_000)


def _types(data_type: DataTypeLike | None) -> list[str]:
    if data_type is None:
        return []
    given = data_type if isinstance(data_type, (list, tuple)) else [data_type]
    return [numpy.dtype(one).name for one in given]  # type: ignore[arg-type]


def _rate(rate: int | None, otherwise: int) -> int:
    if rate is None:
        return otherwise
    if rate != int(rate):
        raise raised("InvalidRequestError")(f"a rate to filter by must be a whole number: {rate}")
    return int(rate)


def _names(channels: Iterable[ChannelLike]) -> list[str]:
    if isinstance(channels, str):
        raise InvalidArgumentError(f"channels must be a list of names, got {channels!r}")
    return [str(channel) for channel in channels]


def _refuse_empty(start: int | None, end: int | None, duration: int | None) -> None:
    if start is None or None not in (end, duration):
        return
    if duration is not None:
        end = start + duration
    if end is not None and end <= start:
        raise EmptySpanError(f"span is empty or inverted: [{Decimal(start).scaleb(-9)}, "
                             f"{Decimal(end).scaleb(-9)})")


def _timeout(name: str, value: Seconds | None) -> int | None:
    ns = _ns(value)
    if ns is not None and ns <= 0:
        raise InvalidArgumentError(f"{name} must be above 0 s, got {value}")
    return ns


class Client:
    """A connection to an Arrakis server, by default ARRAKIS_SERVER.

    Times are GPS seconds (int, float or Decimal) or Nanoseconds. Channels are given by name or
    as Channel. Nothing is sent before a method is called (a server behind a login host,
    "ssh://[user@]host[:port][::server[:port]]", is connected to at once, as carryall.proxy does
    it, for as long as this object lives); connections are kept and shared. May be used from
    several threads, and pickled (with its token, if one was given); a process forked off one
    that has made calls gets an UnsupportedError at once.

    Every wait has a deadline, and ends within a tenth of a second of Ctrl-C, of `close()` from
    another thread (CancelledError) and of the interpreter's exit. `request_timeout` is how
    long a request may go without an answer (30 s; ARRAKIS_REQUEST_TIMEOUT), `stall_timeout`
    how long a stream of data may be silent (by default as its channels declare, and 30 s),
    `latency_tolerance` the default of that of stream()."""

    def __init__(self, url: str | None = None, *, token: str | bool | None = None,
                 request_timeout: Seconds | None = None, stall_timeout: Seconds | None = None,
                 latency_tolerance: Seconds | None = None) -> None:
        from carryall.auth import resolve_token  # needs pyarrow.flight, which takes a while
        self._given: dict[str, Any] = {
            "token": token, "request_timeout": request_timeout, "stall_timeout": stall_timeout,
            "latency_tolerance": latency_tolerance}
        if request_timeout is None and (text := os.environ.get("ARRAKIS_REQUEST_TIMEOUT")):
            try:
                request_timeout = float(text)
            except ValueError:
                raise InvalidArgumentError(
                    f"ARRAKIS_REQUEST_TIMEOUT must be seconds, got {text!r}") from None
        timeouts = (_timeout("request_timeout", request_timeout),
                    _timeout("stall_timeout", stall_timeout))
        given = os.environ.get("ARRAKIS_SERVER", "") if url is None else url
        if given.startswith("ssh://"):
            self.initial_url = given
            # Tokens are for the server behind the login host, where the URL names it.
            login, _, server = given.removeprefix("ssh://").partition("::")
            found = resolve_token(token, f"grpc://{server or login.rpartition('@')[2]}") or None
            proxy = _core.SshProxy(given, found)
            weakref.finalize(self, proxy.close)
            self._core = _core.Client(proxy.url(), found, *timeouts)
            return
        self.initial_url = parse_arrakis_url(url).geturl()
        self._core = _core.Client(self.initial_url, resolve_token(token, self.initial_url),
                                  *timeouts)

    def __repr__(self) -> str:
        return f"Client({self.initial_url!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(type(self), self.initial_url, **self._given), ()

    def close(self) -> None:
        """Ends the calls and streams of this client, whatever threads they are on, and those
        to come, with a CancelledError."""
        self._core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _find_arguments(self, pattern: str | None, data_type: DataTypeLike | None,
                        min_rate: int | None, max_rate: int | None,
                        publisher: str | Iterable[str] | None, time: Seconds | None,
                        replay_id: str | None) -> dict[str, Any]:
        publishers = [publisher] if isinstance(publisher, str) else list(publisher or [])
        return {"pattern": DEFAULT_MATCH if pattern is None else pattern,
                "data_types": _types(data_type),
                "min_rate": _rate(min_rate, MIN_SAMPLE_RATE),
                "max_rate": _rate(max_rate, MAX_SAMPLE_RATE),
                "publishers": publishers, "time": _ns(time), "replay_id": replay_id}

    def find(self, pattern: str = DEFAULT_MATCH, data_type: DataTypeLike | None = None,
             min_rate: int | None = MIN_SAMPLE_RATE, max_rate: int | None = MAX_SAMPLE_RATE,
             publisher: str | Iterable[str] | None = None, time: Seconds | None = None,
             replay_id: str | None = None) -> Iterator[Channel]:
        """Channels whose names match a regular expression (from the name's start on)."""
        yield from self._core.find(**self._find_arguments(
            pattern, data_type, min_rate, max_rate, publisher, time, replay_id))

    def count(self, pattern: str = DEFAULT_MATCH, data_type: DataTypeLike | None = None,
              min_rate: int | None = MIN_SAMPLE_RATE, max_rate: int | None = MAX_SAMPLE_RATE,
              publisher: str | Iterable[str] | None = None, time: Seconds | None = None,
              replay_id: str | None = None) -> int:
        """How many channels find() would give."""
        return self._core.count(**self._find_arguments(
            pattern, data_type, min_rate, max_rate, publisher, time, replay_id))

    def describe(self, channels: Iterable[ChannelLike], time: Seconds | None = None,
                 replay_id: str | None = None) -> dict[str, Channel]:
        """What is known of some channels, by name."""
        return {channel.name: channel for channel in self._core.describe(
            channels=_names(channels), time=_ns(time), replay_id=replay_id)}

    def stream(self, channels: Iterable[ChannelLike], start: Seconds | None = None,
               end: Seconds | None = None, *, duration: Seconds | None = None,
               kafka_url: str | None = None, replay_start: Seconds | None = None,
               replay_end: Seconds | None = None, replay_id: str | None = None,
               on_gap: str | OnGap = ONGAP_DEFAULT, stride: Seconds | None = None,
               fast_forward: bool = True,
               on_drop: str | OnDrop = ONDROP_DEFAULT,
               latency_tolerance: Seconds | None = None,
               reconnect: Seconds | None = None, stall_timeout: Seconds | None = None,
               max_queued_bytes: int | None = None,
               progress: ProgressLike = None) -> Stream:
        """Blocks of the channels, one a stride, in the order of time: from `start` or live,
        until `end`, for `duration`, or for ever. For `for` and `async for`; nothing happens
        before the first block is asked for. With `kafka_url`, "host:port[,host:port]",
        straight from those brokers, not from a server.

        What is not there `latency_tolerance` seconds after its end (0.01 to 86400; by default
        as the channels declare) is missing. A server that breaks off is asked again, from
        where it left off, for `reconnect` seconds; by default that is an error. Without a
        latency tolerance blocks wait for it. One that is silent for `stall_timeout` seconds
        is a DeadlineError (a TimeoutError).

        Up to `max_queued_bytes` (256 MiB) wait for whoever reads slowly; then the server is
        not read from. `progress`: True for a bar of tqdm, or a function that is given a
        Progress a block."""
        def open_stream() -> _core.Stream:
            if max_queued_bytes is not None and max_queued_bytes <= 0:
                raise InvalidArgumentError(
                    f"max_queued_bytes must be above 0, got {max_queued_bytes}")
            tolerance = (self._given["latency_tolerance"] if latency_tolerance is None
                         else latency_tolerance)
            return self._core.stream(
                channels=_names(channels), start=_ns(start), end=_ns(end),
                duration=_ns(duration), replay_start=_ns(replay_start),
                replay_end=_ns(replay_end), replay_id=replay_id,
                on_gap=policy(OnGap, on_gap), kafka_url=kafka_url,
                stall_timeout=_timeout("stall_timeout", stall_timeout),
                on_drop=policy(OnDrop, on_drop), stride=_ns(stride),
                latency_tolerance=_ns(tolerance), reconnect=_ns(reconnect),
                max_queued_bytes=max_queued_bytes)

        told = (listener("stream", progress, *self._span(start, end, duration))
                if progress else None)
        return Stream(open_stream, None if told is None else BlockCounter(told))

    def fetch(self, channels: Iterable[ChannelLike], start: Seconds | None = None,
              end: Seconds | None = None, *, duration: Seconds | None = None,
              kafka_url: str | None = None, replay_start: Seconds | None = None,
              replay_end: Seconds | None = None, replay_id: str | None = None,
              on_gap: str | OnGap = ONGAP_DEFAULT, stall_timeout: Seconds | None = None,
              progress: ProgressLike = None) -> SeriesBlock:
        """The samples of [start, end) in one block. With `start` alone one native block, with
        `duration` alone live samples, with neither the newest native block. `kafka_url`,
        `stall_timeout` and `progress` as in stream()."""
        gaps = policy(OnGap, on_gap)
        if gaps == "skip":
            raise InvalidArgumentError("fetch cannot skip gaps: its result has no holes")
        _refuse_empty(_ns(start), _ns(end), _ns(duration))
        told = (listener("fetch", progress, *self._span(start, end, duration))
                if progress else None)

        def tell(*values: Any) -> None:
            if told is not None:
                told(Progress(*values))

        try:
            return self._core.fetch(
                channels=_names(channels), start=_ns(start), end=_ns(end),
                duration=_ns(duration), replay_start=_ns(replay_start),
                replay_end=_ns(replay_end), replay_id=replay_id, on_gap=gaps,
                kafka_url=kafka_url, stall_timeout=_timeout("stall_timeout", stall_timeout),
                progress=None if told is None else tell)
        finally:
            if told is not None:
                told.close()

    @staticmethod
    def _span(start: Seconds | None, end: Seconds | None,
              duration: Seconds | None) -> tuple[int | None, int | None]:
        """The bounds of what is asked for, ns, as far as they are known before."""
        start_ns, end_ns, duration_ns = _ns(start), _ns(end), _ns(duration)
        if start_ns is not None and duration_ns is not None:
            end_ns = start_ns + duration_ns
        return start_ns, end_ns

    def server_info(self) -> dict[str, Any]:
        """What the server says of itself."""
        return json.loads(self._core.server_info())

    def scope_map(self) -> dict[str, Any]:
        """Which server serves what."""
        return json.loads(self._core.scope_map())

    def replays(self) -> Mapping[str, Any]:
        """The replays that the server knows, by id."""
        return json.loads(self._core.replays())

    def endpoints(self) -> list[str]:
        """URLs of all servers, sorted."""
        return self._core.endpoints()

    def domains(self) -> list[str]:
        """All domains, sorted."""
        return self._core.domains()
