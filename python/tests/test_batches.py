"""RecordBatches of pyarrow to blocks and back, against what pyarrow itself says."""

import batches
import numpy
import pyarrow
import pytest
from batches import DTYPES, TIME

from carryall.block import SeriesBlock
from carryall.channel import Channel
from carryall.errors import CarryallError, CorruptError, InvalidArgumentError

NULLS = [0, 0.2, 1]


@pytest.mark.parametrize("nulls", NULLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_column_batch_gives_what_pyarrow_says(dtype, nulls):
    rows = {f"X1:A-{i}": batches.samples(dtype, 40, nulls if i else 0, i) for i in range(4)}
    batch = batches.through_ipc(
        batches.column_batch({name: (dtype, [row]) for name, row in rows.items()}))
    channels = {name: batches.channel(name, dtype, 40) for name in rows}
    block = SeriesBlock.from_column_batch(batch, channels)
    assert (block.time_ns, block.duration_ns) == (TIME, 62_500_000)
    assert list(block) == list(rows)
    for name, row in rows.items():
        batches.check(block.data[name], row, dtype)
        assert block[name].has_gaps == (None in row)
        assert block[name].channel is channels[name]
    assert block.has_gaps == any(None in row for row in rows.values())


@pytest.mark.parametrize("nulls", NULLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_row_batch_gives_what_pyarrow_says(dtype, nulls):
    rows = [(i * 3, batches.samples(dtype, 24, nulls if i else 0, i)) for i in range(5)]
    channels = {i: batches.channel(f"X1:A-{i}", dtype, 24) for i, _ in rows}
    block = SeriesBlock.from_row_batch(batches.through_ipc(batches.row_batch(rows, dtype)),
                                       channels)
    assert (block.time_ns, block.duration_ns) == (TIME, 62_500_000)
    for i, row in rows:
        batches.check(block[f"X1:A-{i}"].data, row, dtype)


def test_channels_of_several_types_and_rates():
    batch = batches.column_batch({"X1:F": ("float16", [[1.5, None]]), "X1:I": ("int8", [[7]]),
                                  "X1:U": ("uint64", [[1, 2, 3, 2**63]])})
    channels = {"X1:U": Channel("X1:U", "uint64", 64), "X1:I": Channel("X1:I", "int8", 16),
                "X1:F": Channel("X1:F", "float16", 32)}
    block = SeriesBlock.from_column_batch(batch, channels)
    assert {name: series.data.tolist() for name, series in block.items()} == {
        "X1:F": [1.5, None], "X1:I": [7], "X1:U": [1, 2, 3, 2**63]}


def test_type_of_the_batch_counts_not_the_channels():
    batch = batches.column_batch({"X1:A": ("float32", [[1, 2]])})
    block = SeriesBlock.from_column_batch(batch, {"X1:A": Channel("X1:A", "float64", 32)})
    assert block["X1:A"].dtype == numpy.float32
    assert block["X1:A"].channel.data_type == "float64"


@pytest.mark.parametrize("nulls", NULLS)
def test_sliced_batches(nulls):
    rows = [batches.samples("int32", 16, nulls, i) for i in range(6)]
    batch = batches.column_batch({"X1:A": ("int32", rows)}).slice(2, 3)
    block = SeriesBlock.from_column_batch(batch, {"X1:A": batches.channel("X1:A", "int32", 16)})
    assert block.time_ns == TIME + 2 * 62_500_000
    batches.check(block["X1:A"].data, sum(rows[2:5], []), "int32")
    by_row = batches.row_batch(list(enumerate(rows)), "int32").slice(1, 4)
    channels = {i: batches.channel(f"X1:A-{i}", "int32", 16) for i in range(6)}
    block = SeriesBlock.from_row_batch(by_row, channels)
    assert list(block) == [f"X1:A-{i}" for i in range(1, 5)]
    for i in range(1, 5):
        batches.check(block[f"X1:A-{i}"].data, rows[i], "int32")


def test_null_and_empty_lists_are_gaps():
    batch = batches.column_batch({"X1:A": ("int16", [[1, 2]]), "X1:B": ("int16", [None]),
                                  "X1:C": ("float32", [[]])})
    channels = {name: batches.channel(name, "int16", 2) for name in ("X1:A", "X1:B", "X1:C")}
    block = SeriesBlock.from_column_batch(batch, channels)
    batches.check(block["X1:B"].data, [None, None], "int16")
    batches.check(block["X1:C"].data, [None, None], "float32")


def test_rows_of_unknown_ids_are_left_out_and_the_last_of_a_repeated_id_wins():
    batch = batches.row_batch([(7, [1, 2]), (2, [3, 4]), (9, [5, 6]), (2, [7, 8])], "int32")
    channels = {2: batches.channel("X1:B", "int32", 2), 7: batches.channel("X1:A", "int32", 2),
                8: batches.channel("X1:C", "int32", 2)}
    block = SeriesBlock.from_row_batch(batch, channels)
    assert {name: array.tolist() for name, array in block.data.items()} == {
        "X1:A": [1, 2], "X1:B": [7, 8]}


def test_no_wanted_row_gives_an_empty_block():
    block = SeriesBlock.from_row_batch(batches.row_batch([(1, [1])], "int32"), {})
    assert (len(block), block.time_ns, block.duration_ns) == (0, TIME, 0)


def test_mappings_that_are_no_dicts_and_keyword_arguments():
    from types import MappingProxyType
    batch = batches.column_batch({"X1:A": ("int32", [[1]])})
    channels = MappingProxyType({"X1:A": batches.channel("X1:A", "int32", 1)})
    assert SeriesBlock.from_column_batch(batch=batch, channels=channels)["X1:A"].data == [1]


def test_another_mapping_of_the_same_names_is_not_taken_for_the_last_one():
    batch = batches.row_batch([(0, [1]), (1, [2])], "int32")
    a, b = (batches.channel(name, "int32", 1) for name in ("X1:A", "X1:B"))
    mapping = {0: a, 1: b}
    assert list(SeriesBlock.from_row_batch(batch, mapping)) == ["X1:A", "X1:B"]
    mapping[0], mapping[1] = b, a
    assert list(SeriesBlock.from_row_batch(batch, mapping)) == ["X1:B", "X1:A"]
    other = batches.channel("X1:A", "int32", 1, publisher="OTHER")
    by_name = {"X1:A": a}
    column = batches.column_batch({"X1:A": ("int32", [[1]])})
    assert SeriesBlock.from_column_batch(column, by_name).channels["X1:A"] is a
    by_name["X1:A"] = other
    assert SeriesBlock.from_column_batch(column, by_name).channels["X1:A"] is other
    wider = batches.column_batch({"X1:A": ("int64", [[1]])})
    assert SeriesBlock.from_column_batch(wider, by_name)["X1:A"].dtype == numpy.int64


@pytest.mark.parametrize("make, problem", [
    (lambda: SeriesBlock.from_column_batch(7, {}), TypeError),
    (lambda: SeriesBlock.from_column_batch(batches.column_batch({"X1:A": ("int8", [[1]])})),
     TypeError),
    (lambda: SeriesBlock.from_column_batch(batches.column_batch({"X1:A": ("int8", [[1]])}), {}),
     KeyError),
    (lambda: SeriesBlock.from_row_batch(batches.row_batch([], "int8"), {}), CarryallError),
    (lambda: SeriesBlock.from_row_batch(batches.column_batch({"X1:A": ("int8", [[1]])}), {}),
     CarryallError),
    (lambda: SeriesBlock.from_column_batch(
        batches.column_batch({"X1:A": ("int8", [[1, 2, 3]]), "X1:B": ("int8", [[1]])}),
        {name: Channel(name, "int8", 16) for name in ("X1:A", "X1:B")}), CarryallError),
    (lambda: SeriesBlock.from_column_batch(
        batches.column_batch({"X1:A": ("int8", [[1]])}),
        {"X1:A": Channel("X1:A", "int8", 16.5)}), InvalidArgumentError),
    (lambda: SeriesBlock.from_column_batch(
        pyarrow.record_batch([pyarrow.array([1]), pyarrow.array([["x"]])],
                             names=["time", "X1:A"]),
        {"X1:A": Channel("X1:A", "int8", 16)}), InvalidArgumentError),
])
def test_what_is_no_block_is_refused(make, problem):
    with pytest.raises(problem):
        make()


def with_offsets(batch: pyarrow.RecordBatch, old: list, new: list) -> pyarrow.RecordBatch:
    """The batch as IPC would read it, had a peer sent other offsets."""
    message = batch.serialize().to_pybytes()
    before, after = (numpy.array(values, numpy.int32).tobytes() for values in (old, new))
    assert message.count(before) == 1
    return pyarrow.ipc.read_record_batch(pyarrow.py_buffer(message.replace(before, after)),
                                         batch.schema)


@pytest.mark.parametrize("offsets", [[0, 1000, 5], [3, 0, 5], [-1, 3, 5], [0, 3, 2**31 - 1],
                                     [-(2**31), 3, 5]])
def test_offsets_that_lie_are_refused(offsets):
    lists = [[11, 22, 33], [44, 55]]
    columns = with_offsets(batches.column_batch({"X1:A": ("int32", lists)}), [0, 3, 5], offsets)
    with pytest.raises(CorruptError, match="X1:A"):
        SeriesBlock.from_column_batch(columns, {"X1:A": Channel("X1:A", "int32", 64)})
    rows = with_offsets(batches.row_batch(list(enumerate(lists)), "int32"), [0, 3, 5], offsets)
    channels = {i: Channel(f"X1:A-{i}", "int32", 64) for i in range(2)}
    with pytest.raises(CorruptError):
        SeriesBlock.from_row_batch(rows, channels)


@pytest.mark.parametrize("nulls", NULLS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_made_in_python_become_column_batches(dtype, nulls):
    row = batches.samples(dtype, 12, nulls, 3)
    array = numpy.ma.array([v or 0 for v in row], mask=[v is None for v in row], dtype=dtype)
    block = SeriesBlock(TIME, {"X1:A": array}, {"X1:A": batches.channel("X1:A", dtype, 12)})
    batch = block.to_column_batch()
    batch.validate(full=True)
    assert batch.to_pylist() == [{"time": TIME, "X1:A": row}]
    assert batch.schema.field("X1:A").type == pyarrow.list_(
        pyarrow.from_numpy_dtype(numpy.dtype(dtype)))
    assert SeriesBlock.from_column_batch(batch, block.channels) == block


def test_column_batch_after_a_given_schema():
    block = SeriesBlock(TIME, {"X1:A": numpy.ma.array([1, 2], mask=[0, 1], dtype="int32"),
                               "X1:B": numpy.array([3.0, 4.0])},
                        {name: batches.channel(name, "int32", 2) for name in ("X1:A", "X1:B")})
    schema = pyarrow.schema([("time", pyarrow.int64()),
                             ("X1:B", pyarrow.list_(pyarrow.float32())),
                             ("X1:A", pyarrow.list_(pyarrow.float64()))])
    batch = block.to_column_batch(schema)
    assert batch.schema == schema
    assert batch.to_pylist() == [{"time": TIME, "X1:B": [3.0, 4.0], "X1:A": [1.0, None]}]
    with pytest.raises(KeyError):
        block.to_column_batch(pyarrow.schema([("X1:A", pyarrow.list_(pyarrow.int32()))]))
    with pytest.raises(KeyError):
        block.to_column_batch(pyarrow.schema([("time", pyarrow.int64()),
                                              ("X1:NO", pyarrow.list_(pyarrow.int32()))]))


def test_non_contiguous_swapped_and_converted_samples_travel():
    values = numpy.arange(8, dtype=">i4")[::2]
    block = SeriesBlock(TIME, {"X1:A": values}, {"X1:A": batches.channel("X1:A", "int32", 4)})
    assert block.to_column_batch().to_pylist()[0]["X1:A"] == [0, 2, 4, 6]
    for odd in (numpy.array([True, False]), numpy.array([1j, 2j]), numpy.array(["a", "b"])):
        block = SeriesBlock(TIME, {"X1:A": odd}, {"X1:A": batches.channel("X1:A", "int32", 2)})
        with pytest.raises(InvalidArgumentError, match="type"):
            block.to_column_batch()


def test_row_batches_by_partition():
    data = {"X1:A": numpy.array([1, 2], "int32"), "X1:B": numpy.array([3.0, 4.0]),
            "X1:C": numpy.ma.array([5, 6], mask=[1, 0], dtype="int32")}
    channels = {name: batches.channel(name, array.dtype.name, 2)
                for name, array in data.items()}
    placed = {name: batches.channel(name, array.dtype.name, 2, partition_index=index,
                                    partition_id="ints" if array.dtype == "int32" else "floats")
              for (name, array), index in zip(data.items(), (7, 0, 9))}
    out = dict(SeriesBlock(TIME, data, channels).to_row_batches(placed))
    assert list(out) == ["ints", "floats"]
    assert out["ints"].to_pylist() == [{"time": TIME, "id": 7, "data": [1, 2]},
                                       {"time": TIME, "id": 9, "data": [None, 6]}]
    assert out["floats"].schema.field("id").type == pyarrow.uint32()
    back = SeriesBlock.from_row_batch(out["ints"], {7: placed["X1:A"], 9: placed["X1:C"]})
    assert back["X1:C"].data.tolist() == [None, 6]
    with pytest.raises(KeyError):
        list(SeriesBlock(TIME, data, channels).to_row_batches({}))
    with pytest.raises(InvalidArgumentError, match="X1:A"):
        list(SeriesBlock(TIME, data, channels).to_row_batches(channels))
