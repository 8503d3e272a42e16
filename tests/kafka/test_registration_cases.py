"""Publish and Partition: every case against the stock server, which proves the test, and
against ours."""

import collections
import json

import pytest

from harness import wire

pytestmark = pytest.mark.timeout(300)


def publish(publisher_id, replay_id=None):
    return wire.request("Publish", {"publisher_id": publisher_id, "replay_id": replay_id})


def partition(publisher_id, replay_id=None):
    return wire.request("Partition", {"publisher_id": publisher_id, "replay_id": replay_id})


def register(registrar, kind, *batches):
    return wire.exchange(registrar, partition(f"DYN_{kind}"), *batches)


@pytest.mark.case("P2")
def test_publish_is_planned_here(registrar, kind):
    command = publish(f"DYN_{kind}")
    endpoints = wire.info(registrar, command).endpoints
    assert [e.ticket.ticket for e in endpoints] == [command]
    assert [location.uri for location in endpoints[0].locations] == [wire.REUSE]


@pytest.mark.case("P3")
@pytest.mark.parametrize("who", ["DYN_{}", "FIX_{}", "NOBODY"])
def test_publish_names_the_brokers(registrar, kind, who, broker):
    answer = wire.get(registrar, publish(who.format(kind)))
    assert [dict(row["properties"]) for row in answer.rows] == [
        {"bootstrap.servers": broker.address}]
    assert not answer.schema.field("properties").nullable


@pytest.mark.case("P4")
@pytest.mark.parametrize("args", [{}, {"publisher_id": 5}, {"publisher_id": None}])
@pytest.mark.parametrize("request_type", ["Publish", "Partition"])
def test_a_publisher_must_be_named(registrar, args, request_type):
    command = wire.request(request_type, args)
    for call in (wire.info, wire.get, wire.exchange):
        assert wire.refusal(call, registrar, command).code == "INTERNAL"


@pytest.mark.case("P9")
def test_publish_under_a_replay_that_is_not_registered(registrar, kind):
    command = publish(f"DYN_{kind}", "NOPE")
    refused = wire.refusal(wire.get, registrar, command)
    assert refused.code == "UNKNOWN" and "NOPE" in refused.text, refused


@pytest.mark.case("P10")
@pytest.mark.parametrize("who, replay_id", [("DYN", "RUN1"), ("REP", "RUN2"), ("REP", None)])
def test_publish_under_another_replay(registrar, kind, who, replay_id):
    refused = wire.refusal(wire.get, registrar, publish(f"{who}_{kind}", replay_id))
    assert refused.code == "PERMISSION_DENIED" and f"{who}_{kind}" in refused.text, refused
    assert wire.get(registrar, publish(f"REP_{kind}", "RUN1")).rows


@pytest.mark.case("T1")
def test_new_channels_get_partitions(registrar, kind):
    answer = register(registrar, kind, [("H1:TA-1", "float64", 64), ("H1:TA-2", "float32", 64),
                                        ("L1:TB_3", "float64", 16)])
    assert answer.schema.equals(wire.PARTITION_SCHEMA)
    assert answer.column("channel") == ["H1:TA-1", "H1:TA-2", "L1:TB_3"]
    assert answer.column("data_type") == ["float64", "float32", "float64"]
    assert answer.column("sample_rate") == [64, 64, 16]
    assert answer.column("partition_index") == [0, 0, 0]
    ids = answer.column("partition_id")
    assert len(set(ids)) == 3
    for partition_id, subsystem in zip(ids, ("TA", "TA", "TB")):
        assert partition_id.startswith(f"DYN_{kind}_{subsystem}_")
    found = {c["channel"]: c for c in wire.get(registrar, wire.find(pattern="H1:TA-|L1:TB")).rows}
    assert [found[row["channel"]]["partition_id"] for row in answer.rows] == ids
    for channel in found.values():
        assert channel["publisher"] == f"DYN_{kind}" and channel["replay_id"] is None
        assert channel["stride"] == 62_500_000 and channel["max_latency"] == 1_000_000_000


@pytest.mark.case("T2")
def test_registering_again_changes_nothing(registrar, kind):
    channels = [("H1:TC-1", "float64", 64), ("H1:TC-2", "float64", 64)]
    first = register(registrar, kind, channels)
    assert register(registrar, kind, channels).rows == first.rows
    assert register(registrar, kind, channels[::-1]).rows == first.rows[::-1]


@pytest.mark.case("T3")
def test_another_rate_stays_in_its_place(registrar, kind):
    before, = register(registrar, kind, [("H1:TD-1", "float64", 64)]).rows
    after, = register(registrar, kind, [("H1:TD-1", "float64", 128)]).rows
    assert after == {**before, "sample_rate": 128}


@pytest.mark.case("T4")
def test_another_data_type(registrar, kind):
    before = register(registrar, kind, [("H1:TE-1", "float64", 64), ("H1:TE-2", "float64", 64)])
    after, = register(registrar, kind, [("H1:TE-1", "float32", 64)]).rows
    if registrar.ours:
        assert after["partition_id"] not in before.column("partition_id")
    else:
        assert after["partition_id"] in before.column("partition_id")
    assert after["data_type"] == "float32"


@pytest.mark.case("T5")
def test_many_channels_in_several_batches(registrar, kind):
    names = [f"H1:TF-{n:04}" for n in range(2500)]
    channels = [(name, "float32", 16) for name in names]
    answer = register(registrar, kind, channels[:900], channels[900:1000], channels[1000:])
    assert [batch.num_rows for batch in answer.batches] == [1000, 1000, 500]
    assert answer.column("channel") == names
    members = collections.Counter(answer.column("partition_id"))
    assert sorted(members.values()) == [20] + 31 * [80]
    for partition_id in members:
        indexes = [r["partition_index"] for r in answer.rows if r["partition_id"] == partition_id]
        assert sorted(indexes) == list(range(members[partition_id]))


@pytest.mark.case("T6")
def test_nothing_to_register(registrar, kind):
    answer = register(registrar, kind)
    assert answer.schema.equals(wire.PARTITION_SCHEMA) and answer.batches == []


@pytest.mark.case("T7")
@pytest.mark.parametrize("channel", [("noname", "float64", 64), ("H1:TG-1", "float99", 64),
                                     ("H1:TG-1", "float64", 0)])
def test_what_is_no_channel(registrar, kind, channel):
    refused = wire.refusal(register, registrar, kind, [("H1:TG-2", "float64", 64), channel])
    assert refused.code == "INTERNAL", refused
    assert wire.get(registrar, wire.find(pattern="H1:TG")).rows == []


@pytest.mark.case("T8")
def test_data_types_as_numpy_writes_them(registrar, kind):
    answer = register(registrar, kind, [("H1:TH-1", "f8", 64), ("H1:TH-2", "<i4", 64)])
    assert answer.column("data_type") == ["float64", "int32"]


@pytest.mark.case("T9")
@pytest.mark.parametrize("who, replay_id", [("NOBODY_{}", None), ("FIX_{}", None),
                                            ("DYN_{}", "RUN1"), ("REP_{}", None)])
def test_who_may_not_register(registrar, kind, who, replay_id):
    command = partition(who.format(kind), replay_id)
    for channels in ([], [("H1:TI-1", "float64", 64)]):
        refused = wire.refusal(wire.exchange, registrar, command, channels)
        assert refused.code == "PERMISSION_DENIED", refused
        assert who.format(kind) in refused.text
        if who.startswith("FIX"):
            assert "not configured as dynamic" in refused.text
    assert wire.get(registrar, wire.find(pattern="H1:TI")).rows == []


@pytest.mark.case("T9")
def test_a_publisher_under_its_replay_may(registrar, kind):
    row, = wire.exchange(registrar, partition(f"REP_{kind}", "RUN1"),
                         [("H1:TI-2", "float64", 64)]).rows
    assert row["partition_id"].startswith(f"REP_{kind}_TI_")
    assert wire.get(registrar, wire.find(pattern="H1:TI-2")).rows == []
    found, = wire.get(registrar, wire.find(pattern="H1:TI-2", replay_id="RUN1")).rows
    assert found["replay_id"] == "RUN1" and found["partition_id"] == row["partition_id"]


@pytest.mark.case("T10")
@pytest.mark.parametrize("command", [publish("DYN_x"), wire.find()])
def test_only_partition_is_an_exchange(registrar, command):
    refused = wire.refusal(wire.exchange, registrar, command, [("H1:TJ-1", "float64", 64)])
    assert refused.code == "UNKNOWN", refused


@pytest.mark.case("T11")
def test_partition_is_no_get(registrar, kind):
    assert wire.refusal(wire.get, registrar, partition(f"DYN_{kind}")).code == "UNKNOWN"
    endpoint, = wire.info(registrar, partition(f"DYN_{kind}")).endpoints
    assert json.loads(endpoint.ticket.ticket)["request"] == "Partition"


@pytest.mark.case("T12")
def test_a_channel_joins_its_neighbours(registrar, kind):
    before = register(registrar, kind, [("H1:TK-1", "float64", 64), ("H1:TK-3", "float64", 64)])
    after, = register(registrar, kind, [("H1:TK-2", "float64", 64)]).rows
    if registrar.ours:
        assert {after["partition_id"]} == set(before.column("partition_id"))
        assert after["partition_index"] == 2
    else:
        assert after["partition_id"] not in before.column("partition_id")


@pytest.mark.case("1.10")
def test_the_server_says_that_it_takes_publishers(registrar):
    assert registrar.action("server-info")["capabilities"] == [
        "find", "count", "describe", "stream", "publish", "partition"]
