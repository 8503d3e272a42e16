"""Messages of Kafka partitions as the batches of a stream that a server sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
import pyarrow

from carryall._load import _core
from carryall.channel import Channel
from carryall.errors import InvalidArgumentError

Payload = tuple[pyarrow.RecordBatch, numpy.ndarray]

__all__ = ["ColumnBatchCombiner", "Payload"]


class ColumnBatchCombiner:
    """A combiner of BlockMuxStream, whose payloads are row-form batches, tagged: each stride
    becomes one row of `schema`, of the time and a list a channel. What no message has is a list
    of nulls. Samples are copied once, so that no message stays in memory."""

    def __init__(self, streams: dict[str, Sequence[Channel]], schema: pyarrow.Schema) -> None:
        by_name = {channel.name: channel for channels in streams.values()
                   for channel in channels}
        names = schema.names[1:]
        if schema.names[:1] != ["time"]:
            raise InvalidArgumentError(f"the first field must be time: {schema.names[:1]}")
        column = {name: i for i, name in enumerate(names)}
        self._schema = schema
        self._places = {stream: i for i, stream in enumerate(streams)}
        rows = [[(channel.partition_index, column[channel.name]) for channel in channels
                 if channel.name in column and channel.partition_index is not None]
                for channels in streams.values()]
        self._tables = {stream: self._table(pairs) for stream, pairs in zip(streams, rows)}
        self._core = _core.Assembler([by_name[name] for name in names], schema, rows)

    @staticmethod
    def _table(pairs: Sequence[tuple[int | None, int]]) -> numpy.ndarray:
        """Row ids -> columns; the last place is for ids beyond."""
        largest = max((index or 0 for index, _ in pairs), default=-1)
        table = numpy.full(largest + 2, -1, numpy.int32)
        for index, column in pairs:
            table[index] = column
        return table

    def tag(self, stream: str, batch: pyarrow.RecordBatch) -> Payload | None:
        """The batch and, of each of its rows, the column of `schema` behind `time` that it goes
        to, -1 for none; None if no row is wanted."""
        table = self._tables[stream]
        ids = batch.column(1).to_numpy(zero_copy_only=False)
        columns = table[numpy.minimum(ids, len(table) - 1)]
        return None if (columns < 0).all() else (batch, columns)

    def __call__(self, time_ns: int, stride_ns: int,
                 slots: dict[str, list[tuple[int, Any]]]) -> pyarrow.RecordBatch:
        messages = [(self._places[stream], payload[0]) for stream, pieces in slots.items()
                    for _, payload in pieces if payload is not None]
        return self._core.assemble(time_ns, stride_ns, messages)
