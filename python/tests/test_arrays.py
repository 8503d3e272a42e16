"""The arrays that blocks give out: views, true masked arrays, and whose memory they hold."""

import copy
import gc
import pickle
import threading

import batches
import numpy
import pyarrow
import pytest

from carryall.block import SeriesBlock
from carryall.channel import Channel

VALUES = [1.0, None, 3.0, 4.0, None, 6.0]


@pytest.fixture
def masked():
    batch = batches.through_ipc(batches.column_batch({"X1:A": ("float64", [VALUES])}))
    return SeriesBlock.from_column_batch(
        batch, {"X1:A": batches.channel("X1:A", "float64", len(VALUES))})["X1:A"].data


def ordinary():
    return numpy.ma.array([v or 0 for v in VALUES], mask=[v is None for v in VALUES])


def test_a_masked_array_has_what_numpy_gives_it(masked):
    assert type(masked) is numpy.ma.MaskedArray
    assert masked.__dict__.keys() == ordinary().__dict__.keys()
    assert type(masked.data) is numpy.ndarray
    assert masked.fill_value == ordinary().fill_value
    assert masked.baseclass is numpy.ndarray


@pytest.mark.parametrize("operation", [
    lambda a: a + 1, lambda a: 2 * a - a, lambda a: a[1:4], lambda a: a[::-1], lambda a: a[1],
    lambda a: a[0], lambda a: a.filled(-1), lambda a: a.filled(), lambda a: a.mean(),
    lambda a: a.sum(), lambda a: a.compressed(), lambda a: numpy.ma.clump_masked(a),
    lambda a: numpy.ma.clump_unmasked(a), lambda a: numpy.sqrt(a), lambda a: a.reshape(2, 3),
    lambda a: a.astype("float32"), lambda a: numpy.ma.concatenate([a, a]), lambda a: a.copy(),
    lambda a: copy.deepcopy(a), lambda a: pickle.loads(pickle.dumps(a)), lambda a: a > 3,
    lambda a: a.view(), lambda a: numpy.ma.masked_greater(a, 3), lambda a: a.tolist(),
    lambda a: repr(a), lambda a: str(a), lambda a: a.argmax(), lambda a: a.cumsum(),
    lambda a: numpy.ma.getmaskarray(a), lambda a: a.soften_mask().hardmask, lambda a: a.T,
    lambda a: a.take([0, 1]), lambda a: a.nonzero(), lambda a: a.std(), lambda a: a.count(),
    lambda a: numpy.ma.is_masked(a), lambda a: a.set_fill_value(9) or a.filled(),
])
def test_masked_arrays_behave_as_those_of_numpy(masked, operation):
    ours, theirs = operation(masked), operation(ordinary())
    assert type(ours) is type(theirs)
    if isinstance(theirs, numpy.ma.MaskedArray):
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs.tolist()
    else:
        assert str(ours) == str(theirs)


def test_masks_can_be_written_to_and_are_their_own(masked):
    batch = batches.column_batch({"X1:A": ("int8", [[1, None]]), "X1:B": ("int8", [[None, 2]])})
    block = SeriesBlock.from_column_batch(
        batch, {name: batches.channel(name, "int8", 2) for name in ("X1:A", "X1:B")})
    a, b = block.data.values()
    a[0] = numpy.ma.masked
    assert a.tolist() == [None, None]
    assert b.tolist() == [None, 2]
    assert SeriesBlock.from_column_batch(batch, block.channels)["X1:A"].data.tolist() == [1, None]


def test_what_is_written_to_a_mask_goes_into_batches():
    batch = batches.column_batch({"X1:A": ("int8", [[1, None, 3]])})
    block = SeriesBlock.from_column_batch(batch, {"X1:A": batches.channel("X1:A", "int8", 3)})
    block["X1:A"].data[2] = numpy.ma.masked
    assert block.to_column_batch().to_pylist()[0]["X1:A"] == [1, None, None]


def test_an_array_is_made_once(masked):
    batch = batches.column_batch({"X1:A": ("float64", [VALUES]), "X1:B": ("int8", [[1] * 6])})
    block = SeriesBlock.from_column_batch(
        batch, {name: batches.channel(name, "int8", 6) for name in ("X1:A", "X1:B")})
    for name in block:
        assert block.data[name] is block[name].data
    block["X1:A"].data.set_fill_value(7)
    assert block["X1:A"].data.filled()[1] == 7


def test_arrays_are_made_when_asked_for():
    channels = [Channel(f"X1:A-{i}", "float64", 1_000_000) for i in range(10_000)]
    block = SeriesBlock.full_gap(0, 10**9, channels)  # 80 GB if all were made
    assert block["X1:A-77"].data.mask.all()
    assert len(block["X1:A-78"]) == 1_000_000
    assert block["X1:A-79"].has_gaps
    del block


def test_without_gaps_arrays_are_views_of_the_batch_and_cannot_be_written_to():
    batch = batches.through_ipc(batches.column_batch({"X1:A": ("float64", [[1.0, 2.0]])}))
    array = SeriesBlock.from_column_batch(
        batch, {"X1:A": batches.channel("X1:A", "float64", 2)})["X1:A"].data
    address = batch.column(1).values.buffers()[1].address
    assert array.__array_interface__["data"] == (address, True)
    assert array.flags.c_contiguous and array.flags.aligned
    with pytest.raises(ValueError):
        array[0] = 5


def test_samples_at_any_address():
    memory = pyarrow.py_buffer(b"x" + numpy.array([1.5, 2.5]).tobytes()).slice(1)
    lists = pyarrow.ListArray.from_arrays(
        [0, 2], pyarrow.Array.from_buffers(pyarrow.float64(), 2, [None, memory]))
    batch = pyarrow.RecordBatch.from_arrays([pyarrow.array([0]), lists], names=["time", "X1:A"])
    array = SeriesBlock.from_column_batch(
        batch, {"X1:A": batches.channel("X1:A", "float64", 2)})["X1:A"].data
    assert not array.flags.aligned
    assert array.tolist() == [1.5, 2.5]
    assert (array * 2).tolist() == [3.0, 5.0]


@pytest.mark.parametrize("nulls", [0, 0.3])
def test_an_array_keeps_its_memory_and_nothing_else(nulls):
    gc.collect()
    before = pyarrow.total_allocated_bytes()
    row = batches.samples("float64", 100_000, nulls, 1)
    batch = pyarrow.ipc.read_record_batch(
        batches.column_batch({"X1:A": ("float64", [row])}).serialize(), pyarrow.schema(
            [("time", pyarrow.int64()), ("X1:A", pyarrow.list_(pyarrow.float64()))]))
    block = SeriesBlock.from_column_batch(
        batch, {"X1:A": batches.channel("X1:A", "float64", 100_000)})
    series = block["X1:A"]
    array = series.data
    part = array[10:20]
    del batch, block, series, array
    gc.collect()
    assert pyarrow.total_allocated_bytes() > before
    assert part.tolist() == row[10:20]
    del part
    gc.collect()
    assert pyarrow.total_allocated_bytes() == before


def test_blocks_are_let_go_without_the_collector():
    batch = batches.column_batch({"X1:A": ("float64", [VALUES])})
    channels = {"X1:A": batches.channel("X1:A", "float64", len(VALUES))}
    gc.collect()
    gc.disable()
    try:
        before = pyarrow.total_allocated_bytes()
        for _ in range(10):
            block = SeriesBlock.from_column_batch(batches.through_ipc(batch), channels)
            kept = [block.data, block["X1:A"], block["X1:A"].data, list(block.items())]
            del block, kept
        assert pyarrow.total_allocated_bytes() == before
    finally:
        gc.enable()


def test_a_cycle_through_a_masked_array_is_collected(masked):
    import weakref

    class Holder:
        pass

    holder = Holder()
    holder.array = masked
    masked.holder = holder
    watch = weakref.ref(holder)
    del holder
    # The fixture holds the array as well; a copy that only the cycle holds:
    other = Holder()
    batch = batches.column_batch({"X1:A": ("float64", [VALUES])})
    other.array = SeriesBlock.from_column_batch(
        batch, {"X1:A": batches.channel("X1:A", "float64", len(VALUES))})["X1:A"].data
    other.array.holder = other
    watch_other = weakref.ref(other)
    del other
    gc.collect()
    assert watch() is not None
    assert watch_other() is None


def test_threads_convert_at_the_same_time():
    rows = {t: [batches.samples("float32", 64, 0.1 * (t % 2), 100 * t + i) for i in range(8)]
            for t in range(4)}
    failures = []

    def convert(t):
        channels = {i: batches.channel(f"X1:T{t}-{i}", "float32", 64) for i in range(8)}
        batch = batches.row_batch(list(enumerate(rows[t])), "float32")
        try:
            for _ in range(300):
                block = SeriesBlock.from_row_batch(batch, channels)
                for i, array in enumerate(block.data.values()):
                    batches.check(array, rows[t][i], "float32")
        except BaseException as error:  # noqa: BLE001: reported below
            failures.append(error)

    threads = [threading.Thread(target=convert, args=(t,)) for t in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
