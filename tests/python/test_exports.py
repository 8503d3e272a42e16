"""Blocks and series in the packages that users have."""

import duckdb
import matplotlib
import numpy
import polars
import pyarrow
import pytest
from gwpy.timeseries import TimeSeries, TimeSeriesDict
from harness import servers

import carryall

matplotlib.use("agg")
TIME = 1_000_000_000_500_000_000
FAST, SLOW, GAPS = "X1:FAST", "X1:SLOW", "X1:GAPS"


def address(array):
    return array.__array_interface__["data"][0]


@pytest.fixture
def client(pool):
    return carryall.Client(pool.get("ours", servers.FIXTURES / "CF.toml").url)


@pytest.fixture
def block():
    data = {FAST: numpy.arange(64, dtype="float32"), SLOW: numpy.arange(16),
            GAPS: numpy.ma.masked_array(numpy.arange(16, dtype="int32"),
                                        numpy.arange(16) % 5 == 0)}
    rates = {FAST: 64, SLOW: 16, GAPS: 16}
    return carryall.SeriesBlock(TIME, data, {
        name: carryall.Channel(name, data[name].dtype, rates[name]) for name in data})


def test_polars(block):
    series = polars.Series(block[FAST])
    assert series.dtype == polars.Float32 and series.to_list() == block.data[FAST].tolist()
    assert address(series.to_numpy(allow_copy=False)) == address(block.data[FAST])
    assert polars.Series(block[GAPS]).to_list() == block.data[GAPS].tolist()
    frame = polars.DataFrame(block)
    assert frame.columns == ["time", FAST, SLOW, GAPS] and frame.height == 1
    exploded = frame.select(SLOW, GAPS).explode(SLOW, GAPS)
    assert exploded[SLOW].to_list() == block.data[SLOW].tolist()
    assert exploded[GAPS].to_list() == block.data[GAPS].tolist()
    values = frame[FAST].explode()
    assert address(values.to_numpy(allow_copy=False)) == address(block.data[FAST])


def test_duckdb(block):
    rows = duckdb.sql(f'SELECT avg(x), count(x) FROM (SELECT unnest("{GAPS}") AS x FROM block)')
    kept = block.data[GAPS].compressed()
    assert rows.fetchall() == [(kept.mean(), len(kept))]
    assert duckdb.sql('SELECT "time" FROM block').fetchall() == [(TIME,)]


def test_duckdb_reads_a_stream(client):
    stream = client.stream(["X1:CNF-FLAG"], 1_000_000_000, 1_000_000_002)  # noqa: F841
    reader = pyarrow.RecordBatchReader.from_stream(stream)  # noqa: F841: SQL names it
    rows = duckdb.sql('SELECT count(*), sum(len("X1:CNF-FLAG")) FROM reader').fetchall()
    assert rows == [(32, 32)]


def test_pandas(block):
    series = block[FAST].to_pandas()
    assert series.name == FAST and series.dtype == "float32"
    assert series.index[:2].tolist() == [TIME, TIME + 15_625_000]
    assert address(series.to_numpy()) == address(block.data[FAST])
    gaps = block[GAPS].to_pandas()
    assert gaps.dtype == "Int32" and gaps.isna().sum() == 4
    assert gaps.dropna().tolist() == block.data[GAPS].compressed().tolist()
    frame = block.filter([SLOW, GAPS]).to_pandas()
    assert frame.shape == (16, 2) and frame.index.name == "gps_ns"
    assert frame[SLOW].tolist() == block.data[SLOW].tolist()
    with pytest.raises(ValueError, match="64 Hz, 16 Hz"):
        block.to_pandas()
    assert carryall.SeriesBlock(0, {}).to_pandas().empty


def test_missing_floating_point_samples_are_nan(block):
    samples = numpy.ma.masked_array(numpy.arange(16.0), numpy.arange(16) == 3)
    series = carryall.Series(TIME, samples, block.channels[SLOW])
    for values in (series.to_pandas().to_numpy(), series.to_xarray().values,
                   series.to_gwpy().value):
        assert numpy.isnan(values[3]) and values[4] == 4
    assert samples.data[3] == 3  # ours are as they were


def test_xarray(block):
    array = block[FAST].to_xarray()
    assert array.dims == ("time",) and array.name == FAST and array.attrs["sample_rate"] == 64
    assert array["time"].values.tolist() == block[FAST].times_ns.tolist()
    assert address(array.values) == address(block.data[FAST])
    whole = block.to_xarray()
    assert set(whole.sizes) == {"time_64Hz", "time_16Hz"} and whole.sizes["time_16Hz"] == 16
    assert whole[GAPS].dtype == "float64" and int(whole[GAPS].isnull().sum()) == 4
    assert set(block.filter([SLOW, GAPS]).to_xarray().dims) == {"time"}


def test_gwpy(block):
    series = block[FAST].to_gwpy()
    assert isinstance(series, TimeSeries)
    assert (series.name, str(series.channel), series.sample_rate.value) == (FAST, FAST, 64)
    assert series.t0.value == TIME / 1e9 and address(series.value) == address(block.data[FAST])
    with pytest.raises(ValueError, match="4 of 16 samples of X1:GAPS"):
        block.to_gwpy()
    padded = block.to_gwpy(pad=-1)
    assert isinstance(padded, TimeSeriesDict) and list(padded) == [FAST, SLOW, GAPS]
    assert padded[GAPS].value[::5].tolist() == [-1, -1, -1, -1]


def test_plots(block):
    [line] = block[GAPS].plot(color="k").lines
    assert line.get_label() == GAPS and line.get_color() == "k"
    assert numpy.ma.getmaskarray(line.get_ydata(orig=True))[::5].all()
    assert len(block.plot().axes) == 3
    many = numpy.zeros(10**6)
    many[123_456] = 7  # which must not be lost on the way
    series = carryall.Series(TIME, many, carryall.Channel("X1:A", "float64", 10**5))
    ax = series.plot()
    [line] = ax.lines
    assert line.get_ydata().max() == 7 and len(line.get_ydata()) < 10_000
    assert ax.get_xlim() == (0, 10) and "1000000000.5" in ax.get_xlabel()


def test_progress_bars(client, capfd):
    client.fetch(["X1:CNF-CHAN_B"], 1_000_000_000, duration=500, progress=True)
    assert "fetch" in capfd.readouterr().err
    blocks = list(client.stream(["X1:CNF-FLAG"], 1_000_000_000, duration=2, stride=1,
                                progress=True))
    bar = capfd.readouterr().err
    assert len(blocks) == 2 and "stream: 100%" in bar and "2/2 s" in bar
