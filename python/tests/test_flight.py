"""Requests and the readers of endpoints, against a server of ours."""

import json

import numpy
import pytest
from pyarrow import flight

import carryall
from carryall.client import get_flight_info
from carryall.errors import EndpointStalledError, InvalidRequestError
from carryall.flight import (ChainedFlightReader, MultiFlightReader, RequestType,
                             RequestValidator, connect, create_command, create_descriptor,
                             parse_command, parse_request)
from carryall.mux import BlockMuxStream
from carryall.stream import MultiStreamReader, StreamReader

COUNT, RAMP = "X1:PYT-COUNT", "X1:PYT-RAMP"
T, SECOND = 1_000_000_000, 10**9
VALIDATOR = RequestValidator()


def stream_of(names, start, end):
    return {"channels": names, "start": start * SECOND, "end": end * SECOND}


def endpoints_of(url, *spans, names=(COUNT, RAMP)):
    with connect(url) as client:
        return [endpoint for start, end in spans for endpoint in get_flight_info(
            client, create_descriptor(RequestType.Stream, validator=VALIDATOR,
                                      **stream_of(list(names), start, end))).endpoints]


def test_commands_can_be_read_again():
    args = stream_of([COUNT], T, T + 1)
    command = create_command(RequestType.Stream, validator=VALIDATOR, **args)
    assert json.loads(command) == {"request": "Stream", "args": args, "version": "0.5.0"}
    assert parse_command(command, validator=VALIDATOR) == (RequestType.Stream, args)
    parsed = parse_request(command, validator=VALIDATOR)
    assert (parsed.request, parsed.args, parsed.version) == (RequestType.Stream, args, "0.5.0")
    assert VALIDATOR.known_args(RequestType.Partition) == {"publisher_id", "replay_id"}


@pytest.mark.parametrize("wrong", [
    {"channels": "X1:A", "start": 1, "end": 2}, {"channels": [], "start": 1},
    {"channels": [1], "start": 1, "end": 2}, {"channels": [], "start": 1.5, "end": 2},
    {"channels": [], "start": numpy.int64(1), "end": 2},
    {"channels": [], "start": float("nan"), "end": 2}])
def test_requests_that_servers_refuse(wrong):
    with pytest.raises(InvalidRequestError) as caught:
        create_command(RequestType.Stream, validator=VALIDATOR, **wrong)
    assert isinstance(caught.value, flight.FlightInternalError) and str(caught.value)


def test_arguments_of_other_versions_pass():
    create_command(RequestType.Stream, validator=VALIDATOR, more=1,
                   **stream_of([COUNT], T, T + 1))


@pytest.mark.parametrize("shared", [False, True])
def test_what_endpoints_give_is_what_fetch_gives(server, client, shared):
    metadata = client.describe([COUNT, RAMP])
    with connect(server.url) as connection:
        reader = MultiFlightReader(endpoints_of(server.url, (T, T + 2)),
                                   connection if shared else server.url, metadata)
        assert isinstance(reader, StreamReader)
        assert [sorted(c.name for c in channels) for channels in reader.streams.values()] == [
            [COUNT, RAMP]]
        blocks = list(BlockMuxStream(reader, start=T * SECOND).stream((T + 2) * SECOND))
    assert len(blocks) == 32
    whole = client.fetch([COUNT, RAMP], T, T + 2)
    assert carryall.block.concatenate_blocks(*blocks) == whole.filter(list(blocks[0]))


def test_slices_are_read_one_after_the_other(server, client):
    metadata = client.describe([COUNT])
    endpoints = endpoints_of(server.url, (T + 1, T + 2), (T, T + 1), names=[COUNT])
    with ChainedFlightReader(endpoints, server.url, metadata) as reader:
        times = []
        while not reader.done():
            reader.wait(10)
            times += [block.time_ns for _, block in reader.read(convert_blocks=True)]
    assert times == [T * SECOND + n * 62_500_000 for n in range(32)]


def test_several_readers_as_one(server, client):
    metadata = client.describe([COUNT, RAMP])
    readers = [MultiFlightReader(endpoints_of(server.url, (T, T + 1), names=[name]),
                                 server.url, metadata) for name in (COUNT, RAMP)]
    with MultiStreamReader(readers) as reader:
        rows = list(reader.unpack())
    assert len(rows) == 32 and reader.done()
    assert {name for row in rows for name in row} == {"time", COUNT, RAMP}


def test_an_endpoint_that_fails_raises(server):
    command = create_command(RequestType.Stream, validator=VALIDATOR,
                             **stream_of(["X1:PYT-NONE"], T, T + 1))
    endpoint = flight.FlightEndpoint(command, [])
    with MultiFlightReader([endpoint], server.url) as reader:
        reader.wait(30)
        with pytest.raises(flight.FlightUnavailableError, match="PYT-NONE") as caught:
            reader.done()
        assert "Detail:" not in str(caught.value)


def test_a_live_endpoint_that_is_silent_raises(silent_server, client, monkeypatch):
    monkeypatch.setattr(carryall.flight, "STALL_GRACE_SECONDS", -10)
    monkeypatch.setattr(carryall.flight, "CLOSE_TIMEOUT", 0.1)
    command = create_command(RequestType.Stream, validator=VALIDATOR, channels=[COUNT],
                             start=None, end=None)
    port = silent_server.getsockname()[1]
    reader = MultiFlightReader([flight.FlightEndpoint(command, [])],
                               f"grpc://127.0.0.1:{port}", client.describe([COUNT]))
    reader.enter()
    with pytest.raises(EndpointStalledError, match=str(port)):
        list(reader.read())
    silent_server.close()
    reader.close()
