"""What series, blocks and clients offer beyond the stock package's, without other packages."""

import subprocess
import sys
import xml.etree.ElementTree as xml
from decimal import Decimal

import numpy
import pyarrow
import pytest

import carryall
from carryall import Nanoseconds
from carryall.errors import InvalidArgumentError

START = 1_000_000_000
COUNT, RAMP, NOISE = "X1:PYT-COUNT", "X1:PYT-RAMP", "X1:PYT-NOISE"


def address(array: numpy.ndarray) -> int:
    return array.__array_interface__["data"][0]


def series_of(samples, rate=16, name="X1:A", time_ns=0):
    samples = numpy.ma.asanyarray(samples)
    if not numpy.ma.getmaskarray(samples).any():
        samples = numpy.asarray(samples)
    return carryall.Series(time_ns, samples, carryall.Channel(name, samples.dtype, rate))


def test_times_in_nanoseconds_are_taken_everywhere(client):
    start = Nanoseconds(1_000_000_000_062_500_000)
    stride = Nanoseconds(125_000_000)
    exact = client.fetch([COUNT], Decimal("1000000000.0625"), duration=0.25)
    assert client.fetch([COUNT], start, Nanoseconds(start + 250_000_000)) == exact
    assert client.fetch([COUNT], start, duration=Nanoseconds(250_000_000)) == exact
    blocks = list(client.stream([COUNT], start, duration=Nanoseconds(250_000_000),
                                stride=stride))
    assert [b.duration_ns for b in blocks] == [stride, stride]
    assert len(list(client.find(time=start))) == client.count(time=start) == 3
    assert list(client.describe([COUNT], time=start)) == [COUNT]
    assert carryall.Client(client.initial_url, request_timeout=Nanoseconds(20 * 10**9),
                           ).count() == 3
    from carryall.publish import _timeout_ns
    assert _timeout_ns(Nanoseconds(1_500_000)) == 1_500_000
    assert repr(stride) == "Nanoseconds(125000000)" and type(stride + 1) is int


def test_channels_may_be_names_or_channels(client):
    [channel] = client.find(COUNT)
    block = client.fetch([channel, RAMP], START, START + 1)
    assert list(block) == [COUNT, RAMP] and block[channel] == block[COUNT]
    assert len(list(client.stream([channel], START, START + 1))) == 16
    assert list(client.describe([channel])) == [COUNT]
    assert list(block.filter([channel])) == [COUNT] and channel in block.data


def test_times_of_samples():
    series = series_of(numpy.zeros(3), rate=16384, time_ns=START * 10**9)
    assert series.times_ns.tolist() == [START * 10**9, START * 10**9 + 61035,
                                        START * 10**9 + 122070]
    assert series.times_ns.dtype == numpy.int64
    odd = carryall.Series(0, numpy.zeros(3), carryall.Channel("X1:A", "float64", 2.5))
    assert odd.times_ns.tolist() == [0, 400_000_000, 800_000_000]


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "float64"])
def test_series_as_arrow_share_their_memory(dtype):
    samples = numpy.arange(100, dtype=dtype)
    array = pyarrow.array(series_of(samples))
    assert array.type == pyarrow.from_numpy_dtype(samples.dtype)
    assert array.to_pylist() == samples.tolist()
    assert array.buffers()[1].address == address(samples)
    del samples
    assert array.to_pylist()[-1] == 99  # which it keeps


def test_missing_samples_are_nulls():
    samples = numpy.ma.masked_array(numpy.arange(20.0), numpy.arange(20) % 3 == 0)
    series = series_of(samples)
    array = pyarrow.array(series)
    assert array.to_pylist() == samples.tolist() and array.null_count == 7
    assert array.buffers()[1].address == address(samples.data)
    nothing = carryall.SeriesBlock.full_gap(0, 10**9, [series.channel])["X1:A"]
    assert pyarrow.array(nothing).to_pylist() == [None] * 16


def test_blocks_as_arrow_share_their_memory(client):
    block = client.fetch([RAMP, COUNT], START, START + 2)
    for batch in (pyarrow.record_batch(block), pyarrow.table(block).to_batches()[0]):
        assert batch.num_rows == 1 and batch.schema.names == ["time", RAMP, COUNT]
        assert batch.column("time").to_pylist() == [block.time_ns]
        assert batch.schema.field(RAMP).metadata == {b"rate": b"256"}
        for name in (RAMP, COUNT):
            samples = batch.column(name).values
            assert samples.to_pylist() == block.data[name].tolist()
            assert samples.buffers()[1].address == address(block.data[name])
    channel = carryall.Channel.from_field(batch.schema.field(RAMP))
    assert (channel.name, channel.data_type, channel.sample_rate) == (RAMP, "float64", 256)
    again = carryall.SeriesBlock.from_column_batch(batch, block.channels)
    assert again == block


def test_gaps_of_a_block_as_arrow():
    samples = numpy.ma.masked_array(numpy.arange(16), numpy.arange(16) > 9)
    channel = carryall.Channel("X1:A", "int64", 16)
    block = carryall.SeriesBlock(5, {"X1:A": samples}, {"X1:A": channel})
    column = block.to_arrow().column("X1:A")
    assert column.to_pylist() == [samples.tolist()]
    samples[0] = numpy.ma.masked  # what a user changes counts
    assert block.to_arrow().column("X1:A").to_pylist()[0][0] is None


def test_schemas_without_data(client):
    block = client.fetch([RAMP], START, START + 1)
    assert pyarrow.schema(block) == block.to_arrow().schema
    as_float = pyarrow.array(block[RAMP], type=pyarrow.float32())
    assert as_float.type == pyarrow.float32()


def test_a_stream_as_arrow(client):
    reader = pyarrow.RecordBatchReader.from_stream(client.stream([RAMP], START, START + 1))
    table = reader.read_all()
    assert table.num_rows == 16
    assert table["time"].to_pylist() == [START * 10**9 + i * 62_500_000 for i in range(16)]
    whole = client.fetch([RAMP], START, START + 1)
    assert [x for row in table[RAMP].to_pylist() for x in row] == whole.data[RAMP].tolist()
    with pytest.raises(ValueError, match="over"):
        stream = client.stream([RAMP], START, START + 1)
        stream.close()
        pyarrow.RecordBatchReader.from_stream(stream)


def test_progress_of_a_fetch_and_a_stream(client):
    told = []
    client.fetch([NOISE], START, START + 2000, progress=told.append)
    assert told and all(START * 10**9 <= p.complete_until_ns <= (START + 2000) * 10**9
                        for p in told if p.bytes)
    assert told == sorted(told, key=lambda p: p.bytes)
    told.clear()
    blocks = list(client.stream([COUNT], START, START + 1, progress=told.append))
    assert [p.complete_until_ns for p in told] == [b.end_ns for b in blocks]
    assert told[-1].bytes == 16 * 4

    def fails(progress):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        client.fetch([NOISE], START, START + 2000, progress=fails)


def cells(markup):
    """The text of a table's cells, and its drawings."""
    tree = xml.fromstring(markup)
    rows = [["".join(cell.itertext()) for cell in row.iter("td")]
            for row in tree.iter("tr")][1:]
    return rows, [path.get("d") for path in tree.iter("path")]


def test_a_series_in_a_notebook():
    samples = numpy.sin(numpy.arange(100_000) / 1000)
    rows, paths = cells(series_of(samples, rate=16384, name="X1:A<&>")._repr_html_())
    assert rows == [["X1:A<&>", "16384 Hz", "float64", "100000", "-1 .. 1", ""]]
    assert len(paths) == 1 and len(paths[0]) < 10_000
    points = [tuple(map(float, p.split(","))) for p in paths[0][1:-1].split(" L")]
    assert {y for _, y in points} >= {2.0, 38.0}  # from edge to edge


@pytest.mark.parametrize("samples, drawn", [
    ([], 0), ([1.0], 1), ([3, 3, 3], 1), ([numpy.nan] * 4, 0), ([numpy.inf, 1.0], 1),
    (numpy.ma.masked_array([1, 2, 3], [0, 1, 0]), 1),
    (numpy.ma.masked_array([1, 2], True), 0), (numpy.array([1, 2], "float16"), 1)])
def test_whatever_the_samples_they_can_be_shown(samples, drawn):
    _, paths = cells(series_of(samples)._repr_html_())
    assert len(paths) == drawn and not any("nan" in path or "inf" in path for path in paths)


def test_a_block_in_a_notebook():
    channels = {f"X1:C{i}": carryall.Channel(f"X1:C{i}", "float64", 16) for i in range(30)}
    block = carryall.SeriesBlock(0, {name: numpy.arange(16.0) for name in channels}, channels)
    markup = block._repr_html_()
    rows, paths = cells(markup)
    assert len(rows) == len(paths) == 12 and "and 18 more" in markup and "30 channels" in markup


def test_packages_that_are_not_there_are_named():
    script = """
import sys
for name in ("pandas", "xarray", "gwpy", "matplotlib", "tqdm"):
    sys.modules[name] = None
import carryall, numpy
channel = carryall.Channel("X1:A", "float64", 16)
block = carryall.SeriesBlock(0, {"X1:A": numpy.zeros(16)}, {"X1:A": channel})
client = carryall.Client("h")
for thing in (block, block["X1:A"]):
    for name, extra in (("to_pandas", "pandas"), ("to_xarray", "xarray"), ("to_gwpy", "gwpy"),
                        ("plot", "plot")):
        try:
            getattr(thing, name)()
        except ImportError as error:
            assert f"pip install 'carryall[{extra}]'" in str(error) and name in str(error)
        else:
            raise AssertionError(name)
for call in (client.fetch, client.stream):
    try:
        call(["X1:A"], 0, 1, progress=True)
    except ImportError as error:
        assert "carryall[progress]" in str(error)
    else:
        raise AssertionError(call)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr


def test_nothing_optional_is_loaded_by_the_package():
    script = """
import sys, carryall
print([n for n in ("pandas", "matplotlib", "asyncio", "carryall._plot") if n in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          timeout=60)
    assert done.stdout == "[]\n", done.stderr


def test_extras_are_refused_where_they_make_no_sense():
    channel = carryall.Channel("X1:A", "float64", 16)
    block = carryall.SeriesBlock(0, {"X1:A": numpy.zeros(16)}, {"X1:A": channel})
    with pytest.raises(InvalidArgumentError):
        block["X1:A"]._envelope(-1)
    with pytest.raises(TypeError):
        block["X1:A"]._envelope("many")
