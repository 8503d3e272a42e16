"""Section 7.9: how a client must take what a server may do. The situations are played by a
scripted server; the stock client proves the script where it copes itself."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import flight

from harness import clients, scripted, wire
from harness.scripted import STRIDE, ScriptedServer, block, channel, stream_schema

T0 = 10**18
START = T0 // wire.SECOND
A, B = "X1:SCR-A", "X1:SCR-B"
ALL = ("stock", "python", "cli")
OURS = ("python", "cli")


@pytest.fixture
def client(kind, tmp_path):
    return clients.make(kind, tmp_path)


def ramp(args):
    """Blocks of the channels asked for: 16 Hz, one sample a stride, counting strides."""
    chosen = [channel(name) for name in args["channels"]]
    schema = stream_schema(chosen)
    for time in range(args["start"], args["end"], STRIDE):
        value = (time - T0) // STRIDE
        yield pa.RecordBatch.from_pylist(
            [{"time": time, **{c["channel"]: [value] for c in chosen}}], schema)


@pytest.mark.case("K1", servers=ALL)
def test_descriptor_that_comes_back_is_ignored(client):
    with ScriptedServer([channel(A)], ramp) as server:
        assert client.fetch(server.url, [A], START, START + 1).list(A) == list(range(16))
        assert [c["name"] for c in client.find(server.url)] == [A]
        assert list(client.describe(server.url, [A])) == [A]


@pytest.mark.case("K2", servers=ALL)
def test_endpoints_with_equal_tickets_are_all_asked(client):
    with ScriptedServer([channel(A), channel(B)]) as server:
        for kind in ("Find", "Count"):
            server.endpoints[kind] = lambda args: [(args, [wire.REUSE])] * 2
        found = iter([[channel(A)], [channel(B)]])
        counts = iter([[{"count": 3}], [{"count": 4}]])
        server.answers = {"Find": lambda args: next(found), "Count": lambda args: next(counts)}
        assert sorted(c["name"] for c in client.find(server.url)) == [A, B]
        assert client.count(server.url) == 7


@pytest.mark.case("K3", servers=ALL)
@pytest.mark.parametrize("location", ["reuse", "address"])
def test_data_are_read_from_the_location(client, location):
    with ScriptedServer([channel(A)], ramp) as server:
        where = {"reuse": [wire.REUSE], "address": [server.url]}[location]
        for kind in ("Describe", "Stream"):
            server.endpoints[kind] = lambda args: [(args, where)]
        assert client.fetch(server.url, [A], START, START + 1).list(A) == list(range(16))
        assert len(server.requests("get", "Stream")) == 1


@pytest.mark.case("K3", servers=OURS)
def test_no_location_means_the_same_server(client):
    with ScriptedServer([channel(A)], ramp) as server:
        for kind in ("Describe", "Stream"):
            server.endpoints[kind] = lambda args: [(args, [])]
        assert client.fetch(server.url, [A], START, START + 1).list(A) == list(range(16))


@pytest.mark.case("K3", servers=OURS)
def test_next_location_is_tried_where_one_is_down(client, free_port):
    with ScriptedServer([channel(A)], ramp) as server:
        dead = f"grpc://127.0.0.1:{free_port}"
        for kind in ("Describe", "Stream"):
            server.endpoints[kind] = lambda args: [(args, [dead, server.url])]
        assert client.fetch(server.url, [A], START, START + 1).list(A) == list(range(16))


@pytest.mark.case("K4", servers=OURS)
def test_time_slices_are_joined_by_channel(client):
    middle = T0 + 8 * STRIDE

    def slices(args):
        # Listed backwards, overlapping by two strides, and grouped differently in time.
        late = [({**args, "channels": [name], "start": middle - 2 * STRIDE}, [wire.REUSE])
                for name in (B, A)]
        return [*late, ({**args, "end": middle}, [wire.REUSE])]

    with ScriptedServer([channel(A), channel(B)], ramp) as server:
        server.endpoints["Stream"] = slices
        fetched = client.fetch(server.url, [A, B], START, START + 1)
        assert fetched.time_ns == T0
        assert fetched.list(A) == fetched.list(B) == list(range(16))
        assert len(server.requests("get", "Stream")) == 3


@pytest.mark.case("K4", servers=ALL)
def test_channels_of_several_endpoints_are_joined(client):
    with ScriptedServer([channel(A), channel(B)], ramp) as server:
        server.endpoints["Stream"] = lambda args: [
            ({**args, "channels": [name]}, [wire.REUSE]) for name in args["channels"]]
        fetched = client.fetch(server.url, [A, B], START, START + 1)
        assert fetched.list(A) == fetched.list(B) == list(range(16))


def live_blocks(*offsets):
    """A live stream of A: one block at each offset, in strides from the stride of now."""
    first = wire.gps_now() // STRIDE * STRIDE
    schema = stream_schema([channel(A)])

    def stream(args):
        assert args["start"] is None
        yield schema
        for offset in offsets:
            yield block(schema, first + offset * STRIDE, X1__SCR_A=[offset])

    return first, stream


@pytest.mark.case("K5", servers=ALL)
def test_late_and_repeated_live_blocks_are_dropped(client):
    first, stream = live_blocks(0, 1, 1, 2, 0, 2, 3)
    with ScriptedServer([channel(A)], stream) as server:
        blocks = client.stream(server.url, [A], duration=4 * STRIDE / 1e9)
    assert [b.time_ns for b in blocks] == [first + n * STRIDE for n in range(4)]
    assert [b.list(A) for b in blocks] == [[0], [1], [2], [3]]


@pytest.mark.case("K5", servers=ALL)
def test_repeated_blocks_of_a_bounded_stream_are_dropped(client):
    def stream(args):
        batches = list(ramp(args))
        yield from batches[:3] + batches[1:2] + batches[2:]

    with ScriptedServer([channel(A)], stream) as server:
        assert client.fetch(server.url, [A], START, START + 1).list(A) == list(range(16))


@pytest.mark.case("K5", servers=ALL)
def test_missing_strides_of_a_bounded_stream_are_gaps(client):
    def stream(args):
        batches = list(ramp(args))
        yield from batches[:3] + batches[5:]

    with ScriptedServer([channel(A)], stream) as server:
        fetched = client.fetch(server.url, [A], START, START + 1)
    assert fetched.list(A) == [0, 1, 2, None, None, *range(5, 16)]


@pytest.mark.case("K6", servers=ALL)
@pytest.mark.parametrize("data_type", ["int32", "uint8", "float32", "float64"])
def test_null_samples_are_missing(client, data_type):
    fast = channel(A, rate=64, data_type=data_type)
    schema = stream_schema([fast])

    def stream(args):
        yield block(schema, T0, X1__SCR_A=[1, None, 3, None])
        yield block(schema, T0 + STRIDE, X1__SCR_A=[None] * 4)
        yield block(schema, T0 + 2 * STRIDE, X1__SCR_A=[5, 6, 7, 8])
        yield block(schema, T0 + 3 * STRIDE, X1__SCR_A=[9, 10, 11, None])

    with ScriptedServer([fast], stream) as server:
        fetched = client.fetch(server.url, [A], START, START + 4 * STRIDE / 1e9)
    assert fetched.list(A) == [1, None, 3, None, *[None] * 4, 5, 6, 7, 8, 9, 10, 11, None]
    assert fetched.data[A].dtype == np.dtype(data_type)


@pytest.mark.case("K6", servers=OURS)
def test_null_list_is_a_missing_stride(client):
    fast = channel(A, rate=64)
    schema = stream_schema([fast])

    def stream(args):
        yield block(schema, T0, X1__SCR_A=[1, 2, 3, 4])
        yield block(schema, T0 + STRIDE, X1__SCR_A=None)
        yield block(schema, T0 + 2 * STRIDE, X1__SCR_A=[5, 6, 7, 8])

    with ScriptedServer([fast], stream) as server:
        fetched = client.fetch(server.url, [A], START, START + 3 * STRIDE / 1e9)
    assert fetched.list(A) == [1, 2, 3, 4, *[None] * 4, 5, 6, 7, 8]


@pytest.mark.case("K7", servers=ALL)
def test_live_stream_that_ends_well_is_no_error(client):
    first, stream = live_blocks(0, 1, 2)
    with ScriptedServer([channel(A)], stream) as server:
        blocks = client.stream(server.url, [A], blocks=3)
    assert [b.time_ns for b in blocks] == [first + n * STRIDE for n in range(3)]


@pytest.mark.case("K7", servers=("stock", "python"))
def test_nothing_comes_after_the_end_of_a_live_stream(client):
    _, stream = live_blocks(0, 1, 2)
    with ScriptedServer([channel(A)], stream) as server:
        assert len(client.stream(server.url, [A])) == 3


@pytest.mark.case("K8", servers=("stock", "python"))
def test_rows_of_other_channels_are_ignored(client):
    schema = pa.schema([("time", pa.int64()), ("id", pa.uint32()),
                        ("data", pa.list_(pa.int32()))])
    batch = pa.RecordBatch.from_pylist(
        [{"time": T0, "id": 7, "data": [70, 71]}, {"time": T0, "id": 3, "data": [1, 2]},
         {"time": T0, "id": 4_000_000_000, "data": [9, 9]}, {"time": T0, "id": 5, "data": [3, None]}],
        schema)
    package = client._package
    names = {3: A, 5: B}
    known = {i: package.Channel(name, "int32", 32) for i, name in names.items()}
    rows = package.SeriesBlock.from_row_batch(batch, known)
    assert rows.time_ns == T0
    assert set(rows.keys()) == {A, B}
    assert rows[A].data.tolist() == [1, 2]
    assert rows[B].data.tolist() == [3, None]


@pytest.mark.case("K8", servers=OURS)
def test_rows_of_other_channels_are_ignored_in_a_stream(client):
    """The compact form that our own ends use (docs/wire.md), with rows nobody asked for."""
    schema = pa.schema(
        [pa.field("time", pa.int64(), nullable=False), pa.field("id", pa.uint32(), nullable=False),
         ("data", pa.list_(pa.int32()))],
        metadata={"carryall.channels": f"X1:SCR-OTHER\n{A}"})

    def stream(args):
        yield schema
        for first in range(0, 16, 4):
            time = T0 + first * STRIDE
            yield pa.RecordBatch.from_pylist(
                [{"time": time, "id": i, "data": data} for i, data in (
                    (4_000_000_000, [9]), (1, [9] * 4), (0, [7] * 4),
                    (1, list(range(first, first + 4))), (2, [8] * 4))], schema)

    with ScriptedServer([channel(A)], stream) as server:
        assert client.fetch(server.url, [A], START, START + 1).list(A) == list(range(16))


@pytest.mark.case("K10", servers=ALL)
@pytest.mark.parametrize("stride", [None, 0])
def test_channel_without_stride_cannot_be_streamed(client, stride):
    with ScriptedServer([channel(A), channel(B, stride=stride)], ramp) as server:
        with pytest.raises(clients.Failed) as failed:
            client.fetch(server.url, [A, B], START, START + 1)
    if client.name != "stock":
        assert B in str(failed.value) and "stride" in str(failed.value)
    assert server.requests("get", "Stream") == []


@pytest.mark.case("K10", servers=ALL)
def test_channel_without_latency_can_be_streamed(client):
    with ScriptedServer([channel(A, max_latency=None)], ramp) as server:
        assert client.fetch(server.url, [A], START, START + 1).list(A) == list(range(16))
