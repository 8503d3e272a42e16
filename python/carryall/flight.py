"""Requests of the protocol, and readers of Flight endpoints over pyarrow's client.

`Client` reads with the core; this is for programs that speak Flight themselves."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from enum import IntEnum
from queue import Empty, SimpleQueue
from typing import Any

import pyarrow
from pyarrow import flight

from carryall._load import _core
from carryall.block import SeriesBlock, Time
from carryall.channel import Channel
from carryall.constants import FLIGHT_REUSE_URL
from carryall.errors import EndpointStalledError, raised
from carryall.stream import StreamReader

logger = logging.getLogger("arrakis")

# A call that is idle for longer than servers like to hear from it less often; ms.
KEEPALIVE_OPTIONS = [("grpc.keepalive_time_ms", 315000), ("grpc.keepalive_timeout_ms", 10000)]
CLOSE_TIMEOUT = 5.0  # s, that close() waits for each thread
STALL_GRACE_SECONDS = 30.0  # that a live endpoint may be silent beyond its latency

SCHEMA_VERSION: str = _core.SCHEMA_VERSION


class _Eos:
    def __repr__(self) -> str:
        return "EOS"


EOS = _Eos()


def connect(location: Any, **kwargs: Any) -> flight.FlightClient:
    """pyarrow.flight.connect with keepalive, unless `generic_options` says otherwise."""
    kwargs.setdefault("generic_options", KEEPALIVE_OPTIONS)
    return flight.connect(location, **kwargs)


class RequestType(IntEnum):
    """What a request is for; members are named as on the wire."""

    Stream = 1
    Describe = 2
    Find = 3
    Count = 4
    Publish = 5
    Partition = 6


class RequestValidator:
    """Checks requests as servers do."""

    def known_args(self, request: RequestType) -> frozenset[str]:
        """The arguments that a request has."""
        return frozenset(_core.request_arguments(RequestType(request).name))

    def validate(self, payload: Mapping[str, Any]) -> None:
        """Raises InvalidRequestError, which is a jsonschema ValidationError, for a request that
        servers refuse. Arguments they do not know pass."""
        try:
            text = json.dumps(payload, default=_refuse, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise raised("InvalidRequestError")(f"invalid request: {error}") from None
        _core.check_request(text)


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} is not a JSON type: {value!r:.100}")


def create_command(request_type: RequestType, *, validator: RequestValidator,
                   **kwargs: Any) -> bytes:
    """A request as the JSON that descriptors and tickets carry. Times are ns or None."""
    payload = {"request": request_type.name, "args": kwargs, "version": SCHEMA_VERSION}
    validator.validate(payload)
    return json.dumps(payload).encode()


def create_descriptor(request_type: RequestType, *, validator: RequestValidator,
                      **kwargs: Any) -> flight.FlightDescriptor:
    """The descriptor of a request."""
    return flight.FlightDescriptor.for_command(
        create_command(request_type, validator=validator, **kwargs))


@dataclass(frozen=True)
class ParsedRequest:
    """A request as it was received; `version` is the sender's schema version, if it said."""

    request: RequestType
    args: dict[str, Any]
    version: str | None


def parse_request(cmd: bytes, *, validator: RequestValidator) -> ParsedRequest:
    """Reads what create_command() writes. JSONDecodeError or UnicodeDecodeError for what is no
    JSON, InvalidRequestError (a ValidationError) for what is no request."""
    payload = json.loads(cmd.decode())
    validator.validate(payload)
    return ParsedRequest(RequestType[payload["request"]], payload["args"],
                         payload.get("version"))


def parse_command(cmd: bytes, *, validator: RequestValidator) -> tuple[RequestType, dict[str, Any]]:
    """Type and arguments of what parse_request() reads."""
    parsed = parse_request(cmd, validator=validator)
    return parsed.request, parsed.args


def _ticket_arguments(endpoint: flight.FlightEndpoint) -> dict[str, Any]:
    try:
        payload = json.loads(endpoint.ticket.ticket)
    except ValueError:
        return {}
    args = payload.get("args") if isinstance(payload, dict) else None
    return args if isinstance(args, dict) else {}


def _endpoint_start_time(endpoint: flight.FlightEndpoint) -> int | None:
    return _ticket_arguments(endpoint).get("start")


def _short(error: BaseException) -> BaseException:
    """The error without what the transport adds to its text."""
    text = str(error)
    head = text.partition(" Detail:")[0].rstrip()
    if not isinstance(error, flight.FlightError) or head == text:
        return error
    return type(error)(head)


class _Endpoint:
    """One endpoint and the thread that reads it."""

    def __init__(self, name: str, endpoint: flight.FlightEndpoint,
                 channels: list[Channel]) -> None:
        self.name = name
        self.endpoint = endpoint
        self.channels = channels
        self.thread: threading.Thread | None = None
        self.call: flight.FlightStreamReader | None = None
        self.error: BaseException | None = None
        self.finished = False
        self.heard = 0.0  # monotonic s, of the last batch
        self.patience = self._patience()

    def _patience(self) -> float | None:
        """How long it may be silent, s; None where nothing is promised."""
        if _endpoint_start_time(self.endpoint) is not None or not self.channels:
            return None
        if any(channel.max_latency is None for channel in self.channels):
            return None
        latency = max(channel.max_latency or 0 for channel in self.channels)
        stride = max(channel.stride or 0 for channel in self.channels)
        return (latency + stride) / int(Time.SECONDS) + STALL_GRACE_SECONDS

    def urls(self) -> list[str | None]:
        """Where it can be read; None stands for the server that was asked."""
        places = [place.uri.decode() for place in self.endpoint.locations]
        return [None if place == FLIGHT_REUSE_URL else place for place in places] or [None]


class MultiFlightReader(StreamReader):
    """Reads several endpoints at once, each in a thread. `initial_url` is the server that gave
    them, as a URL or as a client that is open. A stream is named by its endpoint, serialized.

    read() and done() raise what an endpoint failed with, and EndpointStalledError when a live one
    has been silent for longer than its channels' latency and stride and 30 s."""

    def __init__(self, endpoints: list[flight.FlightEndpoint],
                 initial_url: str | flight.FlightClient,
                 metadata: dict[str, Channel] | None = None,
                 middleware: list[flight.ClientMiddlewareFactory] | None = None) -> None:
        self._initial = initial_url
        self._middleware = middleware
        self._metadata = metadata or {}
        self._endpoints = [self._make(endpoint) for endpoint in endpoints]
        self._by_name = {endpoint.name: endpoint for endpoint in self._endpoints}
        self._queue: SimpleQueue[tuple[str, pyarrow.RecordBatch] | None] = SimpleQueue()
        self._ahead: deque[tuple[str, pyarrow.RecordBatch]] = deque()
        self._closing = threading.Event()

    def _make(self, endpoint: flight.FlightEndpoint) -> _Endpoint:
        names = _ticket_arguments(endpoint).get("channels", [])
        return _Endpoint(endpoint.serialize().hex(), endpoint,
                         [self._metadata[name] for name in names if name in self._metadata])

    @property
    def streams(self) -> dict[str, list[Channel]]:
        return {endpoint.name: endpoint.channels for endpoint in self._endpoints}

    def enter(self) -> None:
        for endpoint in self._endpoints:
            endpoint.heard = time.monotonic()
            endpoint.thread = threading.Thread(
                target=self._run, args=(endpoint,), daemon=True, name="carryall-endpoint")
            endpoint.thread.start()

    def _run(self, endpoint: _Endpoint) -> None:
        try:
            self._read_somewhere(endpoint)
        except BaseException as error:
            if not self._closing.is_set():
                endpoint.error = _short(error)
        finally:
            endpoint.finished = True
            self._queue.put(None)

    def _read_somewhere(self, endpoint: _Endpoint) -> None:
        """Reads from the first of its places that answers."""
        places = endpoint.urls()
        for i, place in enumerate(places):
            shared = place is None and not isinstance(self._initial, str)
            before = endpoint.heard
            with nullcontext(self._initial) if shared else connect(
                    place or self._initial, middleware=self._middleware or []) as client:
                try:
                    self._read_all(endpoint, client)
                    return
                except flight.FlightUnavailableError:
                    if (endpoint.heard != before or i + 1 == len(places)
                            or self._closing.is_set()):
                        raise

    def _read_all(self, endpoint: _Endpoint, client: flight.FlightClient) -> None:
        endpoint.call = client.do_get(endpoint.endpoint.ticket)
        if self._closing.is_set():
            endpoint.call.cancel()
        for chunk in endpoint.call:
            endpoint.heard = time.monotonic()
            self._queue.put((endpoint.name, chunk.data))
            if self._closing.is_set():
                return

    def wait(self, timeout: float) -> None:
        """Waits up to `timeout` seconds for something to read, or for an endpoint's end."""
        if self._ahead:
            return
        try:
            item = self._queue.get(timeout=timeout)
        except Empty:
            return
        if item is not None:
            self._ahead.append(item)

    def read(self, *, convert_blocks: bool = False) -> Generator[tuple[str, Any], None, None]:
        while True:
            while not self._queue.empty():
                item = self._queue.get()
                if item is not None:
                    self._ahead.append(item)
            if not self._ahead:
                break
            name, batch = self._ahead.popleft()
            if convert_blocks:
                yield name, SeriesBlock.from_column_batch(batch, self._metadata)
            else:
                yield name, batch
        self._raise_failures()
        self._raise_stalls()

    def _raise_failures(self) -> None:
        for endpoint in self._endpoints:
            if endpoint.error is not None:
                raise endpoint.error

    def _raise_stalls(self) -> None:
        now = time.monotonic()
        for endpoint in self._endpoints:
            if endpoint.patience is None or endpoint.finished:
                continue
            silent = now - endpoint.heard
            if silent > endpoint.patience:
                place = endpoint.urls()[0] or self._initial
                raise EndpointStalledError(
                    f"nothing came from {place} for {silent:.1f} s, of a live stream that may "
                    f"be silent for {endpoint.patience:.1f} s")

    def done(self) -> bool:
        self._raise_failures()
        return (all(endpoint.finished for endpoint in self._endpoints)
                and self._queue.empty() and not self._ahead)

    def close(self) -> None:
        self._closing.set()
        for endpoint in self._endpoints:
            if endpoint.call is not None and not endpoint.finished:
                endpoint.call.cancel()
        for endpoint in self._endpoints:
            if endpoint.thread is None:
                continue
            endpoint.thread.join(CLOSE_TIMEOUT)
            if endpoint.thread.is_alive():
                logger.warning("an endpoint did not end within %.1f s: %s", CLOSE_TIMEOUT,
                               endpoint.urls()[0] or self._initial)


class ChainedFlightReader(StreamReader):
    """Reads endpoints that follow each other in time one after the other: those of one start
    together, live ones last."""

    def __init__(self, endpoints: list[flight.FlightEndpoint],
                 initial_url: str | flight.FlightClient,
                 metadata: dict[str, Channel] | None = None,
                 middleware: list[flight.ClientMiddlewareFactory] | None = None) -> None:
        groups: dict[int | None, list[flight.FlightEndpoint]] = {}
        for endpoint in endpoints:
            groups.setdefault(_endpoint_start_time(endpoint), []).append(endpoint)
        order: Iterable[int | None] = sorted(
            groups, key=lambda start: (start is None, start or 0))
        self._slices: Sequence[MultiFlightReader] = [
            MultiFlightReader(groups[start], initial_url, metadata, middleware)
            for start in order]
        self._at = 0

    @property
    def streams(self) -> dict[str, list[Channel]]:
        merged: dict[str, list[Channel]] = {}
        for part in self._slices:
            merged.update(part.streams)
        return merged

    def enter(self) -> None:
        if self._slices:
            self._slices[0].enter()

    def wait(self, timeout: float) -> None:
        """As of MultiFlightReader."""
        if self._at < len(self._slices):
            self._slices[self._at].wait(timeout)

    def read(self, *, convert_blocks: bool = False) -> Generator[tuple[str, Any], None, None]:
        while self._at < len(self._slices):
            part = self._slices[self._at]
            yield from part.read(convert_blocks=convert_blocks)
            if not part.done():
                return
            part.close()
            self._at += 1
            if self._at < len(self._slices):
                self._slices[self._at].enter()

    def done(self) -> bool:
        return all(part.done() for part in self._slices[self._at:])

    def close(self) -> None:
        for part in self._slices[self._at:self._at + 1]:
            part.close()
