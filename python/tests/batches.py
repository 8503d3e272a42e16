"""Batches to convert, and what must come of them, by way of Python objects only."""

import numpy
import pyarrow

from carryall.channel import Channel

TIME = 1_000_000_000_000_000_000
DTYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
          "float32", "float64"]


def samples(dtype: str, length: int, nulls: float, seed: int) -> list:
    """Values as Python has them, None where one is missing."""
    random = numpy.random.default_rng(seed)
    values = random.integers(0, 100, length).astype(dtype)
    missing = random.random(length) < nulls
    return [None if gone else value for value, gone in zip(values.tolist(), missing)]


def array_of(values: list, dtype: str) -> pyarrow.Array:
    filled = numpy.array([0 if v is None else v for v in values], dtype=dtype)
    return pyarrow.array(filled, mask=numpy.array([v is None for v in values], dtype=bool))


def list_column(rows: list[list | None], dtype: str) -> pyarrow.ListArray:
    flat = array_of([value for row in rows for value in row or []], dtype)
    offsets = numpy.cumsum([0] + [len(row or []) for row in rows]).astype(numpy.int32)
    missing = pyarrow.array([row is None for row in rows], pyarrow.bool_())
    return pyarrow.ListArray.from_arrays(pyarrow.array(offsets), flat, mask=missing)


def channel(name: str, dtype: str, length: int, **more) -> Channel:
    """A channel of which `length` samples fill 1/16 s."""
    return Channel(name, dtype, length * 16, **more)


def column_batch(columns: dict[str, tuple[str, list]], time: int = TIME) -> pyarrow.RecordBatch:
    """Columns: name -> (dtype, rows)."""
    arrays = [list_column(rows, dtype) for dtype, rows in columns.values()]
    rows = len(arrays[0])
    times = pyarrow.array([time + i * 62_500_000 for i in range(rows)], pyarrow.int64())
    return pyarrow.RecordBatch.from_arrays([times, *arrays], names=["time", *columns])


def row_batch(rows: list[tuple[int, list]], dtype: str, time: int = TIME) -> pyarrow.RecordBatch:
    """Rows: (id, values)."""
    return pyarrow.RecordBatch.from_arrays(
        [pyarrow.array([time] * len(rows), pyarrow.int64()),
         pyarrow.array([i for i, _ in rows], pyarrow.uint32()),
         list_column([values for _, values in rows], dtype)],
        names=["time", "id", "data"])


def through_ipc(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return pyarrow.ipc.open_stream(sink.getvalue()).read_next_batch()


def check(array: numpy.ndarray, values: list, dtype: str) -> None:
    """The array says exactly what the list says."""
    missing = [value is None for value in values]
    assert array.dtype == numpy.dtype(dtype)
    assert isinstance(array, numpy.ma.MaskedArray) == any(missing)
    assert type(array) in (numpy.ndarray, numpy.ma.MaskedArray)
    assert numpy.ma.getmaskarray(array).tolist() == missing
    assert array.tolist() == values
