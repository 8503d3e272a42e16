"""Our server and another one on the same brokers, each with publishers of its own that the
other serves too. Against a stock server and against ours."""

import json
import signal

import pytest

from harness import wire
from harness.sites import Site
from harness.topics import Topics
from harness.waiting import until

pytestmark = pytest.mark.timeout(400)

A = [(f"H1:AAA-{n}", "float32", 16) for n in range(3)]
B = [(f"L1:BBB-{n}", "float64", 64) for n in range(3)]


def partition(publisher_id):
    return wire.request("Partition", {"publisher_id": publisher_id, "replay_id": None})


def channels(server, publisher_id):
    return sorted(wire.get(server, wire.find(publisher=[publisher_id])).rows,
                  key=lambda row: row["channel"])


@pytest.fixture
def sites(broker, tmp_path):
    return (Site(tmp_path / "here", broker.address), Site(tmp_path / "there", broker.address))


@pytest.mark.case("3.6")
@pytest.mark.parametrize("dynamic", [True, False])
def test_each_serves_the_publishers_of_the_other(sites, publisher_id, kind, dynamic):
    here, there = sites
    mine, theirs = f"{publisher_id}_MINE", f"{publisher_id}_THEIRS"
    here.publisher(mine, [] if dynamic else A, dynamic)
    there.publisher(theirs, [] if dynamic else B, dynamic)
    with here.start("ours", "--sync-publishers", theirs) as ours, \
            there.start(kind, "--sync-publishers", mine) as other:
        if dynamic:
            wire.exchange(ours, partition(mine), A)
            wire.exchange(other, partition(theirs), B)
        until(lambda: len(channels(other, mine)) == 3)
        until(lambda: len(channels(ours, theirs)) == 3)
        assert channels(other, mine) == channels(ours, mine)
        assert channels(ours, theirs) == channels(other, theirs)
        # Each may be asked for all of it at once.
        for server in (ours, other):
            names = [name for name, *_ in A + B]
            assert len(wire.get(server, wire.describe(names)).rows) == 6
            if server.ours:  # the stock server plans with what it knew up to a minute ago
                assert len(wire.info(server, wire.describe(names)).endpoints) == 1

        # What changes and what is added follows.
        if dynamic:
            changed = [("H1:AAA-0", "float32", 32), ("H1:AAA-NEW", "float32", 16)]
            wire.exchange(ours, partition(mine), changed)
            changed = [("L1:BBB-0", "float64", 32), ("L1:BBB-NEW", "float64", 16)]
            wire.exchange(other, partition(theirs), changed)
            until(lambda: len(channels(other, mine)) == 4)
            until(lambda: len(channels(ours, theirs)) == 4)
        else:
            here.publisher(mine, A[1:])
            there.publisher(theirs, B[1:])
            ours.program.signal(signal.SIGHUP)
            other.program.signal(signal.SIGHUP)
            until(lambda: len(channels(other, mine)) == 2)
            until(lambda: len(channels(ours, theirs)) == 2)
        assert channels(other, mine) == channels(ours, mine)
        assert channels(ours, theirs) == channels(other, theirs)
        # A publisher of the other server cannot register here.
        refused = wire.refusal(wire.exchange, ours, partition(theirs), B)
        assert refused.code == "PERMISSION_DENIED", refused

    # What happened while one was away is made up for.
    here.publisher(mine, A[2:], dynamic)
    with here.start("ours") as ours:
        expected = channels(ours, mine)
        with there.start(kind, "--sync-publishers", mine) as other:
            until(lambda: channels(other, mine) == expected)


def test_a_server_takes_over_no_publisher_of_its_own(sites, publisher_id):
    here, _ = sites
    here.publisher(publisher_id, A)
    with pytest.raises(AssertionError, match="configured here"):
        here.start("ours", "--sync-publishers", publisher_id)


@pytest.mark.case("3.6")
def test_the_metadata_topic_of_either_says_the_same(site, broker, publisher_id, kind):
    site.publisher(publisher_id, A)
    topic = f"arrakis-metadata-{publisher_id}"
    topics = Topics(broker.address)
    with site.start(kind) as server:
        keys = {name.encode() for name, *_ in A} | {b"__publisher_info__", b"__digest__"}
        until(lambda: topic in topics.names()
              and {m.key() for m in topics.read(topic)} >= keys)
        assert topics.config(topic)["cleanup.policy"] == "compact"
        assert topics.partitions(topic) == 1
        said = {m.key().decode(): json.loads(m.value()) for m in topics.read(topic)}
        for channel in channels(server, publisher_id):
            name = channel.pop("channel")
            assert said[name] == {**channel, "name": name, "time": None}
        assert said["__publisher_info__"] == {
            "publisher_id": publisher_id, "stride": 62_500_000,
            "max_latency": 1_000_000_000, "dynamic": False, "replay_id": None}
        assert said["__digest__"]["count"] == 3 and said["__digest__"]["version"] == 1
