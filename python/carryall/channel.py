"""Channels and their names."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy
import pyarrow

from carryall._load import _core
from carryall.errors import InvalidArgumentError

CHANNEL_NAME_RE = re.compile(
    r"^(?P<domain>.*):(?P<subsystem>[^-_]*)(?:(?P<delimiter>[-_])(?P<rest>.*))?$")


@dataclass(frozen=True)
class ParsedChannelName:
    """The parts of "<domain>:<subsystem>[-_]<rest>"."""

    domain: str
    subsystem: str
    subsystem_delimiter: str | None
    rest: str | None

    @classmethod
    def parse(cls, name: str) -> ParsedChannelName:
        """The parts of a name; ValueError if it has no colon."""
        match = CHANNEL_NAME_RE.match(name)
        if match is None:
            raise InvalidArgumentError(f"Invalid channel name format: '{name}'")
        return cls(*match.groups())


def _shown(value: Any) -> str:
    return f"{value:_}" if isinstance(value, int) else repr(value)


@dataclass(frozen=True, eq=False, repr=False)
class Channel:
    """What is known of a channel. Times (`time`, `stride`, `max_latency`) are nanoseconds."""

    name: str
    data_type: str
    sample_rate: float
    time: int | None = None
    publisher: str | None = None
    partition_id: str | None = None
    partition_index: int | None = None
    stride: int | None = None
    max_latency: int | None = None
    replay_id: str | None = None

    def __post_init__(self) -> None:
        assert self.data_type is not None, "a channel needs a data type"
        if not isinstance(self.data_type, str):
            object.__setattr__(self, "data_type", numpy.dtype(self.data_type).name)
        self.parsed_name  # refuses a bad name at once

    @cached_property
    def parsed_name(self) -> ParsedChannelName:
        """The parts of the name."""
        return ParsedChannelName.parse(self.name)

    @property
    def domain(self) -> str:
        """What stands before the last colon of the name."""
        return self.parsed_name.domain

    @property
    def subsystem(self) -> str:
        """What stands after it, up to '-' or '_'."""
        return self.parsed_name.subsystem

    @staticmethod
    def fields() -> tuple[str, ...]:
        """The names of all fields."""
        return _FIELDS

    def as_dict(self) -> dict[str, Any]:
        """All fields, also those that are None."""
        return {name: getattr(self, name) for name in _FIELDS}

    @classmethod
    def from_json(cls, payload: str | bytes) -> Channel:
        """A channel from a JSON object of its fields."""
        return cls(**json.loads(payload))

    @classmethod
    def from_validated(cls, name: str, data_type: str, sample_rate: float,
                       time: int | None = None, publisher: str | None = None,
                       partition_id: str | None = None, partition_index: int | None = None,
                       stride: int | None = None, max_latency: int | None = None,
                       replay_id: str | None = None) -> Channel:
        """The same as the constructor without its checks."""
        channel = object.__new__(cls)
        channel.__dict__.update(
            name=name, data_type=data_type, sample_rate=sample_rate, time=time,
            publisher=publisher, partition_id=partition_id, partition_index=partition_index,
            stride=stride, max_latency=max_latency, replay_id=replay_id)
        return channel

    @classmethod
    def from_field(cls, field: pyarrow.Field) -> Channel:
        """A channel from a list field of a stream's schema, whose metadata has the rate."""
        assert field.metadata is not None, "the field has no metadata"
        return cls(field.name, numpy.dtype(field.type.value_type.to_pandas_dtype()).name,
                   float(field.metadata[b"rate"]))

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        more = "".join(f", {name}={_shown(value)}" for name in _FIELDS[3:]
                       if (value := getattr(self, name)) is not None)
        return f"<{self.name}, {self.sample_rate} Hz, {self.data_type!r}{more}>"

    def __eq__(self, other: object) -> bool:
        """The same name, type and rate, and nothing else in which both say different things."""
        if not isinstance(other, Channel):
            return NotImplemented
        if (self.name, self.data_type, self.sample_rate) != (
                other.name, other.data_type, other.sample_rate):
            return False
        for name in ("time", "partition_index", "stride", "max_latency"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours is not None and theirs is not None and ours != theirs:
                return False
        for name in ("publisher", "partition_id", "replay_id"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours and theirs and ours != theirs:
                return False
        return True

    def __hash__(self) -> int:
        return hash((self.name, self.data_type, self.sample_rate))


_FIELDS = tuple(field.name for field in fields(Channel))


def _from_core(name: str, data_type: str, sample_rate: int, publisher: str | None,
               partition_id: str | None, partition_index: int | None, stride: int | None,
               max_latency: int | None, replay_id: str | None) -> Channel:
    return Channel.from_validated(name, data_type, sample_rate, None, publisher, partition_id,
                                  partition_index, stride, max_latency, replay_id)


_core.set_channel_maker(_from_core)
