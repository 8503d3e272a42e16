"""Record batches to blocks and back, against pyarrow's own reading of them."""

import gc
import pickle
import threading

import numpy as np
import pyarrow as pa
import pytest

from carryall.block import SeriesBlock, combine_blocks, concatenate_blocks
from carryall.channel import Channel

DTYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
          "float16", "float32", "float64"]
TIME = 1_000_000_000_000_000_000
SECOND = 1_000_000_000


def samples(dtype: str, count: int, missing: float, seed: int = 0) -> pa.Array:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 100, count).astype(dtype)
    return pa.array(values, mask=rng.random(count) < missing if missing else None)


def expected(array: pa.Array, dtype: str):
    """What pyarrow says: values, and where they are missing."""
    missing = np.asarray(array.is_null())
    values = np.array([0 if v is None else v for v in array.to_pylist()], dtype=dtype)
    return values, missing


def check(array, wanted: pa.Array, dtype: str) -> None:
    values, missing = expected(wanted, dtype)
    assert array.dtype == np.dtype(dtype)
    assert isinstance(array, np.ma.MaskedArray) == bool(missing.any())
    np.testing.assert_array_equal(np.ma.getmaskarray(array), missing)
    np.testing.assert_array_equal(np.asarray(array)[~missing], values[~missing])


@pytest.mark.parametrize("missing", [0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_column_batch(dtype, missing):
    flat = samples(dtype, 48, missing)
    column = pa.ListArray.from_arrays(pa.array([0, 16, 48], pa.int32()), flat)
    batch = pa.record_batch([pa.array([1, TIME], pa.int64()), column],
                            names=["time", "X1:A"]).slice(1, 1)
    block = SeriesBlock.from_column_batch(batch, {"X1:A": Channel("X1:A", dtype, 32)})
    assert (block.time_ns, block.duration_ns) == (TIME, SECOND)
    check(block["X1:A"].data, flat.slice(16, 32), dtype)


@pytest.mark.parametrize("missing", [0, 0.3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_row_batch(dtype, missing):
    flat = samples(dtype, 96, missing)
    rows = pa.ListArray.from_arrays(pa.array([0, 32, 64, 96], pa.int32()), flat)
    batch = pa.record_batch([pa.array([TIME] * 3, pa.int64()),
                             pa.array([5, 9, 2], pa.uint32()), rows],
                            names=["time", "id", "data"])
    channels = {2: Channel("X1:B", dtype, 32), 5: Channel("X1:A", dtype, 32)}
    block = SeriesBlock.from_row_batch(batch, channels)
    assert sorted(block.keys()) == ["X1:A", "X1:B"]
    check(block["X1:A"].data, flat.slice(0, 32), dtype)
    check(block["X1:B"].data, flat.slice(64, 32), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_column_batch_round_trip(dtype):
    values = np.arange(16).astype(dtype)
    gaps = np.ma.MaskedArray(values.copy(), mask=values % 3 == 0)
    channels = {n: Channel(n, dtype, 16) for n in ("X1:A", "X1:B")}
    block = SeriesBlock(TIME, {"X1:A": values, "X1:B": gaps}, channels)
    batch = block.to_column_batch()
    batch.validate(full=True)
    assert batch["time"].to_pylist() == [TIME]
    back = SeriesBlock.from_column_batch(batch, channels)
    for name in channels:
        check(back[name].data, batch[name][0].values, dtype)
    assert batch["X1:B"][0].values.null_count == int(gaps.mask.sum())


def test_arrays_outlive_their_block_and_batch():
    flat = samples("float64", 1000, 0)
    batch = pa.record_batch(
        [pa.array([TIME], pa.int64()),
         pa.ListArray.from_arrays(pa.array([0, 1000], pa.int32()), flat)],
        names=["time", "X1:A"])
    wanted = np.asarray(flat).copy()
    block = SeriesBlock.from_column_batch(batch, {"X1:A": Channel("X1:A", "float64", 1000)})
    array = block["X1:A"].data
    del flat, batch, block
    gc.collect()
    np.testing.assert_array_equal(array, wanted)
    assert not array.flags.writeable


def test_masked_arrays_behave_as_numpys_own():
    mask = np.arange(16) % 4 == 0
    flat = pa.array(np.arange(16.0), mask=mask)
    batch = pa.record_batch(
        [pa.array([TIME], pa.int64()),
         pa.ListArray.from_arrays(pa.array([0, 16], pa.int32()), flat)],
        names=["time", "X1:A"])
    block = SeriesBlock.from_column_batch(batch, {"X1:A": Channel("X1:A", "float64", 16)})
    array = block["X1:A"].data
    ours = np.ma.MaskedArray(np.arange(16.0), mask=mask)
    assert type(array) is np.ma.MaskedArray
    assert (array + 1).sum() == (ours + 1).sum()
    assert array[4:8].count() == 3 and array[4] is np.ma.masked
    np.testing.assert_array_equal(array.filled(-1), ours.filled(-1))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(array)).filled(-1),
                                  ours.filled(-1))
    assert np.ma.clump_masked(array) == np.ma.clump_masked(ours)
    assert array.copy().mean() == ours.mean()


def test_a_block_is_like_a_dict_of_series():
    channels = {n: Channel(n, "float32", 4) for n in ("X1:B", "X1:A")}
    block = SeriesBlock(TIME, {n: np.zeros(4, "float32") for n in channels}, channels)
    assert list(block.keys()) == ["X1:B", "X1:A"] == list(block)
    assert "X1:A" in block and "X1:C" not in block
    assert len(block) == 2 and not block.has_gaps
    with pytest.raises(KeyError):
        block["X1:C"]
    assert list(block.filter(["X1:A"]).keys()) == ["X1:A"]


def test_blocks_join_in_time_and_across_channels():
    def block(name, start, value):
        return SeriesBlock(start, {name: np.full(4, value, "int32")},
                           {name: Channel(name, "int32", 4)})
    joined = concatenate_blocks(block("X1:A", TIME, 1), block("X1:A", TIME + SECOND, 2))
    assert joined["X1:A"].data.tolist() == [1] * 4 + [2] * 4
    assert joined.duration_ns == 2 * SECOND
    both = combine_blocks(block("X1:A", TIME, 1), block("X1:B", TIME, 2))
    assert sorted(both.keys()) == ["X1:A", "X1:B"]


def test_hostile_offsets_are_an_error_not_a_read_beyond_the_end():
    flat = pa.array(np.arange(4.0))
    # Cheap validation looks at the first and the last offset only.
    offsets = pa.py_buffer(np.array([0, 1 << 20, 4], np.int32))
    lists = pa.Array.from_buffers(pa.list_(pa.float64()), 2, [None, offsets], children=[flat])
    batch = pa.record_batch([pa.array([TIME, TIME], pa.int64()), lists],
                            names=["time", "X1:A"])
    with pytest.raises(Exception, match="X1:A"):
        SeriesBlock.from_column_batch(batch, {"X1:A": Channel("X1:A", "float64", 4)})


def test_threads_convert_at_the_same_time():
    flat = samples("float32", 64 * 100, 0.1)
    rows = pa.ListArray.from_arrays(pa.array(np.arange(101, dtype=np.int32) * 64), flat)
    batch = pa.record_batch([pa.array([TIME] * 100, pa.int64()),
                             pa.array(np.arange(100, dtype=np.uint32)), rows],
                            names=["time", "id", "data"])
    channels = {i: Channel(f"X1:T-{i}", "float32", 64) for i in range(100)}
    wanted = {i: expected(flat.slice(i * 64, 64), "float32") for i in range(100)}
    problems = []

    def work():
        for _ in range(50):
            data = SeriesBlock.from_row_batch(batch, channels).data
            for i, (values, missing) in wanted.items():
                got = data[f"X1:T-{i}"]
                if not np.array_equal(np.asarray(got)[~missing], values[~missing]):
                    problems.append(i)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


def test_the_process_holds_one_libarrow():
    with open("/proc/self/maps") as maps:
        loaded = {line.split()[-1] for line in maps if "/libarrow.so" in line}
    assert len(loaded) == 1, loaded
