"""What our client makes of servers that are down, fall silent, die, or send bytes that are
not what they claim to be: an error that names the server, soon, at a bounded price."""

import json
import os
import re
import signal
import socket
import struct
import threading

import pyarrow as pa
import pytest

from harness import clients, scripted, servers, wire
from harness.hostile import HostileServer, flight_data, split
from harness.processes import Program, run
from harness.scripted import STRIDE, ScriptedServer, block, channel, stream_schema
from harness.waiting import until
from integration.conftest import TYPES

A = "X1:BAD-A"
T0 = 10**18
SPAN = ["--start", "1000000000", "--end", "1000000000.25"]
CHANNEL = channel(A, rate=64)
SCHEMA = stream_schema([CHANNEL])


def batch(n, samples=(1, 2, 3, 4)):
    return block(SCHEMA, T0 + n * STRIDE, X1__BAD_A=list(samples))


def cli(url, *argv, **how):
    return run([servers.carryall(), "--url", url, *argv], timeout=40, memory=1 << 30, **how)


def assert_failed(done, *words, statuses=(1, 4)):
    assert done.status in statuses, done
    assert "terminate called" not in done.err and "Traceback" not in done.err, done
    for word in words:
        assert re.search(word, done.err), done


# -- servers that are not there ------------------------------------------------------------


@pytest.mark.parametrize("argv", [["count"], ["find", "X"], ["server-info"], ["domains"],
                                  ["fetch", A, *SPAN], ["stream", A, "--json"]], ids=" ".join)
def test_server_that_is_down_is_named(free_port, argv):
    done = cli(f"grpc://127.0.0.1:{free_port}", *argv)
    assert_failed(done, f"127.0.0.1:{free_port}")
    assert done.out == ""


def test_host_that_does_not_exist_is_named():
    assert_failed(cli("grpc://no-such-host.invalid:31206", "count"), "no-such-host.invalid")


def test_server_that_accepts_and_says_nothing_is_named():
    """The connection stands, but nobody ever speaks HTTP/2."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        done = cli(f"grpc://127.0.0.1:{port}", "count", "--timeout", "1")
        assert_failed(done, f"127.0.0.1:{port}")


def test_server_that_speaks_something_else_is_named():
    with socket.socket() as http:
        http.bind(("127.0.0.1", 0))
        http.listen()
        stop = threading.Event()

        def answer():
            while not stop.is_set():
                connection, _ = http.accept()
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                connection.close()

        speaker = threading.Thread(target=answer, daemon=True)
        speaker.start()
        port = http.getsockname()[1]
        assert_failed(cli(f"grpc://127.0.0.1:{port}", "count"), f"127.0.0.1:{port}")
        stop.set()


@pytest.mark.parametrize("url", ["http://[", "grpc://127.0.0.1:x", "grpc://127.0.0.1:99999",
                                 "nonsense://127.0.0.1:1"])
def test_bad_url_is_named(url):
    assert_failed(cli(url, "count"), re.escape(url.rsplit("/")[-1]), statuses=(1, 2))


# -- servers that fall silent or stop ------------------------------------------------------


@pytest.mark.parametrize("argv", [["fetch", A, *SPAN], ["stream", A, *SPAN, "--json"],
                                  ["stream", A, "--json"]], ids=" ".join)
def test_server_that_falls_silent_in_a_stream_is_named(argv):
    def stream(args):
        first = T0 if args["start"] else wire.gps_now() // STRIDE * STRIDE
        yield block(SCHEMA, first, X1__BAD_A=[1, 2, 3, 4])
        server.hold()

    # Without a latency there is nothing a client could fill the silence with.
    with ScriptedServer([channel(A, rate=64, max_latency=None)], stream) as server:
        done = cli(server.url, *argv, "--timeout", "1")
        assert_failed(done, server.url.removeprefix("grpc://"), statuses=(4,))


@pytest.mark.parametrize("argv", [["describe", A], ["fetch", A, *SPAN]], ids=" ".join)
def test_server_that_does_not_answer_is_named(argv):
    def silent(args):
        server.hold()
        return [CHANNEL]

    with ScriptedServer([CHANNEL]) as server:
        server.answers["Describe"] = silent
        done = cli(server.url, *argv, "--timeout", "1")
        assert_failed(done, server.url.removeprefix("grpc://"), statuses=(4,))


def test_server_that_dies_in_a_live_stream():
    with servers.start("stock", TYPES) as server:
        with Program([servers.carryall(), "-u", server.url, "stream", "T1:INT-I32",
                      "--json"]) as client:
            client.wait_for_line(re.compile("T1:INT-I32"), client.out)
            server.program.signal(signal.SIGKILL)
            status = client.wait(40)
            assert status in (1, 4), client.describe()
            port = server.url.rsplit(":", 1)[1]
            assert any(port in line for line in client.err), client.describe()


def test_server_that_dies_in_a_fetch(tmp_path):
    """Nothing is left under the name of the result."""
    result = tmp_path / "never.arrow"
    with servers.start("stock", TYPES, faults=("stall", 4, 60)) as server:
        with Program([servers.carryall(), "-u", server.url, "fetch", "T1:INT-I32", "--start",
                      "1000000000", "--duration", "60", "-o", result]) as client:
            server.program.wait_for_line(re.compile("request=Stream"), server.program.err)
            server.program.signal(signal.SIGKILL)
            assert client.wait(40) in (1, 4), client.describe()
    assert list(tmp_path.iterdir()) == []


def test_stream_that_ends_with_an_error_names_it():
    def stream(args):
        yield batch(0)
        yield batch(1)
        raise pa.flight.FlightUnavailableError("the disks are on strike")

    with ScriptedServer([CHANNEL], stream) as server:
        done = cli(server.url, "fetch", A, *SPAN, "--json")
        assert_failed(done, "the disks are on strike")


def test_error_of_the_server_comes_without_its_traceback():
    def describe(args):
        raise KeyError("inner")

    with ScriptedServer([CHANNEL]) as server:
        server.answers["Describe"] = describe
        done = cli(server.url, "describe", A)
        assert done.status == 1 and "inner" in done.err, done


# -- servers that are quiet, or away for a while -------------------------------------------


def test_quiet_server_is_not_silent_until_it_hangs():
    """Of ours: it says that it is alive, for longer than the client would wait for data."""
    with servers.start("ours", TYPES, faults=("stall", 4, 600)) as server:
        with Program([servers.carryall(), "-u", server.url, "stream", "T1:INT-I32",
                      "--latency-tolerance", "0.1", "--timeout", "3", "--json"]) as client:
            # Seven seconds of strides that never came.
            until(lambda: len(client.out) > 7 * 16 or not client.running)
            assert client.running, client.describe()
            assert json.loads(client.out[-1])["data"]["T1:INT-I32"] == [None] * 4
            server.program.signal(signal.SIGSTOP)
            try:
                assert client.wait(40) == 4, client.describe()
            finally:
                server.program.signal(signal.SIGCONT)
            assert "no sign of life" in client.err[-1] and server.url in client.err[-1]


@pytest.mark.parametrize("end", ["error", "well"])
def test_stream_goes_on_where_a_server_broke_off(end):
    """A stock server, or one like it; it comes twice, is away, and has moved on."""
    now = wire.gps_now() // STRIDE * STRIDE

    def stream(args):
        asked.append(args["start"])
        first = now if args["start"] is None else args["start"]
        if len(asked) == 2:
            raise pa.flight.FlightUnavailableError("starting up")
        for n in range(2 if len(asked) < 4 else 4):
            yield block(SCHEMA, first + n * STRIDE, X1__BAD_A=[1, 2, 3, 4])
        if len(asked) < 4 and end == "error":
            raise pa.flight.FlightUnavailableError("going down")

    asked = []
    with ScriptedServer([CHANNEL], stream) as server:
        done = cli(server.url, "stream", A, "--json", "--reconnect", "20", "--duration",
                   str(8 * STRIDE / 10**9))
    assert done.status == 0, done
    blocks = [json.loads(line) for line in done.out.splitlines()]
    assert [b["time_ns"] for b in blocks] == [now + n * STRIDE for n in range(8)]
    assert all(b["data"][A] == [1, 2, 3, 4] for b in blocks)
    assert asked[:4] == [None, now + 2 * STRIDE, now + 2 * STRIDE, now + 4 * STRIDE]


def test_stream_is_given_up_after_the_time_to_reconnect():
    def stream(args):
        if args["start"] == T0:
            yield batch(0)
        raise pa.flight.FlightUnavailableError("for good")

    with ScriptedServer([CHANNEL], stream) as server:
        done = cli(server.url, "stream", A, *SPAN, "--json", "--reconnect", "1")
    assert_failed(done, server.url, "for good", "given up", statuses=(1,))
    assert len(done.out.splitlines()) == 1


# -- bytes that are not what they claim to be ----------------------------------------------

SCHEMA_MESSAGE = flight_data(*split(SCHEMA.serialize()))


def good(n, **how):
    return flight_data(*split(batch(n, **how).serialize()))


def with_header(change):
    header, body = split(batch(1).serialize())
    return flight_data(change(bytearray(header)), body)


def with_body(change):
    header, body = split(batch(1).serialize())
    return flight_data(header, change(bytearray(body)))


def overwrite(data, at, value):
    data[at:at + len(value)] = value
    return bytes(data)


def patched_int64(data, old, new):
    """Replaces an int64 that occurs in the metadata, wherever it does."""
    old, new = struct.pack("<q", old), struct.pack("<q", new)
    assert old in data
    return bytes(data).replace(old, new)


def compressed(length):
    """A batch whose buffers say that they are `length` bytes once decompressed."""
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    wide = block(SCHEMA, T0 + STRIDE, X1__BAD_A=[7] * 4)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA, options=options) as writer:
        writer.write_batch(wide)
    reader = pa.ipc.MessageReader.open_stream(sink.getvalue())
    reader.read_next_message()
    message = reader.read_next_message()
    body = bytearray(message.body.to_pybytes())
    # Every compressed buffer begins with its uncompressed length.
    body[0:8] = struct.pack("<q", length)
    return flight_data(message.metadata.to_pybytes(), bytes(body))


def other_schema(schema):
    return [flight_data(*split(schema.serialize()))]


LIST_OFFSETS = 8  # in the body of a batch: time (8 bytes), offsets (2 x int32), samples

STREAMS = {
    "no-messages": [],
    "empty-message": [b""],
    "random-schema": [flight_data(os.urandom(500))],
    "schema-cut": [flight_data(split(SCHEMA.serialize())[0][:-40])],
    "schema-one-byte": [flight_data(b"\x10")],
    "not-protobuf": [b"\xff" * 100],
    "batch-before-schema": [good(0)],
    "second-schema": [SCHEMA_MESSAGE, good(0), SCHEMA_MESSAGE, good(1)],
    "random-batch": [SCHEMA_MESSAGE, good(0), flight_data(os.urandom(300), os.urandom(500))],
    "header-zeros": [SCHEMA_MESSAGE, good(0), with_header(lambda h: bytes(len(h)))],
    "header-ones": [SCHEMA_MESSAGE, good(0), with_header(lambda h: b"\xff" * len(h))],
    "header-cut": [SCHEMA_MESSAGE, good(0), with_header(lambda h: bytes(h[:len(h) // 2]))],
    "body-missing": [SCHEMA_MESSAGE, good(0), with_body(lambda b: b"")],
    "body-cut": [SCHEMA_MESSAGE, good(0), with_body(lambda b: bytes(b[:len(b) // 2]))],
    "rows-huge": [SCHEMA_MESSAGE, good(0),
                  with_header(lambda h: patched_int64(h, 1, 2**40))],
    "rows-negative": [SCHEMA_MESSAGE, good(0),
                      with_header(lambda h: patched_int64(h, 1, -1))],
    "samples-huge": [SCHEMA_MESSAGE, good(0),
                     with_header(lambda h: patched_int64(h, 4, 2**61))],
    "buffer-beyond-body": [SCHEMA_MESSAGE, good(0),
                           with_header(lambda h: patched_int64(h, 16, 2**34))],
    "buffer-negative": [SCHEMA_MESSAGE, good(0),
                        with_header(lambda h: patched_int64(h, 16, -16))],
    "list-beyond-values": [SCHEMA_MESSAGE, good(0),
                           with_body(lambda b: overwrite(b, LIST_OFFSETS, struct.pack("<ii", 0, 2**30)))],
    "list-backwards": [SCHEMA_MESSAGE, good(0),
                       with_body(lambda b: overwrite(b, LIST_OFFSETS, struct.pack("<ii", 4, 0)))],
    "list-negative": [SCHEMA_MESSAGE, good(0),
                      with_body(lambda b: overwrite(b, LIST_OFFSETS, struct.pack("<ii", -2**30, 4)))],
    "compressed-20-GiB": [SCHEMA_MESSAGE, good(0), compressed(20 << 30)],
    "compressed-negative": [SCHEMA_MESSAGE, good(0), compressed(-5)],
    "not-protobuf-in-between": [SCHEMA_MESSAGE, good(0), b"\xff" * 100, good(1), good(2)],
    "message-cut": [SCHEMA_MESSAGE, good(0), good(1)[:-7], good(2)],
    "no-time-column": other_schema(pa.schema([pa.field(A, pa.list_(pa.int32()))])),
    "time-is-text": other_schema(pa.schema([("time", pa.utf8()), (A, pa.list_(pa.int32()))])),
    "no-list": other_schema(pa.schema([("time", pa.int64()), (A, pa.int32())])),
    "list-of-text": other_schema(pa.schema([("time", pa.int64()), (A, pa.list_(pa.utf8()))])),
    "another-type": other_schema(pa.schema([("time", pa.int64()), (A, pa.list_(pa.int64()))])),
}


def test_bytes_that_are_right_are_taken():
    """Proves the set-up of the tests below."""
    with HostileServer([CHANNEL], [SCHEMA_MESSAGE, *(good(n) for n in range(4))]) as server:
        done = cli(server.url, "fetch", A, *SPAN, "--json")
        assert done.status == 0, done
        assert json.loads(done.out)["data"][A] == [1, 2, 3, 4] * 4
        stock = clients.make("stock", None).fetch(server.url, [A], 10**9, 10**9 + 0.25)
        assert stock.list(A) == [1, 2, 3, 4] * 4


@pytest.mark.parametrize("name", STREAMS)
def test_hostile_stream_is_an_error(name):
    with HostileServer([CHANNEL], STREAMS[name]) as server:
        done = cli(server.url, "fetch", A, *SPAN, "--json")
    assert_failed(done, server.url)
    assert len(done.err) < 4000


@pytest.mark.parametrize("verb", ["fetch", "stream"])
@pytest.mark.parametrize("name", ["not-protobuf-in-between", "message-cut"])
def test_message_that_cannot_be_decoded_is_not_the_end(name, verb):
    """gRPC reports such a stream as one that ended well."""
    with HostileServer([CHANNEL], STREAMS[name]) as server:
        done = cli(server.url, verb, A, *SPAN, "--json")
    assert_failed(done, server.url, A, "cannot be decoded", statuses=(1,))


@pytest.mark.parametrize("name", ["random-schema", "not-protobuf", "schema-cut", "no-list"])
def test_hostile_description_is_an_error(name):
    with HostileServer([CHANNEL], [], describe=STREAMS[name]) as server:
        assert_failed(cli(server.url, "describe", A), server.url)
        assert_failed(cli(server.url, "fetch", A, *SPAN), server.url)


def test_block_of_another_length_stays_where_it_says(tmp_path):
    """Longer than its stride: dropped, as stock does, or taken at its own time; what other
    blocks said is not moved."""
    def stream(args):
        yield batch(0)
        yield batch(1, samples=[9] * 7)
        yield batch(2)
        yield batch(3)

    with ScriptedServer([CHANNEL], stream) as server:
        fetched = clients.make("cli", tmp_path).fetch(
            server.url, [A], "1000000000", "1000000000.25").list(A)
    assert len(fetched) == 16
    assert fetched[:4] == fetched[12:] == [1, 2, 3, 4]
    assert fetched[4:8] in ([None] * 4, [9] * 4)
    for got, stood, claimed in zip(fetched[8:12], [1, 2, 3, 4], [9, 9, 9, None]):
        assert got in (stood, claimed)


def test_message_without_metadata_is_no_data(tmp_path):
    """Flight has such messages, for metadata of applications."""
    odd = flight_data(b"", split(batch(1).serialize())[1])
    with HostileServer([CHANNEL], [SCHEMA_MESSAGE, good(0), odd, good(2), good(3)]) as server:
        fetched = clients.make("cli", tmp_path).fetch(
            server.url, [A], "1000000000", "1000000000.25").list(A)
    assert fetched == [1, 2, 3, 4, *[None] * 4, 1, 2, 3, 4, 1, 2, 3, 4]


def test_metadata_beyond_reason_are_errors():
    for field, value in (("sample_rate", 0), ("sample_rate", -5), ("stride", 2**64 - 1),
                         ("data_type", "complex64"), ("channel", "nocolon")):
        odd = {**CHANNEL, field: value}
        with ScriptedServer([odd]) as server:
            server.answers["Describe"] = lambda args: [odd]
            done = cli(server.url, "fetch", A, *SPAN)
            assert_failed(done, "carryall: .")


def test_result_that_would_fill_the_memory_is_refused():
    """A span of 3000 years is an error before anything is allocated or asked for."""
    with ScriptedServer([CHANNEL], lambda args: iter([batch(0)])) as server:
        done = cli(server.url, "fetch", A, "--start", "0", "--end", "94000000000")
        assert_failed(done, "carryall: .", statuses=(1, 2))
