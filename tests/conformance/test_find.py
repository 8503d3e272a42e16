"""Section 7.2: Find."""

import pyarrow as pa
import pytest

from harness import wire

CHANNELS = ["X1:CNF-CHAN_A", "X1:CNF-CHAN_B", "X1:CNF-FLAG", "Y1:SLO-TICK", "Z1:ABC_RAND",
            "Z1:NOSUB"]

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


@pytest.mark.case("F1")
def test_plan_is_one_endpoint_on_the_same_server(server):
    info = wire.info(server, wire.find())
    assert info.schema.equals(METADATA, check_metadata=True)
    assert (info.total_records, info.total_bytes) == (-1, -1)
    (endpoint,) = info.endpoints
    assert [location.uri for location in endpoint.locations] == [wire.REUSE]
    (ticket,) = wire.plan(server, wire.find())
    assert ticket["request"] == "Find"
    assert ticket["args"] | {"replay_id": None} == wire.FIND | {"replay_id": None}


@pytest.mark.case("F2")
def test_all_channels_in_file_order(server):
    answer = wire.get(server, wire.find())
    assert answer.schema.equals(METADATA, check_metadata=True)
    assert [batch.num_rows for batch in answer.batches] == [6]
    assert answer.column("channel") == CHANNELS
    assert answer.column("data_type") == ["float32", "float64", "int32", "uint64", "float64",
                                          "int64"]
    assert answer.column("sample_rate") == [512, 16384, 16, 2, 32, 16]
    assert answer.column("stride") == [62_500_000] * 3 + [wire.SECOND] + [62_500_000] * 2
    assert answer.column("max_latency") == [wire.SECOND] * 6
    assert answer.column("publisher") == ["PUBX"] * 6
    for name in ("partition_id", "partition_index", "replay_id"):
        assert answer.column(name) == [None] * 6


@pytest.mark.case("F3")
def test_pattern_matches_from_the_start_of_the_name(server):
    answer = wire.get(server, wire.find(pattern="X1:CNF-C"))
    assert answer.column("channel") == ["X1:CNF-CHAN_A", "X1:CNF-CHAN_B"]


@pytest.mark.case("F4")
def test_pattern_does_not_match_inside_the_name(server):
    answer = wire.get(server, wire.find(pattern="CNF"))
    assert answer.rows == [] and answer.schema.equals(METADATA, check_metadata=True)


@pytest.mark.case("F5")
def test_data_type_outside_the_schema_is_refused(server):
    refused = wire.refusal(wire.info, server, wire.find(data_type=["float16"]))
    assert refused.code == "INTERNAL", refused


@pytest.mark.case("F6")
@pytest.mark.parametrize("rate", [-1, 1.5, True, "16", None])
def test_min_rate_must_be_a_natural_number(server, rate):
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, server, wire.find(min_rate=rate))
        assert refused.code == "INTERNAL", refused


@pytest.mark.case("F7")
def test_min_rate_may_be_written_with_a_fraction_of_nothing(server):
    assert len(wire.get(server, wire.find(min_rate=1.0)).rows) == 6
    assert len(wire.get(server, wire.find(min_rate=512.0)).rows) == 2


@pytest.mark.case("F8")
@pytest.mark.parametrize("rate", [0, -5])
def test_max_rate_of_nothing_finds_nothing(server, rate):
    try:
        answer = wire.get(server, wire.find(max_rate=rate))
    except pa.ArrowException as error:
        # The schemas mean to forbid it, but stock's do not.
        assert server.ours and wire.Refusal(error).code == "INTERNAL"
    else:
        assert answer.rows == []


@pytest.mark.case("F9")
def test_invalid_pattern_fails_when_it_is_used(server):
    assert len(wire.info(server, wire.find(pattern="(")).endpoints) == 1
    refused = wire.refusal(wire.get, server, wire.find(pattern="("))
    if server.ours:
        assert refused.code == "INVALID_ARGUMENT" and "(" in refused.text, refused
    else:
        assert refused.code == "INTERNAL", refused


@pytest.mark.case("F10")
def test_replay_needs_a_registry(server):
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, server, wire.find(replay_id="nope"))
        assert refused.code == "UNKNOWN" and "nope" in refused.text, refused


@pytest.mark.case("F10")
def test_replay_must_be_registered(registry_server):
    for call in (wire.info, wire.get):
        refused = wire.refusal(call, registry_server, wire.find(replay_id="nope"))
        assert refused.code == "UNKNOWN", refused
        assert "nope" in refused.text and "RUN1" in refused.text, refused


@pytest.mark.case("F11")
def test_time_beyond_all_clocks_is_served_by_a_live_server(server):
    assert len(wire.plan(server, wire.find(time=10**30))) == 1
    assert len(wire.get(server, wire.find(time=10**30)).rows) == 6


@pytest.mark.case("F12")
def test_many_rows_come_in_batches_of_a_thousand(wide_server):
    answer = wire.get(wide_server, wire.find())
    assert [batch.num_rows for batch in answer.batches] == [1000, 1000, 500]
    assert answer.column("channel") == [f"W1:WID-C{n:04}" for n in range(2500)]
