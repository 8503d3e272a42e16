"""Constants of the protocol."""

from __future__ import annotations

from datetime import timedelta

DEFAULT_ARRAKIS_SERVER = "grpc://localhost:31206"
FLIGHT_REUSE_URL = "arrow-flight-reuse-connection://?"
DEFAULT_MATCH = ".*"
DEFAULT_TIMEOUT = timedelta(seconds=2)
DEFAULT_QUEUE_TIMEOUT = timedelta(milliseconds=125)
MIN_SAMPLE_RATE = 0
MAX_SAMPLE_RATE = 4294967295
TOPIC_PREFIX = "arrakis"
REPLAY_TOPIC_PREFIX = "arrakis-replay"


def topic_name(partition_id: str, replay_id: str | None = None) -> str:
    """The Kafka topic of a partition, or of its replay."""
    if replay_id is None:
        return f"{TOPIC_PREFIX}-{partition_id}"
    return f"{REPLAY_TOPIC_PREFIX}-{replay_id}-{partition_id}"
