"""Channels, blocks and other answers as text and as tables. Tables need the package rich."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pprint import pformat
from typing import TYPE_CHECKING, Any, Literal

import numpy

from carryall.block import SeriesBlock
from carryall.channel import Channel
from carryall.errors import InvalidArgumentError, UnsupportedError

if TYPE_CHECKING:
    from rich.table import Table

FIELDS: dict[str, Literal["left", "right"]] = {
    "channel": "left", "name": "left", "data_type": "left", "sample_rate": "right",
    "samples": "right", "has_gaps": "left", "data": "left", "time": "right",
    "publisher": "left", "partition_id": "left", "partition_index": "right",
    "replay_id": "left", "stride": "right", "max_latency": "right"}
DEFAULT_CHANNEL_FIELDS = ("name", "data_type", "sample_rate", "stride")
CHANNEL_TABLE_BUFFER = 1000  # channels, whose widths are those of a long table
MIN_FIELD_WIDTHS = {"stride": 11}
_ABBREVIATED_BEYOND = 16  # samples
_SHOWN_AT_EACH_END = 3


def _without_nones(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value is not None}


def _abbreviated(array: numpy.ndarray) -> str:
    masked = numpy.ma.getmaskarray(array)

    def shown(positions: Iterable[int]) -> list[str]:
        return ["--" if masked[i] else str(array[i].item()) for i in positions]

    size = len(array)
    if size > _ABBREVIATED_BEYOND:
        parts = [*shown(range(_SHOWN_AT_EACH_END)), "...",
                 *shown(range(size - _SHOWN_AT_EACH_END, size))]
    else:
        parts = shown(range(size))
    return f"array(data=[{', '.join(parts)}], dtype={array.dtype})"


def _encode(value: Any, *, abbreviated: bool = False) -> Any:
    """What stands for a value that JSON does not have."""
    if isinstance(value, SeriesBlock):
        return {"time_ns": value.time_ns, "data": dict(value.data),
                "channels": dict(value.channels), "_duration_ns": value.duration_ns}
    if isinstance(value, Channel):
        return _without_nones(value.as_dict().items())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value, dict_factory=_without_nones)
    if isinstance(value, numpy.ndarray):
        return _abbreviated(value) if abbreviated and value.ndim == 1 else value.tolist()
    if isinstance(value, numpy.dtype):
        return value.name
    return f"??{type(value)}??"


def _pretty(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, float, str, list, tuple, dict)):
        return pformat(value)
    plain = _encode(value)
    if isinstance(value, SeriesBlock):
        plain["channels"] = {name: _encode(channel)
                             for name, channel in plain["channels"].items()}
    return pformat(plain)


@dataclasses.dataclass
class Formatter:
    """One way to write things as text."""

    name: str
    desc: str
    func: Callable[..., str]

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        return self.func(*args, **kwargs)


FORMATTERS = [
    Formatter("str", "str", str),
    Formatter("repr", "repr", repr),
    Formatter("pprint", "pprint", _pretty),
    Formatter("json", "JSON, one entry per line", partial(json.dumps, default=_encode)),
    Formatter("json-pp", "JSON, human-readable formatting",
              partial(json.dumps, default=_encode, indent=4)),
    Formatter("json-abrv", "json-pp, with arrays abbreviated (not valid as data)",
              partial(json.dumps, default=partial(_encode, abbreviated=True), indent=4)),
]


def formatter(obj: Any, format: str = "str") -> str:
    """An object as text in one of FORMATTERS; ValueError for another."""
    for one in FORMATTERS:
        if one.name == format:
            return one(obj)
    raise InvalidArgumentError(f"Unknown format: {format}; there are "
                               f"{', '.join(one.name for one in FORMATTERS)}")


def _table(**how: Any) -> Table:
    try:
        from rich.table import Table
    except ImportError as error:
        raise UnsupportedError("tables need the package rich, which is not installed") from error
    return Table(box=None, caption_style="bold", caption_justify="left", **how)


def _fields(full: bool) -> tuple[str, ...]:
    return Channel.fields() if full else DEFAULT_CHANNEL_FIELDS


def _row(channel: Channel, fields: Iterable[str]) -> list[str]:
    return [str(getattr(channel, field)) for field in fields]


def format_channels_rich(channels: list[Channel], *, full: bool = False) -> Table:
    """A table of channels, of which there has to be one at least; `full`: with all fields."""
    assert channels, "there is no channel to show"
    table = _table()
    for field in _fields(full):
        table.add_column(field, justify=FIELDS[field])
    for channel in channels:
        table.add_row(*_row(channel, _fields(full)))
    return table


def print_channels_table(channels: Iterable[Channel], *, full: bool = False,
                         buffer_rows: int = CHANNEL_TABLE_BUFFER) -> int:
    """Prints a table of channels, and returns how many there were. Beyond `buffer_rows` they are
    printed as they come, in columns as wide as those so far need."""
    remaining = iter(channels)
    first = list(islice(remaining, buffer_rows))
    following = next(remaining, None)
    if following is None:
        if first:
            print_rich(format_channels_rich(first, full=full))
        return len(first)
    return _print_lines(first, following, remaining, _fields(full))


def _print_lines(first: list[Channel], following: Channel, remaining: Iterator[Channel],
                 fields: tuple[str, ...]) -> int:
    rows = [_row(channel, fields) for channel in first]
    widths = [max(len(field), MIN_FIELD_WIDTHS.get(field, 0), *(len(row[i]) for row in rows))
              for i, field in enumerate(fields)]

    def show(texts: Iterable[str]) -> None:
        cells = [text.rjust(width) if FIELDS[field] == "right" else text.ljust(width)
                 for text, width, field in zip(texts, widths, fields)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")

    show(fields)
    for row in rows:
        show(row)
    count = len(rows) + 1
    show(_row(following, fields))
    for channel in remaining:
        show(_row(channel, fields))
        count += 1
    return count


def _first_and_last(array: numpy.ndarray) -> str:
    masked = numpy.ma.getmaskarray(array)
    ends = range(len(array)) if len(array) <= 3 else (0, len(array) - 1)
    shown = ["--" if masked[i] else str(array[i].item()) for i in ends]
    if len(array) > 3:
        shown.insert(1, "...")
    return f"[{', '.join(shown)}]"


def format_block_rich(block: SeriesBlock, *, latency: float | None = None) -> Table:
    """A table of the channels of a block, sorted by name, over its span; `latency` in s."""
    caption = f"time: {block.time:.4f} s, duration: {block.duration:.4f} s"
    if latency is not None:
        caption += f", latency: {latency:.6f} s"
    table = _table(caption=caption)
    for field in ("channel", "data_type", "sample_rate", "samples", "has_gaps", "data"):
        table.add_column(field, justify=FIELDS[field])
    for name in sorted(block.keys()):
        series = block[name]
        table.add_row(name, str(series.dtype), str(series.sample_rate), str(len(series)),
                      str(series.has_gaps), _first_and_last(series.data))
    return table


def print_rich(obj: Any) -> None:
    """Prints with rich, to what is the standard output now."""
    try:
        from rich.console import Console
    except ImportError as error:
        raise UnsupportedError("tables need the package rich, which is not installed") from error
    Console().print(obj)
