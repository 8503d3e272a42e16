"""Arrow schemas of what travels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow

from carryall._load import _core

if TYPE_CHECKING:
    from carryall.channel import Channel

__all__ = ["METADATA_FIELDS", "count", "metadata", "publish", "stream"]

# By the names that Channel has for them; on the wire a name is called `channel`.
METADATA_FIELDS: dict[str, pyarrow.Field] = {
    "name" if field.name == "channel" else field.name: field
    for field in _core.wire_schema("metadata")}


def metadata(scope: str | None = None) -> pyarrow.Schema:
    """Channels: of finding and describing, or, scope "partition", of registering."""
    return _core.wire_schema("partition" if scope == "partition" else "metadata")


def count() -> pyarrow.Schema:
    """How many channels there are."""
    return _core.wire_schema("count")


def stream(channels: Iterable[Channel]) -> pyarrow.Schema:
    """Blocks in column form: the time in ns and a list a channel, sorted by name, whose `rate`
    is in the metadata of its field."""
    fields = [pyarrow.field("time", pyarrow.int64(), nullable=False)]
    for channel in sorted(channels, key=lambda channel: channel.name):
        item = pyarrow.from_numpy_dtype(channel.data_type)
        fields.append(pyarrow.field(channel.name, pyarrow.list_(item),
                                    metadata={"rate": str(channel.sample_rate)}))
    return pyarrow.schema(fields)


def publish() -> pyarrow.Schema:
    """What a publisher needs to know to reach the brokers."""
    return _core.wire_schema("publish")
