"""A gRPC server that speaks Flight byte by byte, so that it can say what no Flight library
would: messages that are cut short, lie about their sizes or are none at all."""

import json
import struct
from concurrent import futures

import grpc
import pyarrow as pa

from harness import scripted
from harness.wire import REUSE

_SERVICE = "arrow.flight.protocol.FlightService"


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def _field(number, payload):
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data):
    """Field number -> last value of a protobuf message of integers and bytes."""
    found, at = {}, 0
    while at < len(data):
        key, at = _read_varint(data, at)
        value, at = _read_varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        found[key >> 3] = value
    return found


def flight_data(header, body=b""):
    """The FlightData message of one IPC message."""
    return _field(2, header) + (_field(1000, body) if body else b"")


def split(message):
    """Metadata and body of an encapsulated IPC message, as pyarrow serialises them."""
    data = message.to_pybytes()
    (length,) = struct.unpack("<i", data[4:8])
    return data[8:8 + length], data[8 + length:]


class HostileServer:
    """Describes `channels` as they are and answers DoGet(Stream) with `stream`, and, where
    given, DoGet(Describe) with `describe`: lists of FlightData bytes."""

    def __init__(self, channels, stream, describe=None):
        self._channels = channels
        self._answers = {"Stream": stream, "Describe": describe}
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        rpc = {
            "GetFlightInfo": grpc.unary_unary_rpc_method_handler(self._info),
            "DoGet": grpc.unary_stream_rpc_method_handler(self._get),
        }
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(_SERVICE, rpc)])
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.url = f"grpc://127.0.0.1:{port}"

    def _schema(self, kind):
        return (scripted.stream_schema(self._channels) if kind == "Stream"
                else scripted.METADATA)

    def _info(self, request, context):
        command = _fields(request)[2]
        schema = self._schema(json.loads(command)["request"])
        endpoint = _field(1, _field(1, command)) + _field(2, _field(1, REUSE))
        minus_one = b"\xff" * 9 + b"\x01"
        return (_field(1, schema.serialize().to_pybytes()) + _field(2, request)
                + _field(3, endpoint)
                + b"\x20" + minus_one + b"\x28" + minus_one)

    def _get(self, request, context):
        kind = json.loads(_fields(request)[1])["request"]
        answer = self._answers[kind]
        if answer is None:
            batch = pa.RecordBatch.from_pylist(self._channels, scripted.METADATA)
            answer = [flight_data(*split(batch.schema.serialize())),
                      flight_data(*split(batch.serialize()))]
        yield from answer

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait(10)
