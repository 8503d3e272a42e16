"""Inputs that all contenders of a task share: IPC bytes of row and column batches."""

import hashlib

import numpy as np
import pyarrow as pa

SHAPES = {"20x16384": (20, 16384), "500x1024": (500, 1024), "5000x16": (5000, 16),
          "767x1": (767, 1)}
VARIANTS = 8  # rotating buffers, so that no contender lives on a warm cache line
TIME = 1_000_000_000_000_000_000


def parse(case: str) -> tuple[int, int, float]:
    """"500x1024/nulls=0.01" -> (500, 1024, 0.01); "/one" has no nulls."""
    shape, _, rest = case.partition("/")
    nulls = float(rest.removeprefix("nulls=")) if rest.startswith("nulls=") else 0.0
    return (*SHAPES[shape], nulls)


def names(count: int) -> list[str]:
    return [f"X1:BEN-CHANNEL_{i:05d}" for i in range(count)]


def rate(samples: int) -> int:
    """The rate at which `samples` fill one stride of 1/16 s."""
    return samples * 16


def samples(count: int, length: int, nulls: float, variant: int):
    rng = np.random.default_rng(variant)
    values = rng.standard_normal((count, length))
    missing = rng.random((count, length)) < nulls if nulls else None
    return values, missing


def row_batch(count: int, length: int, nulls: float, variant: int) -> pa.RecordBatch:
    values, missing = samples(count, length, nulls, variant)
    flat = pa.array(values.reshape(-1), mask=None if missing is None else missing.reshape(-1))
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * length)
    data = pa.ListArray.from_arrays(offsets, flat)
    return pa.record_batch([pa.array(np.full(count, TIME), pa.int64()),
                            pa.array(np.arange(count, dtype=np.uint32)), data],
                           names=["time", "id", "data"])


def column_batch(count: int, length: int, nulls: float, variant: int) -> pa.RecordBatch:
    values, missing = samples(count, length, nulls, variant)
    offsets = pa.array(np.array([0, length], dtype=np.int32))
    columns = [pa.array([TIME], pa.int64())]
    for i in range(count):
        mask = None if missing is None else missing[i]
        columns.append(pa.ListArray.from_arrays(offsets, pa.array(values[i], mask=mask)))
    return pa.record_batch(columns, names=["time", *names(count)])


def ipc_streams(make, case: str) -> list[pa.Buffer]:
    """One whole IPC stream for each variant."""
    out = []
    for variant in range(VARIANTS):
        batch = make(*parse(case), variant)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        out.append(sink.getvalue())
    return out


def read_batch(stream: pa.Buffer) -> pa.RecordBatch:
    """A batch just read from IPC: what every conversion starts from."""
    return pa.ipc.open_stream(stream).read_next_batch()


def digest(arrays) -> str:
    """Of names, dtypes, masks and unmasked samples."""
    total = hashlib.sha256()
    for name, array in sorted(arrays):
        mask = np.ma.getmaskarray(array)
        total.update(f"{name} {array.dtype} {array.shape}".encode())
        total.update(np.packbits(mask).tobytes() if mask.any() else b"-")
        total.update(np.where(mask, 0, np.asarray(array)).tobytes())
    return total.hexdigest()


# Plain lookups, also for masked arrays, and the cheapest: what is timed is the conversion.
first_last = np.ndarray.item


def touch(arrays) -> None:
    """Reads the first and the last sample of every array."""
    for array in arrays:
        first_last(array, 0)
        first_last(array, -1)
