"""Calls that are no request of section 1.1: they are refused cleanly, or do what Flight says
they do, and the server goes on."""

import pyarrow as pa
import pytest
from pyarrow import flight

from harness import wire


@pytest.mark.case("1.11")
def test_calls_that_no_client_needs(server):
    descriptor = flight.FlightDescriptor.for_command(wire.find())
    if server.ours:
        assert server.connection.get_schema(descriptor).schema.names[0] == "channel"
    else:
        refused = wire.refusal(server.connection.get_schema, descriptor)
        assert refused.code == "UNIMPLEMENTED", refused

    def put():
        schema = pa.schema([("x", pa.int64())])
        writer, _ = server.connection.do_put(descriptor, schema)
        with writer:
            writer.write_batch(pa.record_batch([[1]], schema))

    assert wire.refusal(put).code == "UNIMPLEMENTED"
    assert len(wire.get(server, wire.find()).rows) == 6


@pytest.mark.case("P1")
@pytest.mark.parametrize("request_type", ["Publish", "Partition"])
def test_publishing_is_refused_by_a_server_that_cannot(server, request_type):
    command = wire.request(request_type, {"publisher_id": "PUBX"})
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, server, command)
        assert refused.code == "UNKNOWN", refused
    refused = wire.refusal(
        wire.info, server, wire.request(request_type, {"publisher_id": 1}))
    assert refused.code == "INTERNAL", refused


@pytest.mark.case("P1")
def test_exchange_is_refused_by_a_server_that_cannot_publish(server):
    def exchange():
        descriptor = flight.FlightDescriptor.for_command(
            wire.request("Partition", {"publisher_id": "PUBX"}))
        writer, reader = server.connection.do_exchange(descriptor)
        with writer:
            writer.done_writing()
            reader.read_all()

    refused = wire.refusal(exchange)
    assert refused.code == "UNKNOWN", refused


@pytest.mark.case("Q13", servers=("ours",))
def test_flights_are_listed(server):
    flights = list(server.connection.list_flights())
    assert flights
    for flight_info in flights:
        for endpoint in flight_info.endpoints:
            wire.get(server, endpoint.ticket.ticket, batches=1)
