"""carryall.kafka.KafkaReader on a broker, and stock's Kafka server on our package, which reads
with it."""

import time
from datetime import timedelta

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from harness import clients, servers
from harness.sites import STRIDE
from harness.topics import Topics

pytestmark = pytest.mark.timeout(300)

SECOND = 10**9
TYPES = [("FAST", "float32", 256), ("SLOW", "float64", 16), ("INT", "int32", 64)]
PACKAGE = servers.ROOT / "build/release/python"


def ours():
    return clients.OursInPython()._package


def channels_of(publisher_id):
    return [(f"H1:{publisher_id}-{name}", t, r) for name, t, r in TYPES]


def block_of(channels, time_ns):
    data = {}
    for name, channel in channels.items():
        count = int(channel.sample_rate) * STRIDE // SECOND
        data[name] = (time_ns // STRIDE % 1000 + np.arange(count)).astype(channel.data_type)
    return ours().SeriesBlock(time_ns, data, dict(channels))


def publish(server, publisher_id, first, count):
    with ours().Publisher(publisher_id, server.url).register() as publisher:
        for n in range(count):
            publisher.publish(block_of(publisher.channels, first + n * STRIDE),
                              timeout=timedelta(seconds=60))
        return dict(publisher.channels)


def read_until(reader, count, **how):
    """The first `count` items that a reader gives."""
    found, deadline = [], time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {len(found)} of {count}"
        found += reader.read(**how)
    return found


def now():
    return int(ours().mux.gpsnow()) * SECOND


@pytest.mark.parametrize("prefix", ["", "kafka://"])
def test_reads_what_was_published(site, publisher_id, prefix):
    from carryall.kafka import KafkaReader
    site.publisher(publisher_id, channels_of(publisher_id))
    with site.start("ours") as server:
        first = now() - 10 * SECOND
        channels = publish(server, publisher_id, first, 8)
    wanted = {name: channel for name, channel in channels.items() if "SLOW" not in name}
    with KafkaReader(prefix + site.brokers, wanted, first) as reader:
        assert len(reader.streams) == 2
        blocks = read_until(reader, 16, convert_blocks=True)
        assert reader.exhausted() and not reader.done()
    for name, channel in wanted.items():
        stream = f"{prefix}{site.brokers}/{channel.partition_id}"
        assert reader.streams[stream] == [channel]
        mine = [block for at, block in blocks if at == stream]
        assert [block.time_ns for block in mine] == [first + n * STRIDE for n in range(8)]
        for block in mine:
            expected = block_of({name: channel}, block.time_ns)
            assert block == expected and list(block) == [name]


def test_whole_messages_and_rows(site, publisher_id):
    from carryall.kafka import KafkaReader
    channels = [(f"H1:{publisher_id}-{n}", "float32", 16) for n in "ABC"]
    site.publisher(publisher_id, channels)
    with site.start("ours") as server:
        first = now() - 10 * SECOND
        known = publish(server, publisher_id, first, 2)
    one = {name: known[name] for name, _, _ in channels[1:2]}
    with KafkaReader(site.brokers, one, first) as reader:
        raw = []
        while len(raw) < 2:
            raw += reader.read_raw(wait=5)
        assert [time_ns for _, time_ns, _ in raw] == [first, first + STRIDE]
        assert all(batch.num_rows == 3 for _, _, batch in raw)
    with KafkaReader(site.brokers, one, first) as reader:
        (_, batch), *_ = read_until(reader, 2)
        assert batch.column(1).to_pylist() == [one[channels[1][0]].partition_index]


def test_fast_forward(site, publisher_id):
    from carryall.kafka import KafkaReader
    site.publisher(publisher_id, channels_of(publisher_id)[:1])
    with site.start("ours") as server:
        first = now() - 10 * SECOND
        channels = publish(server, publisher_id, first, 4)
        with KafkaReader(site.brokers, channels, first) as reader:
            assert reader.fast_forward() == 1
            publish(server, publisher_id, first + 4 * STRIDE, 1)
            (_, block), = read_until(reader, 1, convert_blocks=True)
            assert block.time_ns == first + 4 * STRIDE
            assert reader.fast_forward() == 0  # at the head


def test_a_missing_topic_is_looked_for(site, publisher_id, monkeypatch, caplog):
    from carryall.kafka import KafkaReader
    monkeypatch.setattr(KafkaReader, "MISSING_TOPIC_RECHECK", 0.2)
    channel = ours().Channel(f"H1:{publisher_id}-LATE", "float32", 16, publisher=publisher_id,
                             partition_id=f"{publisher_id}_LATE", partition_index=0,
                             stride=STRIDE, max_latency=SECOND)
    start = now() - 60 * SECOND
    with KafkaReader(site.brokers, {channel.name: channel}, start) as reader:
        assert f"arrakis-{channel.partition_id}" in caplog.text
        assert list(reader.read()) == []
        topic = f"arrakis-{channel.partition_id}"
        admin = AdminClient({"bootstrap.servers": site.brokers})
        admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(60)
        (_, batch), = block_of({channel.name: channel}, start).to_row_batches(
            {channel.name: channel})
        Topics(site.brokers).write(topic, ours().publish.serialize_batch(batch).to_pybytes())
        (_, block), = read_until(reader, 1, convert_blocks=True)
        assert block == block_of({channel.name: channel}, start)


def test_no_brokers():
    from carryall.kafka import KafkaReader
    channel = ours().Channel("H1:X-A", "float32", 16, partition_id="P", partition_index=0,
                             stride=STRIDE)
    reader = KafkaReader("127.0.0.1:1", {channel.name: channel}, 0)
    reader.OFFSETS_TIMEOUT = 0.5
    with pytest.raises(RuntimeError, match="127.0.0.1:1"):
        reader.enter()


def test_stock_server_on_our_package_serves_what_is_published(site, publisher_id):
    site.publisher(publisher_id, channels_of(publisher_id))
    environment = {"PYTHONPATH": PACKAGE, "CARRYALL_AS_ARRAKIS": "1"}
    with site.start("stock", environment=environment) as server:
        client = ours().Client(server.url)
        assert client.server_info()["arrakis_version"] == ours().__version__
        first = now() - 10 * SECOND
        channels = publish(server, publisher_id, first, 8)
        names = list(channels)
        block = client.fetch(names, first / SECOND, (first + 8 * STRIDE) / SECOND)
        assert block.duration_ns == 8 * STRIDE and not block.has_gaps
        for n in range(8):
            part = block_of(channels, first + n * STRIDE)
            for name in names:
                size = len(part[name])
                assert (block[name].data[n * size:(n + 1) * size] == part[name].data).all()
