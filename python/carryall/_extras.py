"""What series and blocks offer beyond the stock package's: Arrow, tables, plots. The work is
done in the core and in carryall._export and carryall._plot, which are loaded when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from carryall._load import _core

if TYPE_CHECKING:
    import pyarrow


class SeriesExtras(_core.SeriesBase):
    """More of Series."""

    __slots__ = ()

    @property
    def nbytes(self) -> int:
        """Bytes of the samples."""
        return self.data.nbytes

    @property
    def times_ns(self) -> numpy.ndarray:
        """GPS time of every sample, ns: int64, rounded down to whole nanoseconds."""
        steps = numpy.arange(len(self), dtype=numpy.int64)
        rate = self.channel.sample_rate
        if rate == int(rate):
            return self.time_ns + steps * 1_000_000_000 // int(rate)
        return self.time_ns + (steps * (1e9 / rate)).astype(numpy.int64)

    def to_arrow(self) -> pyarrow.Array:
        """The samples as a pyarrow.Array over the same memory, missing ones null."""
        return self._to_arrow()

    def __arrow_c_schema__(self) -> object:
        return self._to_arrow().type.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """The samples, for whoever reads Arrow's C interface. Not copied."""
        return self._to_arrow().__arrow_c_array__(requested_schema)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        import pyarrow
        return pyarrow.chunked_array([self._to_arrow()]).__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> Any:
        """A pandas.Series over GPS nanoseconds. Missing samples are NaN, and pandas.NA of a
        nullable type where the samples are whole numbers."""
        from carryall import _export
        return _export.series_to_pandas(self)

    def to_xarray(self) -> Any:
        """A xarray.DataArray over GPS nanoseconds. Missing samples are NaN; whole numbers
        with missing ones become float64."""
        from carryall import _export
        return _export.series_to_xarray(self)

    def to_gwpy(self, pad: float | None = None) -> Any:
        """A gwpy TimeSeries, with `pad` for missing samples; by default NaN, and a ValueError
        where the samples are whole numbers."""
        from carryall import _export
        return _export.series_to_gwpy(self, pad)

    def plot(self, ax: Any = None, **line: Any) -> Any:
        """Draws the samples with matplotlib, over seconds since the first; more than a screen
        has room for as their lowest and highest. `ax`: where to, `line`: as for Axes.plot.
        Returns the Axes."""
        from carryall import _plot
        return _plot.plot_series(self, ax, **line)

    def _repr_html_(self) -> str:
        from carryall import _plot
        return _plot.series_as_html(self)


class BlockExtras(_core.BlockBase):
    """More of SeriesBlock."""

    __slots__ = ()

    def to_arrow(self) -> pyarrow.RecordBatch:
        """The block as one row: `time` (GPS ns) and a list of samples a channel, which has its
        rate as metadata. Over the same memory; missing samples are null."""
        return self._to_arrow()

    def __arrow_c_schema__(self) -> object:
        return self._to_arrow().schema.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """What to_arrow() gives, for whoever reads Arrow's C interface. Not copied."""
        return self._to_arrow().__arrow_c_array__(requested_schema)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._to_arrow().__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame over GPS nanoseconds with a column a channel; ValueError if they
        have different rates. Missing samples as of Series.to_pandas."""
        from carryall import _export
        return _export.block_to_pandas(self)

    def to_xarray(self) -> Any:
        """A xarray.Dataset. Channels of one rate share a dimension, `time` if there is but
        one rate, else `time_<rate>Hz`. Missing samples as of Series.to_xarray."""
        from carryall import _export
        return _export.block_to_xarray(self)

    def to_gwpy(self, pad: float | None = None) -> Any:
        """A gwpy TimeSeriesDict; `pad` as of Series.to_gwpy."""
        from carryall import _export
        return _export.block_to_gwpy(self, pad)

    def plot(self, **line: Any) -> Any:
        """Draws every channel with matplotlib, one below the other. Returns the Figure."""
        from carryall import _plot
        return _plot.plot_block(self, **line)

    def _repr_html_(self) -> str:
        from carryall import _plot
        return _plot.block_as_html(self)
