"""Section 7.1: the envelope of any request."""

import pytest
from pyarrow import flight

from harness import wire


@pytest.mark.case("E1")
@pytest.mark.parametrize("body", [b"not json", b"\xff\xfe", b"[]", b"{}", b"123", b"null", b""],
                         ids=lambda body: body.decode("latin-1") or "empty")
@pytest.mark.parametrize("call", [wire.info, wire.get], ids=["info", "get"])
def test_what_is_no_request_is_refused(server, call, body):
    refused = wire.refusal(call, server, body)
    assert refused.code == ("INVALID_ARGUMENT" if server.ours else "INTERNAL"), refused


@pytest.mark.case("E2")
@pytest.mark.parametrize("name", ["Bogus", "find"])
def test_unknown_request_type_is_refused(server, name):
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, server, wire.request(name, wire.FIND))
        if server.ours:
            assert refused.code == "INVALID_ARGUMENT" and name in refused.text, refused
        else:
            assert refused.code == "INTERNAL", refused


@pytest.mark.case("E3")
def test_version_may_be_left_out(server):
    assert len(wire.info(server, wire.find()).endpoints) == 1
    assert len(wire.get(server, wire.find()).rows) == 6


@pytest.mark.case("E4")
def test_version_is_not_negotiated(server):
    command = wire.request("Find", wire.FIND, version="99.0")
    assert wire.plan(server, command)[0]["version"] == "0.5.0"
    assert len(wire.get(server, command).rows) == 6


@pytest.mark.case("E5")
def test_version_must_be_text(server):
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, server, wire.request("Find", wire.FIND, version=5))
        assert refused.code == "INTERNAL", refused


@pytest.mark.case("E6")
def test_other_members_of_the_envelope_are_ignored(server):
    command = wire.request("Find", wire.FIND, junk=1)
    assert len(wire.info(server, command).endpoints) == 1
    assert len(wire.get(server, command).rows) == 6


@pytest.mark.case("E7")
def test_unknown_argument_is_named_with_both_versions(server):
    command = wire.request("Find", {**wire.FIND, "extra": 1}, version="0.4.7")
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, server, command)
        assert refused.code == "UNKNOWN", refused
        for word in ("extra", "0.4.7", "0.5.0"):
            assert word in refused.text, refused


@pytest.mark.case("E7")
def test_unknown_arguments_are_sorted(server):
    command = wire.request("Find", {**wire.FIND, "zeta": 1, "alpha": 1})
    text = wire.refusal(wire.info, server, command).text
    assert 0 <= text.find("alpha") < text.find("zeta")


@pytest.mark.case("E8")
def test_request_id_of_the_caller_ends_the_error(server):
    options = wire.headers(x_request_id="my id/1$2_." + 40 * "x")
    expected = "[request: myid12_." + 24 * "x" + "]"
    bad = wire.find(extra=1)
    assert expected in wire.refusal(wire.info, server, bad, options).text
    assert expected in wire.refusal(wire.get, server, bad, options).text


@pytest.mark.case("E8")
def test_request_id_is_made_up_where_the_caller_gives_none(server):
    text = wire.refusal(wire.info, server, wire.find(extra=1)).text
    request_id = text.split("[request: ")[1].split("]")[0]
    assert len(request_id) == 8 and int(request_id, 16) >= 0


@pytest.mark.case("E9")
def test_path_descriptor_is_refused(server):
    descriptor = flight.FlightDescriptor.for_path("some", "where")
    refused = wire.refusal(server.connection.get_flight_info, descriptor)
    assert refused.code == ("INVALID_ARGUMENT" if server.ours else "INTERNAL"), refused
