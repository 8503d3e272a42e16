"""Series and blocks for pandas, xarray and gwpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from carryall._optional import need
from carryall.errors import InvalidArgumentError

if TYPE_CHECKING:
    from carryall._extras import BlockExtras, SeriesExtras


def _with_nan(data: numpy.ndarray) -> numpy.ndarray:
    """Floating point samples, NaN where they are missing."""
    if not isinstance(data, numpy.ma.MaskedArray):
        return data
    return numpy.ma.filled(data if data.dtype.kind == "f" else data.astype(numpy.float64),
                           numpy.nan)


def _pandas_values(pandas: Any, series: SeriesExtras) -> Any:
    data = series.data
    if isinstance(data, numpy.ma.MaskedArray) and data.dtype.kind != "f":
        return pandas.arrays.IntegerArray(numpy.asarray(data), numpy.ma.getmaskarray(data))
    return _with_nan(data)


def _pandas_index(pandas: Any, series: SeriesExtras) -> Any:
    return pandas.Index(series.times_ns, name="gps_ns", copy=False)


def series_to_pandas(series: SeriesExtras) -> Any:
    pandas = need("pandas", "to_pandas", "pandas")
    return pandas.Series(_pandas_values(pandas, series), name=series.name, copy=False,
                         index=_pandas_index(pandas, series))


def _rates(block: BlockExtras) -> dict[float, list[SeriesExtras]]:
    rates: dict[float, list[SeriesExtras]] = {}
    for series in block.values():
        rates.setdefault(series.channel.sample_rate, []).append(series)
    return rates


def block_to_pandas(block: BlockExtras) -> Any:
    pandas = need("pandas", "to_pandas", "pandas")
    rates = _rates(block)
    if len(rates) > 1:
        raise InvalidArgumentError(
            f"channels of different rates make no table: {', '.join(f'{r} Hz' for r in rates)}; "
            "filter() the block, or take to_pandas() of each series")
    columns = {name: _pandas_values(pandas, series) for name, series in block.items()}
    index = next((_pandas_index(pandas, all_[0]) for all_ in rates.values()), None)
    return pandas.DataFrame(columns, index=index, copy=False)


def _attributes(series: SeriesExtras) -> dict[str, Any]:
    channel = series.channel
    return {name: value for name, value in (
        ("sample_rate", channel.sample_rate), ("publisher", channel.publisher),
        ("replay_id", channel.replay_id)) if value is not None}


def _coordinate(dimension: str, series: SeriesExtras) -> tuple[Any, ...]:
    return dimension, series.times_ns, {"long_name": "GPS time", "units": "ns"}


def series_to_xarray(series: SeriesExtras) -> Any:
    xarray = need("xarray", "to_xarray", "xarray")
    return xarray.DataArray(_with_nan(series.data), dims=("time",), name=series.name,
                            coords={"time": _coordinate("time", series)},
                            attrs=_attributes(series))


def block_to_xarray(block: BlockExtras) -> Any:
    xarray = need("xarray", "to_xarray", "xarray")
    rates = _rates(block)
    dimensions = {rate: "time" if len(rates) == 1 else f"time_{rate:g}Hz" for rate in rates}
    return xarray.Dataset(
        {name: (dimensions[series.channel.sample_rate], _with_nan(series.data),
                _attributes(series)) for name, series in block.items()},
        coords={dimensions[rate]: _coordinate(dimensions[rate], all_[0])
                for rate, all_ in rates.items()})


def series_to_gwpy(series: SeriesExtras, pad: float | None) -> Any:
    timeseries = need("gwpy.timeseries", "to_gwpy", "gwpy")
    data = series.data
    if series.has_gaps:
        if pad is None and data.dtype.kind != "f":
            raise InvalidArgumentError(
                f"{numpy.count_nonzero(numpy.ma.getmaskarray(data))} of {len(series)} samples of {series.name} are "
                f"missing, and {data.dtype} has no NaN: say what to pad with")
        data = numpy.ma.filled(data, numpy.nan if pad is None else pad)
    channel = series.channel
    seconds, ns = divmod(series.time_ns, 1_000_000_000)
    t0 = need("gwpy.time", "to_gwpy", "gwpy").LIGOTimeGPS(seconds, ns)
    return timeseries.TimeSeries(data, t0=t0, sample_rate=channel.sample_rate,
                                 name=channel.name, channel=channel.name, copy=False)


def block_to_gwpy(block: BlockExtras, pad: float | None) -> Any:
    timeseries = need("gwpy.timeseries", "to_gwpy", "gwpy")
    return timeseries.TimeSeriesDict(
        (name, series_to_gwpy(series, pad)) for name, series in block.items())
