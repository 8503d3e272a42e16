"""Our server on real brokers: what it keeps, what it says when something is wrong."""

import signal

import arrakis
import pytest

from harness import servers, wire
from harness.kafka import Broker
from harness.ports import free_ports
from harness.processes import run
from harness.sites import Site
from harness.topics import Topics
from harness.waiting import until

pytestmark = pytest.mark.timeout(300)


def partition(publisher_id):
    return wire.request("Partition", {"publisher_id": publisher_id, "replay_id": None})


def known(server):
    return {c["channel"]: c for c in wire.get(server, wire.find()).rows}


def fails(site, *more):
    return run([servers.carryall(), "serve", "-u", "0", "kafka",
                *site.arguments("ours", *more)], timeout=120)


def test_a_topic_that_was_deleted_is_there_after_a_start(site, publisher_id):
    site.publisher(publisher_id, [("H1:DEL-A", "float32", 16)])
    topics = Topics(site.brokers)
    with site.start("ours") as server:
        topic = f"arrakis-{known(server)['H1:DEL-A']['partition_id']}"
    topics.delete(topic)
    with site.start("ours") as server:
        assert topic in topics.names()
        assert f"arrakis-{known(server)['H1:DEL-A']['partition_id']}" == topic


def test_configurations_are_read_again(site, publisher_id):
    site.publisher(publisher_id, [("H1:CFG-A", "float32", 16), ("H1:CFG-B", "float32", 16)])
    with site.start("ours") as server:
        before = known(server)
        assert set(before) == {"H1:CFG-A", "H1:CFG-B"}

        site.publisher(publisher_id, [("H1:CFG-B", "float32", 32), ("M1:NEW-C", "float64", 16)])
        server.program.signal(signal.SIGHUP)
        until(lambda: set(known(server)) == {"H1:CFG-B", "M1:NEW-C"})
        after = known(server)
        assert after["H1:CFG-B"] == {**before["H1:CFG-B"], "sample_rate": 32}
        topic = f"arrakis-{after['M1:NEW-C']['partition_id']}"
        assert topic in Topics(site.brokers).names()
        assert arrakis.Client(server.url, token=False).describe(["M1:NEW-C"])

        bad = site.configs / "bad.toml"
        bad.write_text('[publisher]\npublisher_id = "BAD"\nstride = "long"\n')
        server.program.signal(signal.SIGHUP)
        until(lambda: any(f"{bad}:3" in line for line in server.program.err))
        assert known(server) == after


def test_brokers_that_are_away(site, publisher_id):
    site.publisher(publisher_id, dynamic=True)
    port, = free_ports(1)
    site.brokers = f"127.0.0.1:{port}"
    done = fails(site)
    assert done.status == 1 and site.brokers in done.err, done
    assert len(done.err.strip().splitlines()[-1]) < 400


def test_a_configuration_that_is_wrong(site):
    path = site.publisher("OK", [("H1:BAD-A", "float32", 16)])
    path.write_text(path.read_text() + '["H1:BAD-B"]\ndata_type = "float33"\nsample_rate = 1\n')
    line = 1 + path.read_text().splitlines().index('["H1:BAD-B"]')
    done = fails(site)
    assert done.status == 1, done
    assert any(f"{path}:{n}: " in done.err for n in (line, line + 1)), done
    assert "H1:BAD-B" in done.err


def test_a_configuration_that_is_missing(site):
    site.publisher("OK")
    done = fails(site, "--publisher-config", site.directory / "nowhere.toml")
    assert done.status == 1 and "nowhere.toml" in done.err, done


def test_a_catalogue_that_is_in_use(site, publisher_id):
    site.publisher(publisher_id, dynamic=True)
    with site.start("ours"):
        done = fails(site)
        assert done.status == 1 and str(site.catalogue) in done.err, done


def test_a_catalogue_that_is_none(site, publisher_id):
    site.publisher(publisher_id, dynamic=True)
    site.catalogue.write_text("something else " * 100)
    done = fails(site)
    assert done.status == 1 and str(site.catalogue) in done.err, done
    assert site.catalogue.read_text() == "something else " * 100


@pytest.mark.parametrize("arguments, names", [
    ([], "--kafka-url"),
    (["--kafka-url", "127.0.0.1:1", "--retention-time", "0"], "--retention-time"),
    (["--kafka-url", "127.0.0.1:1", "--replication-factor", "x"], "--replication-factor"),
])
def test_options_that_are_wrong(arguments, names):
    done = run([servers.carryall(), "serve", "kafka", *arguments])
    assert done.status == 2 and names in done.err, done


def test_brokers_that_are_no_address(site):
    site.brokers = "http://here"
    done = fails(site)
    assert done.status == 1 and "http://here" in done.err, done


def test_brokers_go_and_come_back(tmp_path):
    """A registration while the brokers are away is refused and leaves nothing; what is there
    goes on being found."""
    with Broker() as broker:
        site = Site(tmp_path / "site", broker.address)
        site.publisher("AWAY", dynamic=True)
        with site.start("ours") as server:
            first = wire.exchange(server, partition("AWAY"), [("H1:AWY-1", "float32", 16)])
            broker.stop()
            refused = wire.refusal(wire.exchange, server, partition("AWAY"),
                                   [("H1:AWY-2", "float64", 16)])
            assert refused.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED"), refused
            assert broker.address in refused.text
            assert set(known(server)) == {"H1:AWY-1"}
            # No new partition, no need of brokers.
            again = wire.exchange(server, partition("AWAY"), [("H1:AWY-1", "float32", 16)])
            assert again.rows == first.rows
            broker.start()
            row, = wire.exchange(server, partition("AWAY"),
                                 [("H1:AWY-2", "float64", 16)]).rows
            assert f"arrakis-{row['partition_id']}" in Topics(broker.address).names()
