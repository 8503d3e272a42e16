"""Series and blocks of series: samples of channels over a span of GPS time."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

import numpy
import pyarrow

from carryall._extras import BlockExtras, SeriesExtras
from carryall._load import _core
from carryall.channel import Channel
from carryall.errors import InvalidArgumentError


class Time(int, Enum):
    """Nanoseconds in a unit of time."""

    SECONDS = 1_000_000_000
    MILLISECONDS = 1_000_000
    MICROSECONDS = 1_000
    NANOSECONDS = 1
    s = SECONDS
    ms = MILLISECONDS
    us = MICROSECONDS
    ns = NANOSECONDS

    # As of Python 3.11 a mixed-in Enum would show its value only.
    __str__ = Enum.__str__
    __format__ = Enum.__format__


class Freq(Enum):
    """Units of frequency; `x * Freq.Hz` is a period in whole nanoseconds."""

    GHz = 1_000_000_000
    MHz = 1_000_000
    kHz = 1_000
    Hz = 1

    def __rmul__(self, other: float) -> int:
        # (unit / x) seconds: for Hz the period of x Hz. For the larger units it is not the
        # period, but it is what the stock package computes.
        return int((self.value / other) * Time.SECONDS)


def time_as_ns(time: float) -> int:
    """Seconds as nanoseconds, without rounding what a double holds beyond them."""
    return math.floor(time) * int(Time.SECONDS) + int((time % 1) * int(Time.SECONDS))


def _same_samples(a: numpy.ndarray, b: numpy.ndarray) -> bool:
    if a is b:
        return True
    mask = numpy.ma.getmaskarray(a)
    return (a.shape == b.shape and bool((mask == numpy.ma.getmaskarray(b)).all())
            and bool(numpy.array_equal(numpy.asarray(a)[~mask], numpy.asarray(b)[~mask])))


class _Channels(dict[str, Channel]):
    """The channels of a block: a dict that cannot be changed, for blocks share it. Copies of it
    are plain ones."""

    def __new__(cls, *args: Any) -> Any:
        return dict(*args) if args else super().__new__(cls)

    def _refuse(self, *_args: Any, **_kwargs: Any) -> Any:
        raise TypeError("the channels of a block cannot be changed")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self.items()),)


def _frozen(what: object, name: str) -> dataclasses.FrozenInstanceError:
    return dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


class Series(SeriesExtras):
    """The samples of one channel over a span. Immutable.

    `data` is a numpy array, and a numpy.ma.MaskedArray exactly where samples are missing."""

    __slots__ = ()

    @property
    def array(self) -> numpy.ndarray:
        """The samples as a plain array; what lies under a gap is unspecified."""
        return numpy.asarray(self.data)

    @property
    def mask(self) -> numpy.ndarray | None:
        """True where a sample is missing; None if there is none."""
        return numpy.ma.getmaskarray(self.data) if self.has_gaps else None

    @property
    def time(self) -> float:
        """GPS time of the first sample, s."""
        return self.time_ns / 1e9

    t0 = time

    @property
    def duration(self) -> float:
        """How long the samples last, s."""
        return self.duration_ns / 1e9

    @property
    def sample_rate(self) -> float:
        """Samples a second."""
        return self.channel.sample_rate

    @property
    def dt(self) -> float:
        """Seconds between two samples."""
        return 1 / self.channel.sample_rate

    @property
    def dtype(self) -> numpy.dtype:
        """Type of the samples."""
        return self.data.dtype

    data_type = dtype

    @property
    def times(self) -> numpy.ndarray:
        """GPS time of every sample, s."""
        return numpy.arange(len(self)) * self.dt + self.time

    def __repr__(self) -> str:
        return (f"Series(time_ns={self.time_ns!r}, data={self.data!r}, "
                f"channel={self.channel!r})")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Series):
            return NotImplemented
        return (self.time_ns == other.time_ns and self.channel == other.channel
                and _same_samples(self.data, other.data))

    __hash__ = None  # type: ignore[assignment]

    def __setattr__(self, name: str, value: object) -> None:
        raise _frozen(self, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.time_ns, self.data, self.channel)

    def __deepcopy__(self, memo: dict[int, Any]) -> Series:
        return type(self)(self.time_ns, self.data.copy(), self.channel)


class SeriesBlock(BlockExtras):
    """The samples of several channels over one span. Immutable.

    `data` and `channels` are mappings by name; `block[name]` is a Series. Arrays are made when
    asked for: of a block of ten thousand channels of which one is read, one is made."""

    __slots__ = ()

    @property
    def time(self) -> float:
        """GPS time of the first sample, s."""
        return self.time_ns / 1e9

    t0 = time

    @property
    def duration(self) -> float:
        """How long the block lasts, s."""
        return self.duration_ns / 1e9

    @property
    def _duration_ns(self) -> int:
        # A field of the stock package's class.
        return self.duration_ns

    def create_gaps(self, channels: Iterable[Channel]) -> SeriesBlock:
        """The block with gaps for those of `channels` that it does not have."""
        absent = [channel for channel in channels if channel.name not in self]
        if not absent:
            return self
        gaps = type(self)._gap(self.time_ns, self.duration_ns, absent)
        return type(self)._combine([self, gaps])

    @classmethod
    def full_gap(cls, time_ns: int, duration_ns: int,
                 channels: Iterable[Channel]) -> SeriesBlock:
        """A block in which every sample is missing."""
        return cls._gap(time_ns, duration_ns, channels)

    def to_column_batch(self, schema: pyarrow.Schema | None = None) -> pyarrow.RecordBatch:
        """One row: the time and a list a channel. With a schema, its channels in its order,
        cast to its types."""
        if schema is None:
            return self._to_column_batch()
        if schema.names[:1] != ["time"]:
            raise KeyError("time")
        batch = self.filter(schema.names[1:])._to_column_batch()
        columns = [batch.column(i).cast(field.type) for i, field in enumerate(schema)]
        return pyarrow.RecordBatch.from_arrays(columns, schema=schema)

    def _generate_column_schema(self) -> pyarrow.Schema:
        # By the stock package's name, which others use.
        return self._to_column_batch().schema

    def to_row_batches(self, partitioned_channels: Mapping[str, Channel],
                       ) -> Iterator[tuple[str, pyarrow.RecordBatch]]:
        """A batch of `time, id, data` for each partition, in the order in which the block
        comes to them; id is a channel's index in its partition."""
        partitions: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for name in self.keys():
            channel = partitioned_channels[name]
            if channel.partition_id is None or channel.partition_index is None:
                raise InvalidArgumentError(f"channel has no partition: {name}")
            partitions[channel.partition_id].append((name, channel.partition_index))
        for partition_id, rows in partitions.items():
            part = self.filter([name for name, _ in rows])
            yield partition_id, part._to_row_batch([index for _, index in rows])

    def __repr__(self) -> str:
        return (f"{type(self).__name__}(time_ns={self.time_ns!r}, data={self.data!r}, "
                f"channels={self.channels!r}, _duration_ns={self.duration_ns!r})")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SeriesBlock):
            return NotImplemented
        return (self.time_ns == other.time_ns and set(self) == set(other)
                and all(series == other[name] for name, series in self.items()))

    __hash__ = None  # type: ignore[assignment]

    def __setattr__(self, name: str, value: object) -> None:
        raise _frozen(self, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.time_ns, dict(self.data), dict(self.channels))

    def __deepcopy__(self, memo: dict[int, Any]) -> SeriesBlock:
        return type(self)(self.time_ns, {n: a.copy() for n, a in self.data.items()},
                          dict(self.channels))


@dataclasses.dataclass(frozen=True)
class _SeriesFields:
    time_ns: int
    data: numpy.ndarray
    channel: Channel


@dataclasses.dataclass(frozen=True)
class _BlockFields:
    time_ns: int
    data: Mapping[str, numpy.ndarray]
    channels: Mapping[str, Channel] = dataclasses.field(default_factory=dict)
    _duration_ns: int = dataclasses.field(init=False, default=0)


# dataclasses.replace, fields and asdict work, as with the stock package's classes.
Series.__dataclass_fields__ = _SeriesFields.__dataclass_fields__  # type: ignore[attr-defined]
SeriesBlock.__dataclass_fields__ = (  # type: ignore[attr-defined]
    _BlockFields.__dataclass_fields__)
Mapping.register(_core.BlockData)
_core.set_block_types(SeriesBlock, Series, _Channels)

DataBlock = SeriesBlock


def concatenate_blocks(*blocks: SeriesBlock) -> SeriesBlock:
    """Joins blocks of the same channels that follow each other in time."""
    if not blocks:
        raise IndexError("no blocks to join")
    names = list(blocks[0].keys())
    for block in blocks[1:]:
        if set(block) != set(names):
            raise InvalidArgumentError("blocks to join have different channels")
    return SeriesBlock._concatenate(
        [block if list(block.keys()) == names else block.filter(names) for block in blocks])


def combine_blocks(*blocks: SeriesBlock) -> SeriesBlock:
    """Joins blocks of one span across channels."""
    if not blocks:
        raise IndexError("no blocks to join")
    for block in blocks:
        if (block.time_ns, block.duration_ns) != (blocks[0].time_ns, blocks[0].duration_ns):
            raise InvalidArgumentError("blocks to join have different spans")
    return SeriesBlock._combine(blocks)
