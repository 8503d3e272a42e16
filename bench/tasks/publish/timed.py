"""What the Python contenders of the publish task share: they differ in the package."""

import hashlib
import time

import confluent_kafka
import pyarrow as pa

from harness.brokers import Site
from tasks.publish import cases


def answer(brokers: str, channels, time_ns: int) -> dict:
    """What readers find of the block of that time, by channel."""
    places = {(c.partition_id, c.partition_index): name for name, c in channels.items()}
    consumer = confluent_kafka.Consumer({"bootstrap.servers": brokers, "group.id": "bench",
                                         "auto.offset.reset": "earliest",
                                         "message.max.bytes": 10_000_000})
    found = {}
    for partition in {c.partition_id for c in channels.values()}:
        topic = f"arrakis-{partition}"
        last = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, 0), 30)[1] - 1
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, last)])
        message = consumer.poll(30)
        for row in pa.ipc.open_stream(message.value()).read_all().to_batches()[0].to_pylist():
            samples = pa.array(row["data"], pa.float32()).to_numpy()
            found[places[partition, row["id"]]] = (
                row["time"] - time_ns, hashlib.sha256(samples.tobytes()).hexdigest())
    consumer.close()
    return {name: list(found[name]) for name in sorted(found)}


class Publishing:
    """A publisher of `package` that has published one block, to a site that stays from case to
    case, where time goes on."""

    site: Site | None = None
    next = cases.START

    def __init__(self, package, blocks: int, **how) -> None:
        self.package, self.blocks = package, blocks
        if Publishing.site is None:
            Publishing.site = Site(cases.publisher_file())
        self.publisher = package.Publisher("BENCH", self.site.server.url, **how).register()
        self.publisher.enter()
        self.channels = self.publisher.channels
        self.arrays = cases.arrays(self.channels)
        self.publish(1)

    def publish(self, blocks: int, send=None) -> None:
        for _ in range(blocks):
            (send or self.publisher.publish)(
                self.package.SeriesBlock(self.next, self.arrays, self.channels))
            Publishing.next += cases.STRIDE

    def answer(self) -> dict:
        return answer(self.site.brokers, self.channels, self.next - cases.STRIDE)

    def measure(self) -> float:
        began = time.perf_counter()
        self.publish(self.blocks)
        return self.blocks / (time.perf_counter() - began)

    def release(self) -> None:
        self.publisher.close()


def end() -> None:
    if Publishing.site is not None:
        Publishing.site.stop()
