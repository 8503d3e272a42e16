"""A librdkafka producer and a librdkafka consumer (limit.cc), each a process."""

import confluent_kafka.admin

from harness.brokers import Broker
from tasks.live_latency import cases
from tasks.live_latency.timed import PROGRAMS, Contender, Live, start_program

# Messages of 80, 80 and 40 rows of 1024 samples.
BYTES = (329_552, 329_552, 165_072)
FIRST = (0, 80, 160)  # channel of each


class Bare(Live):
    def __init__(self) -> None:
        super().__init__()
        self.broker = Broker()
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.broker.address})
        for made in admin.create_topics([confluent_kafka.admin.NewTopic(f"bare-{i}", 1)
                                         for i in range(len(BYTES))]).values():
            made.result(30)

    def source(self, start, strides):
        return [str(PROGRAMS / "bench_live_latency"), "produce", self.broker.address, str(start),
                str(strides), *(f"bare-{i}={size}" for i, size in enumerate(BYTES))]

    def subscribers(self, wanted, count):
        numbers = [int(name[-3:]) for name in cases.names(wanted)]
        topics = {max(i for i, first in enumerate(FIRST) if first <= n) for n in numbers}
        return [start_program("consume", self.broker.address,
                              *(f"bare-{i}" for i in sorted(topics)))]

    def stop(self):
        self.broker.stop()


contender = Contender(Bare)
prepare, measure = contender.prepare, contender.measure
release, end = contender.release, contender.end
