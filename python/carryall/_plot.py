"""Series and blocks drawn: small in a notebook's cell, and by matplotlib. What is drawn of many
samples is their envelope, which the core makes."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy

from carryall._optional import need

if TYPE_CHECKING:
    from carryall._extras import BlockExtras, SeriesExtras

_WIDTH, _HEIGHT = 240, 40  # of a small plot, pixels
_MOST_ROWS = 12  # of a block in a notebook
_MOST_POINTS = 4000  # that a plot of matplotlib draws one by one


def _envelope(series: SeriesExtras, bins: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    if series.data.dtype == numpy.float16:
        series = type(series)(series.time_ns, series.data.astype(numpy.float32), series.channel)
    return series._envelope(bins)


def _runs(there: numpy.ndarray) -> list[tuple[int, int]]:
    """The spans in which all are True."""
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate(([0], there.view(numpy.int8), [0]))))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _svg(series: SeriesExtras) -> str:
    bins = min(_WIDTH, len(series))
    low, high = _envelope(series, bins)
    there = numpy.isfinite(low) & numpy.isfinite(high)
    if not there.any():
        return f'<svg width="{_WIDTH}" height="{_HEIGHT}"></svg>'
    bottom, top = float(low[there].min()), float(high[there].max())
    room = (top - bottom) or 1.0
    x = (numpy.arange(bins) + 0.5) * (_WIDTH / bins)
    lower = (_HEIGHT - 2) - (low - bottom) * ((_HEIGHT - 4) / room)
    upper = (_HEIGHT - 2) - (high - bottom) * ((_HEIGHT - 4) / room)
    path = []
    for begin, end in _runs(there):
        along = [f"{a:.1f},{b:.1f}" for a, b in zip(x[begin:end], upper[begin:end])]
        back = [f"{a:.1f},{b:.1f}" for a, b in zip(x[begin:end], lower[begin:end])]
        path.append(f"M{' L'.join(along + back[::-1])}Z")
    return (f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img">'
            f'<path d="{"".join(path)}" fill="currentColor" stroke="currentColor" '
            'stroke-width="1" stroke-linejoin="round"/></svg>')


def _row(series: SeriesExtras) -> str:
    low, high = _envelope(series, 1)
    span = "-" if numpy.isnan(low[0]) else f"{low[0]:.4g} .. {high[0]:.4g}"
    gaps = ", with gaps" if series.has_gaps else ""
    return (f"<tr><td>{html.escape(series.name)}</td><td>{series.channel.sample_rate:g} Hz</td>"
            f"<td>{series.data.dtype}</td><td>{len(series)}{gaps}</td><td>{span}</td>"
            f"<td>{_svg(series)}</td></tr>")


def _gps(time_ns: int) -> str:
    seconds, ns = divmod(time_ns, 1_000_000_000)
    return f"{seconds}.{ns:09}".rstrip("0").rstrip(".")


def _table(title: str, rows: list[str], rest: str = "") -> str:
    head = "".join(f"<th>{name}</th>" for name in (
        "channel", "rate", "type", "samples", "range", ""))
    return (f"<div>{html.escape(title)}<table><thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>{html.escape(rest)}</div>")


def series_as_html(series: SeriesExtras) -> str:
    return _table(f"Series, GPS {_gps(series.time_ns)} + {series.duration_ns / 1e9:g} s",
                  [_row(series)])


def block_as_html(block: BlockExtras) -> str:
    names = list(block)[:_MOST_ROWS]
    more = len(block) - len(names)
    return _table(f"SeriesBlock, GPS {_gps(block.time_ns)} + {block.duration_ns / 1e9:g} s, "
                  f"{len(block)} channels", [_row(block[name]) for name in names],
                  f"and {more} more" if more else "")


def plot_series(series: SeriesExtras, ax: Any, **line: Any) -> Any:
    pyplot = need("matplotlib.pyplot", "plot", "plot")
    if ax is None:
        ax = pyplot.figure().add_subplot()
    line.setdefault("label", series.name)
    line.setdefault("linewidth", 1)
    if len(series) <= _MOST_POINTS:
        dt = 1 / series.channel.sample_rate
        ax.plot(numpy.arange(len(series)) * dt, series.data, **line)
    else:
        low, high = _envelope(series, _MOST_POINTS // 2)
        step = len(series) / len(low) / series.channel.sample_rate
        both = numpy.stack([low, high], axis=1).reshape(-1)  # a stroke for each part
        ax.plot(numpy.repeat((numpy.arange(len(low)) + 0.5) * step, 2), both, **line)
    ax.set_xlabel(f"s since GPS {_gps(series.time_ns)}")
    ax.set_xlim(0, series.duration_ns / 1e9)
    ax.legend(loc="upper right")
    return ax


def plot_block(block: BlockExtras, **line: Any) -> Any:
    pyplot = need("matplotlib.pyplot", "plot", "plot")
    rows = max(1, len(block))
    figure, axes = pyplot.subplots(rows, sharex=True, squeeze=False,
                                   figsize=(9, 1.2 + 1.3 * rows))
    for ax, series in zip(axes[:, 0], block.values()):
        plot_series(series, ax, **line)
        ax.label_outer()
    return figure
