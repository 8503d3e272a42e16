"""Section 7.4: Describe."""

import pytest

from harness import wire

B, FLAG, RAND = "X1:CNF-CHAN_B", "X1:CNF-FLAG", "Z1:ABC_RAND"
UNKNOWN = "X1:CNF-NOPE"


@pytest.mark.case("D1")
def test_rows_follow_the_ticket(server):
    answer = wire.get(server, wire.describe([RAND, B]))
    assert answer.column("channel") == [RAND, B]
    assert answer.column("sample_rate") == [32, 16384]


@pytest.mark.case("D2")
def test_repeated_channels_are_planned_once(server):
    info = wire.info(server, wire.describe([FLAG, FLAG]))
    (endpoint,) = info.endpoints
    (ticket,) = wire.plan(server, wire.describe([FLAG, FLAG]))
    assert ticket["args"]["channels"] == [FLAG]
    assert wire.get(server, endpoint.ticket.ticket).column("channel") == [FLAG]


@pytest.mark.case("D3")
def test_no_channels(server):
    refused = wire.refusal(wire.info, server, wire.describe([]))
    assert refused.code == "UNKNOWN", refused
    assert wire.get(server, wire.describe([])).batches == []


@pytest.mark.case("D4")
def test_name_without_domain_is_refused(server):
    refused = wire.refusal(wire.get, server, wire.describe(["nocolon"]))
    assert refused.code == "UNAVAILABLE" and "nocolon" in refused.text, refused
    refused = wire.refusal(wire.info, server, wire.describe(["nocolon"]))
    if server.ours:
        assert refused.code == "UNAVAILABLE" and "nocolon" in refused.text, refused
    else:
        assert refused.code == "INTERNAL", refused


@pytest.mark.case("D5")
def test_only_the_unknown_channel_is_named(server):
    assert len(wire.info(server, wire.describe([FLAG, UNKNOWN])).endpoints) == 1
    refused = wire.refusal(wire.get, server, wire.describe([FLAG, UNKNOWN]))
    assert refused.code == "UNAVAILABLE", refused
    assert UNKNOWN in refused.text and FLAG not in refused.text, refused


@pytest.mark.case("D6")
def test_channel_of_nobody_is_not_planned(server):
    refused = wire.refusal(wire.info, server, wire.describe(["Q9:NOPE-X"]))
    assert refused.code == "UNAVAILABLE" and "Q9:NOPE-X" in refused.text, refused


@pytest.mark.case("D7")
def test_time_may_be_null_but_not_left_out(server):
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, server, wire.request("Describe", {"channels": [FLAG]}))
        assert refused.code == "INTERNAL", refused
