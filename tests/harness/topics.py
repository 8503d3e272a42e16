"""Topics looked at with a client of their own (confluent-kafka)."""

import time

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource


class Topics:
    def __init__(self, brokers):
        self._settings = {"bootstrap.servers": brokers}
        self._admin = AdminClient(self._settings)

    def names(self):
        return set(self._admin.list_topics(timeout=30).topics)

    def partitions(self, topic):
        return len(self._admin.list_topics(topic, timeout=30).topics[topic].partitions)

    def config(self, topic):
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        future, = self._admin.describe_configs([resource], request_timeout=30).values()
        return {name: entry.value for name, entry in future.result(30).items()}

    def configure(self, topic, **changes):
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[
            ConfigEntry(name, str(value), incremental_operation=AlterConfigOpType.SET)
            for name, value in changes.items()])
        future, = self._admin.incremental_alter_configs([resource], request_timeout=30).values()
        future.result(30)

    def delete(self, *topics):
        for future in self._admin.delete_topics(list(topics), operation_timeout=30).values():
            future.result(30)
        deadline = time.monotonic() + 30
        while self.names() & set(topics):
            assert time.monotonic() < deadline, f"not gone: {topics}"
            time.sleep(0.1)

    def write(self, topic, value, largest=1_000_000, compression="none"):
        """One message, whatever its bytes are, confirmed."""
        failed = []
        producer = Producer({**self._settings, "message.max.bytes": largest,
                             "compression.type": compression})
        producer.produce(topic, value, on_delivery=lambda error, _: failed.append(error))
        assert producer.flush(60) == 0 and failed == [None], failed

    def read(self, topic, count=None, timeout=60):
        """The first `count` messages of a topic, or all there are now."""
        consumer = Consumer({**self._settings, "group.id": "reader", "enable.auto.commit": False,
                             "fetch.message.max.bytes": 100_000_000})
        try:
            received, deadline = [], time.monotonic() + timeout
            end = self._end(consumer, topic, deadline)
            consumer.assign([TopicPartition(topic, 0, 0)])
            while True:
                if count is not None and len(received) == count:
                    return received
                at = consumer.position([TopicPartition(topic, 0)])[0].offset
                if count is None and (end == 0 or at >= end):
                    return received
                assert time.monotonic() < deadline, f"{len(received)} messages in {topic}"
                message = consumer.poll(0.2)
                if message is not None:
                    assert message.error() is None, message.error()
                    received.append(message)
        finally:
            consumer.close()

    @staticmethod
    def _end(consumer, topic, deadline):
        while True:
            try:
                return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)[1]
            except KafkaException as error:
                # A topic that is new is not known to everybody at once.
                new = error.args[0].code() == KafkaError._UNKNOWN_PARTITION
                if not new or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def rows(message):
    """The rows of one message of data: time, {index: samples}."""
    table = pa.ipc.open_stream(message.value()).read_all()
    time_ns, = set(table["time"].to_pylist())
    return time_ns, dict(zip(table["id"].to_pylist(), table["data"].to_pylist()))
