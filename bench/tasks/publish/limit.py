"""librdkafka alone: ready messages of the same sizes, flushed after each block."""

import time

import carryall
from carryall.publish import serialize_batch
import confluent_kafka

from tasks.publish.timed import Publishing, end  # noqa: F401: the harness calls it

BLOCKS = 100


class Bare(Publishing):
    def __init__(self) -> None:
        super().__init__(carryall, BLOCKS)
        self.messages = {}
        for partition in sorted({c.partition_id for c in self.channels.values()}):
            mine = {n: c for n, c in self.channels.items() if c.partition_id == partition}
            block = carryall.SeriesBlock(self.next, {n: self.arrays[n] for n in mine}, mine)
            ids = [c.partition_index for c in mine.values()]
            self.messages[f"arrakis-{partition}"] = serialize_batch(
                block._to_row_batch(ids)).to_pybytes()
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": self.site.brokers, "enable.idempotence": True, "linger.ms": 0,
            "message.max.bytes": 10_000_000})

    def measure(self) -> float:
        began = time.perf_counter()
        for _ in range(self.blocks):
            for topic, value in self.messages.items():
                self.producer.produce(topic, value, partition=0)
            self.producer.flush()
        return self.blocks / (time.perf_counter() - began)


def prepare(case):
    global timed
    timed = Bare()
    return None


def measure():
    return timed.measure()


def release():
    timed.release()
