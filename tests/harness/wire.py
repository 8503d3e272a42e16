"""The protocol spoken by hand: requests as JSON, answers as Arrow, refusals as codes."""

import json
import re
import time

import pyarrow as pa
from pyarrow import flight

REUSE = b"arrow-flight-reuse-connection://?"
SECOND = 10**9

FIND = dict(pattern=".*", data_type=[], min_rate=0, max_rate=4294967295, publisher=[],
            time=None)

_CODES = (
    (flight.FlightInternalError, "INTERNAL"),
    (flight.FlightUnavailableError, "UNAVAILABLE"),
    (flight.FlightUnauthenticatedError, "UNAUTHENTICATED"),
    (flight.FlightUnauthorizedError, "PERMISSION_DENIED"),
    (flight.FlightTimedOutError, "DEADLINE_EXCEEDED"),
    (flight.FlightCancelledError, "CANCELLED"),
    (flight.FlightServerError, "UNKNOWN"),
    (pa.ArrowNotImplementedError, "UNIMPLEMENTED"),
    (pa.ArrowKeyError, "NOT_FOUND"),
    (pa.ArrowInvalid, "INVALID_ARGUMENT"),
    (pa.ArrowException, "other"),
)


def request(kind, args, **envelope):
    """The bytes of a request, as a descriptor or a ticket carries them."""
    return json.dumps({"request": kind, "args": args, **envelope}).encode()


def find(**changes):
    return request("Find", {**FIND, **changes})


def count(**changes):
    return request("Count", {**FIND, **changes})


def describe(channels, **changes):
    return request("Describe", {"channels": channels, "time": None, **changes})


def stream(channels, start, end, **changes):
    return request("Stream", {"channels": channels, "start": start, "end": end, **changes})


def headers(**values):
    return flight.FlightCallOptions(
        headers=[(k.replace("_", "-").encode(), v.encode()) for k, v in values.items()],
        timeout=60)


_IN_TIME = flight.FlightCallOptions(timeout=60)


def info(server, command, options=_IN_TIME):
    return server.connection.get_flight_info(
        flight.FlightDescriptor.for_command(command), options)


def reader(server, ticket, options=_IN_TIME):
    return server.connection.do_get(flight.Ticket(ticket), options)


class Answer:
    """The schema and the batches of one DoGet, as they came."""

    def __init__(self, schema, batches):
        self.schema, self.batches = schema, batches

    @property
    def rows(self):
        return pa.Table.from_batches(self.batches, self.schema).to_pylist()

    def column(self, name):
        return [row[name] for row in self.rows]


def get(server, ticket, options=_IN_TIME, batches=None):
    """Reads a stream to its end, or its first `batches` batches."""
    stream = reader(server, ticket, options)
    received = []
    for chunk in stream:
        received.append(chunk.data)
        if len(received) == batches:
            stream.cancel()
            break
    for batch in received:
        batch.validate(full=True)
    return Answer(stream.schema, received)


def plan(server, command):
    """The tickets of a GetFlightInfo, parsed."""
    return [json.loads(e.ticket.ticket) for e in info(server, command).endpoints]


PARTITION_SCHEMA = pa.schema([
    pa.field("channel", pa.utf8(), False), pa.field("data_type", pa.utf8(), False),
    pa.field("sample_rate", pa.int32(), False), pa.field("partition_id", pa.utf8()),
    pa.field("partition_index", pa.uint32())])


def exchange(server, command, *batches, options=_IN_TIME):
    """Uploads batches of (name, data type, rate) in a DoExchange and reads the answer."""
    writer, stream = server.connection.do_exchange(
        flight.FlightDescriptor.for_command(command), options)
    with writer:
        writer.begin(PARTITION_SCHEMA)
        for rows in batches:
            writer.write_batch(pa.RecordBatch.from_pylist(
                [dict(channel=n, data_type=t, sample_rate=r) for n, t, r in rows],
                PARTITION_SCHEMA))
        writer.done_writing()
        received = [chunk.data for chunk in stream]
        return Answer(stream.schema, received)


class Refusal:
    """How a server refused: the gRPC code and the text."""

    def __init__(self, error):
        self.code = next(code for kind, code in _CODES if isinstance(error, kind))
        self.text = re.split(r"\. gRPC client debug context", str(error))[0]

    def __repr__(self):
        return f"{self.code}: {self.text}"


def refusal(call, *args, **kwargs):
    """Makes a call that must fail."""
    try:
        result = call(*args, **kwargs)
    except pa.ArrowException as error:
        return Refusal(error)
    raise AssertionError(f"expected a refusal, got {repr(result)[:300]}")


def gps_now():
    """GPS time of the system clock, in ns (leap seconds since 2017: 18)."""
    return time.time_ns() - (315_964_800 - 18) * SECOND
