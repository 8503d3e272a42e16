"""Section 7.3: Count."""

import pyarrow as pa
import pytest

from harness import wire


def total(server, **filters):
    answer = wire.get(server, wire.count(**filters))
    assert answer.schema.equals(pa.schema([pa.field("count", pa.int64())]), check_metadata=True)
    (row,) = answer.rows
    return row["count"]


@pytest.mark.case("N1")
def test_count_of_everything(server):
    assert total(server) == 6
    info = wire.info(server, wire.count())
    assert len(info.endpoints) == 1
    assert info.schema == pa.schema([pa.field("count", pa.int64())])


@pytest.mark.case("N2")
def test_min_rate_is_inclusive(server):
    assert total(server, min_rate=513) == 1
    assert total(server, min_rate=512) == 2


@pytest.mark.case("N3")
def test_max_rate_is_inclusive(server):
    assert total(server, max_rate=16) == 3
    assert total(server, max_rate=15) == 1


@pytest.mark.case("N4")
def test_publisher_is_matched_exactly(server):
    assert total(server, publisher=["PUBX"]) == 6
    assert total(server, publisher=["ZZ"]) == 0
    assert total(server, publisher=["PUB"]) == 0
    assert total(server, publisher=["ZZ", "PUBX"]) == 6


@pytest.mark.case("N5")
def test_filters_combine(server):
    assert total(server, data_type=["float32", "float64"], pattern="X1:.*") == 2


@pytest.mark.case("N8")
def test_replay_that_no_server_lists_counts_raw_channels(registry_server):
    command = wire.count(replay_id="RUN1")
    (endpoint,) = wire.info(registry_server, command).endpoints
    assert [location.uri for location in endpoint.locations] == [wire.REUSE]
    (ticket,) = wire.plan(registry_server, command)
    assert ticket["args"]["replay_id"] is None
