"""What the Python contenders of the publish task share: they differ in the package."""

import hashlib
import time

import confluent_kafka
import pyarrow as pa

from harness.brokers import Site
from tasks.publish import cases


def answer(brokers: str, channels) -> dict:
    """What readers find of the first block, by channel."""
    places = {(c.partition_id, c.partition_index): name for name, c in channels.items()}
    consumer = confluent_kafka.Consumer({"bootstrap.servers": brokers, "group.id": "bench",
                                         "auto.offset.reset": "earliest",
                                         "message.max.bytes": 10_000_000})
    found = {}
    for partition in {c.partition_id for c in channels.values()}:
        consumer.assign([confluent_kafka.TopicPartition(f"arrakis-{partition}", 0, 0)])
        message = consumer.poll(30)
        for row in pa.ipc.open_stream(message.value()).read_all().to_batches()[0].to_pylist():
            samples = pa.array(row["data"], pa.float32()).to_numpy()
            found[places[partition, row["id"]]] = (
                row["time"], hashlib.sha256(samples.tobytes()).hexdigest())
    consumer.close()
    return {name: list(found[name]) for name in sorted(found)}


class Publishing:
    """A site and a publisher of `package` that has published one block."""

    def __init__(self, package, blocks: int, **how) -> None:
        self.package, self.blocks = package, blocks
        self.site = Site(cases.publisher_file())
        self.publisher = package.Publisher("BENCH", self.site.server.url, **how).register()
        self.publisher.enter()
        self.channels = self.publisher.channels
        self.arrays = cases.arrays(self.channels)
        self.next = cases.START
        self.publish(1)

    def publish(self, blocks: int, send=None) -> None:
        for _ in range(blocks):
            (send or self.publisher.publish)(
                self.package.SeriesBlock(self.next, self.arrays, self.channels))
            self.next += cases.STRIDE

    def answer(self) -> dict:
        return answer(self.site.brokers, self.channels)

    def measure(self) -> float:
        began = time.perf_counter()
        self.publish(self.blocks)
        return self.blocks / (time.perf_counter() - began)

    def release(self) -> None:
        self.publisher.close()
        self.site.stop()
