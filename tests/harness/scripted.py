"""A Flight server in the test process that answers as a script says, to put clients into
situations that real servers get into rarely."""

import json
import threading

import pyarrow as pa
from pyarrow import flight

from harness.wire import REUSE

METADATA = pa.schema([
    pa.field("channel", pa.utf8(), nullable=False),
    pa.field("data_type", pa.utf8(), nullable=False),
    pa.field("sample_rate", pa.int32(), nullable=False),
    pa.field("partition_id", pa.utf8()),
    pa.field("partition_index", pa.uint32()),
    pa.field("publisher", pa.utf8()),
    pa.field("stride", pa.uint64()),
    pa.field("max_latency", pa.uint64()),
    pa.field("replay_id", pa.utf8()),
])

STRIDE = 62_500_000


def channel(name, rate=16, data_type="int32", stride=STRIDE, max_latency=10**9):
    return dict(channel=name, data_type=data_type, sample_rate=rate, stride=stride,
                max_latency=max_latency, publisher="SCRIPT", partition_id=None,
                partition_index=None, replay_id=None)


def stream_schema(channels):
    fields = [pa.field("time", pa.int64(), nullable=False)]
    for c in sorted(channels, key=lambda c: c["channel"]):
        item = pa.from_numpy_dtype(c["data_type"])
        fields.append(pa.field(c["channel"], pa.list_(item),
                               metadata={"rate": str(c["sample_rate"])}))
    return pa.schema(fields)


def block(schema, time, **samples):
    """One stride; keywords are channel names with `:` and `-` written as `__` and `_`."""
    columns = [pa.array([time], pa.int64())]
    for field in schema:
        if field.name != "time":
            key = field.name.replace(":", "__").replace("-", "_")
            columns.append(pa.array([samples[key]], field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class ScriptedServer(flight.FlightServerBase):
    """Serves `channels`. Every request is one endpoint with its own ticket unless
    `endpoints[type](args)` says otherwise: a list of (args of the ticket, locations).
    `stream(args)` yields the record batches of a DoGet(Stream)."""

    def __init__(self, channels, stream=None):
        super().__init__("grpc://127.0.0.1:0")
        self.url = f"grpc://127.0.0.1:{self.port}"
        self.channels = {c["channel"]: c for c in channels}
        self.endpoints = {}
        self.answers = {}
        self.stream = stream
        self.seen = []
        self.seen_headers = []
        self.released = threading.Event()
        self._lock = threading.Lock()

    def requests(self, call, kind):
        """The args of the requests that came, in order."""
        with self._lock:
            return [args for c, k, args in self.seen if (c, k) == (call, kind)]

    def _note(self, call, body):
        parsed = json.loads(body)
        with self._lock:
            self.seen.append((call, parsed["request"], parsed["args"]))
        return parsed["request"], parsed["args"]

    def get_flight_info(self, context, descriptor):
        kind, args = self._note("info", descriptor.command)
        listed = self.endpoints.get(kind, lambda args: [(args, [REUSE])])(args)
        endpoints = [
            flight.FlightEndpoint(
                flight.Ticket(json.dumps(
                    {"request": kind, "args": ticket, "version": "0.5.0"}).encode()), locations)
            for ticket, locations in listed]
        # As the stock server does it: the command comes back as a path.
        return flight.FlightInfo(self._schema(kind, args),
                                 flight.FlightDescriptor.for_path(descriptor.command), endpoints)

    def _schema(self, kind, args):
        if kind == "Count":
            return pa.schema([("count", pa.int64())])
        if kind == "Stream":
            return stream_schema(self._chosen(args))
        return METADATA

    def _chosen(self, args):
        return [self.channels[name] for name in dict.fromkeys(args["channels"])]

    def do_get(self, context, ticket):
        kind, args = self._note("get", ticket.ticket)
        schema = self._schema(kind, args)
        if kind in self.answers:
            rows = self.answers[kind](args)
        elif kind == "Describe":
            rows = self._chosen(args)
        elif kind == "Find":
            rows = list(self.channels.values())
        elif kind == "Count":
            rows = [{"count": len(self.channels)}]
        else:
            batches = self.stream(args)
            first = next(batches, None)
            if isinstance(first, pa.Schema):
                schema, first = first, next(batches, None)

            def generate():
                if first is not None:
                    yield first
                for batch in batches:
                    if context.is_cancelled():
                        return
                    yield batch

            return flight.GeneratorStream(schema, generate())
        batches = [pa.RecordBatch.from_pylist(rows, schema)] if rows else []
        return flight.RecordBatchStream(
            pa.RecordBatchReader.from_batches(schema, batches))

    def do_action(self, context, action):
        answer = {
            "server-info": {
                "server_version": "0.17.2", "arrakis_version": "0.21.0",
                "arrakis_schema_version": "0.5.0", "backend": "script", "backend_version": "1",
                "capabilities": ["find", "count", "describe", "stream"], "domains": [],
                "auth": False, "auth_mode": None, "auth_methods": None},
            "scope-map": {
                "endpoints": {REUSE.decode(): {
                    "scopes": {}, "retention": {"newest": 0, "oldest": "inf"}}},
                "local_endpoint": REUSE.decode()},
            "replays": {},
        }[action.type]
        yield flight.Result(json.dumps(answer).encode())

    def hold(self, context=None):
        """Waits until the test lets go; for streams that fall silent."""
        self.released.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.released.set()
        self.shutdown()
