"""The stock publisher registers with a server and publishes what it was told to where it was
told to. Against the stock server too, which proves the tests."""

import datetime

import arrakis
import numpy as np
import pytest

from harness import wire
from harness.ports import free_ports
from harness.sites import STRIDE
from harness.topics import Topics, rows

pytestmark = pytest.mark.timeout(300)

START = 1_400_000_000_000_000_000
CHANNELS = [("H1:ABC-ONE", "float32", 64), ("H1:ABC-TWO", "float32", 256),
            ("L1:ABC-SIX", "float64", 16), ("H1:XYZ-INT", "int32", 16)]


def samples(name, data_type, rate, block):
    count = rate * STRIDE // 10**9
    return (np.arange(count) + 1000 * block + len(name)).astype(data_type)


def publish(server, publisher_id, replay_id=None, register=True):
    """Publishes four blocks; gives the channels as the publisher knows them."""
    publisher = arrakis.Publisher(publisher_id, url=server.url, replay_id=replay_id, token=False)
    channels = [arrakis.Channel(*c) for c in CHANNELS]
    publisher.register(channels if register else None)
    with publisher:
        for n in range(4):
            block = arrakis.SeriesBlock(
                START + n * STRIDE, {c[0]: samples(*c, n) for c in CHANNELS},
                {c[0]: publisher.channels[c[0]] for c in CHANNELS})
            publisher.publish(block, timeout=datetime.timedelta(seconds=60))
    return publisher.channels


def check(broker, channels, prefix):
    topics = Topics(broker.address)
    for name, data_type, rate in CHANNELS:
        channel = channels[name]
        messages = topics.read(prefix + channel.partition_id, 4)
        for n, message in enumerate(messages):
            time_ns, data = rows(message)
            assert time_ns == START + n * STRIDE
            assert message.key() is None
            expected = samples(name, data_type, rate, n).tolist()
            assert data[channel.partition_index] == expected


@pytest.mark.case("3.1")
def test_a_dynamic_publisher(site, broker, publisher_id, kind):
    site.publisher(publisher_id, dynamic=True)
    with site.start(kind) as server:
        channels = publish(server, publisher_id)
        check(broker, channels, "arrakis-")
        # A second session of the same publisher finds everything in its place.
        assert publish(server, publisher_id) == channels


@pytest.mark.case("3.1")
def test_a_publisher_with_its_channels_in_a_file(site, broker, publisher_id, kind):
    site.publisher(publisher_id, CHANNELS)
    with site.start(kind) as server:
        check(broker, publish(server, publisher_id, register=False), "arrakis-")


@pytest.mark.case("3.1")
def test_a_publisher_under_a_replay(site, broker, publisher_id, kind):
    site.publisher(publisher_id, dynamic=True, replay_id="RUN1")
    url = f"grpc://127.0.0.1:{free_ports(1)[0]}"
    scopes = site.directory / "scopes.yaml"
    scopes.write_text(f"""
replays:
  RUN1: {{start: 1400000000, end: 1400086400}}
{url}:
  scopes: {{H1: [{{all: true}}], L1: [{{all: true}}]}}
  replay_ids: [RUN1]
  retention: {{newest: 0, oldest: 900}}
""")
    with site.start(kind, url=url, scope_map=scopes) as server:
        channels = publish(server, publisher_id, replay_id="RUN1")
        check(broker, channels, "arrakis-replay-RUN1-")


@pytest.mark.case("3.1", servers=("ours",))
def test_what_was_registered_is_found_at_once(site, publisher_id, kind):
    site.publisher(publisher_id, dynamic=True)
    with site.start(kind) as server:
        command = wire.request("Partition", {"publisher_id": publisher_id, "replay_id": None})
        client = arrakis.Client(server.url, token=False)
        for n in range(3):
            name = f"N{n}:NEW{n}-CHANNEL"
            row, = wire.exchange(server, command, [(name, "float32", 16)]).rows
            found, = client.find(name)
            assert found.partition_id == row["partition_id"]
            assert client.describe([name])[name] == found
            assert client.count(publisher=publisher_id) == n + 1


@pytest.mark.case("3.6")
def test_topics_are_there_when_a_registration_is_answered(site, broker, publisher_id, kind):
    site.publisher(publisher_id, dynamic=True)
    topics = Topics(broker.address)
    with site.start(kind, retention=600) as server:
        command = wire.request("Partition", {"publisher_id": publisher_id, "replay_id": None})
        channels = [(f"H1:TOP-{n:03}", "float32", 16) for n in range(200)]
        answer = wire.exchange(server, command, channels)
        there = topics.names()
        for partition_id in set(answer.column("partition_id")):
            topic = f"arrakis-{partition_id}"
            assert topic in there and topics.partitions(topic) == 1
            config = topics.config(topic)
            assert config["retention.ms"] == "600000"
            if server.ours:
                assert int(config["max.message.bytes"]) >= 10_000_000
