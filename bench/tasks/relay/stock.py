"""Stock's best path, from the installed package arrakis 0.21.0: KafkaReader.read_raw, the tags
of ColumnBatchCombiner, BlockMuxStream with that combiner; its batches are written to nowhere as
Flight would write them. Only the consumer is a fake, as in stock's own figure."""

import functools
import time

import pyarrow as pa
from arrakis.assemble import ColumnBatchCombiner
from arrakis.channel import Channel
from arrakis.kafka import KafkaReader
from arrakis.mux import BlockMuxStream
from arrakis.schemas import stream as stream_schema

from tasks.relay import cases

STRIDE_NS = 62_500_000
BEGIN_NS = 1_400_000_000_000_000_000
VARIANTS, WARM, STRIDES = 4, 4, 40


class Message:
    def __init__(self, topic: str, value: bytes) -> None:
        self._topic, self._value = topic, value

    def topic(self):
        return self._topic

    def value(self):
        return self._value

    def error(self):
        return None


class Consumer:
    """Hands out what it was given, at once."""

    def __init__(self) -> None:
        self.waiting = []

    def consume(self, num_messages=1, timeout=-1):
        taken, self.waiting = self.waiting[:num_messages], self.waiting[num_messages:]
        return taken


def message(partition: int, stride: int) -> bytes:
    first = partition * cases.PER_PARTITION
    values = [cases.sample(first + i, stride % VARIANTS) for i in range(cases.PER_PARTITION)]
    count = cases.PER_PARTITION
    data = pa.ListArray.from_arrays(pa.array(range(count + 1), pa.int32()),
                                    pa.array(values, pa.float32()))
    batch = pa.record_batch(
        [pa.array([BEGIN_NS + stride * STRIDE_NS] * count, pa.int64()),
         pa.array(range(count), pa.uint32()), data], names=["time", "id", "data"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


@functools.cache
def messages(topics: tuple[str, ...]) -> list[list[Message]]:
    """Of every stride."""
    return [[Message(f"arrakis-{t}", message(int(t), stride)) for t in topics]
            for stride in range(VARIANTS + WARM + STRIDES)]


def channel(number: int) -> Channel:
    partition, index = divmod(number, cases.PER_PARTITION)
    return Channel(f"X1:BEN-CHANNEL_{number:06d}", "float32", 16, publisher="BEN",
                   partition_id=str(partition), partition_index=index, stride=STRIDE_NS,
                   max_latency=1_000_000_000)


class Path:
    def __init__(self) -> None:
        total = cases.PARTITIONS * cases.PER_PARTITION
        wanted = [channel(i * total // cases.WANTED) for i in range(cases.WANTED)]
        self.reader = KafkaReader("127.0.0.1:1", {c.name: c for c in wanted})
        self.reader._consumer = self.consumer = Consumer()
        schema = stream_schema(wanted)
        self.combiner = ColumnBatchCombiner(self.reader.streams, schema)
        # With a start nothing is decided by the wall clock.
        self.mux = BlockMuxStream(self.reader, start=BEGIN_NS, combiner=self.combiner)
        self.writer = pa.ipc.new_stream(pa.MockOutputStream(), schema)
        self.messages = messages(tuple(sorted({c.partition_id for c in wanted}, key=int)))
        self.next = 0

    def stride(self):
        self.consumer.waiting = self.messages[self.next]
        self.next += 1
        for stream, time_ns, batch in self.reader.read_raw():
            payload = self.combiner.tag(stream, batch)
            if payload is not None:
                self.mux.push_payload(stream, time_ns, STRIDE_NS, payload)
        assert self.mux.ready()
        batch = self.mux.pull()
        self.writer.write_batch(batch)
        return batch


def answer_of(batch) -> str:
    count = total = 0
    for column in batch.columns[1:]:
        for value in column.flatten().to_pylist():
            count += 1
            total += int(value) * (count % 1021)
    return f"{count} values, sum {total}"


def prepare(case: dict) -> str:
    path = Path()
    path.stride()
    return answer_of(path.stride())


def measure() -> float:
    path = Path()
    for _ in range(VARIANTS + WARM):
        path.stride()
    began = time.process_time_ns()
    for _ in range(STRIDES):
        path.stride()
    return (time.process_time_ns() - began) / STRIDES / 1000


def release() -> None:
    pass
