"""Files that users have come in, files that users can read come out."""

import pathlib
import re

import numpy as np
import pyarrow.parquet
import pytest

from harness import clients, servers
from harness.processes import Program, run
from integration.conftest import TYPES
from integration.test_samples import F16, F64, FAST, I32, START, TYPED, assert_same_bits

SPAN = ["--start", str(START), "--duration", "2"]


def carryall(*argv, **how):
    done = run([servers.carryall(), *argv], **how)
    assert done.status == 0, done
    return done


@pytest.fixture
def serve_archive(tmp_path):
    """Serves tmp_path/archive; the server ends with the test."""
    started = []

    def serve(directory):
        started.append(servers.start("ours", directory, backend="archive"))
        return started[-1]

    yield serve
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def strain():
    """Real strain of three detectors, as gwpy and GWOSC write it."""
    import gwpy
    return pathlib.Path(gwpy.__file__).parent / "testing/data/HLV-HW100916-968654552-1.hdf"


def test_strain_comes_back_bit_by_bit(tmp_path, strain, serve_archive):
    import h5py
    archive = tmp_path / "archive"
    carryall("import", strain, "--archive", archive)
    server = serve_archive(archive)
    with h5py.File(strain) as file:
        names, sets = [], []
        file.visititems(lambda name, item: sets.append(item) if isinstance(
            item, h5py.Dataset) and len(item) > 1000 else None)
        expected = {s.attrs["channel"]: s[()] for s in sets}
    names = sorted(c["name"] for c in clients.make("stock", None).find(server.url))
    assert {n.split(":")[0] for n in names} == {"H1", "L1", "V1"}
    got = clients.make("stock", None).fetch(server.url, names, 968654552, 968654553)
    for name in names:
        (values,) = [v for channel, v in expected.items() if channel.split(":")[0] == name[:2]]
        data = np.asarray(got.data[name])
        assert data.dtype == values.dtype and data.tobytes() == values.tobytes()
        assert not got.mask(name).any()


def test_archive_serves_what_was_imported(tmp_path, pool, serve_archive, reference):
    """Mock data with gaps -> Arrow file -> archive -> stock client."""
    url = pool.get("ours", TYPES, faults=("full-gaps", 3, None)).url
    file, archive = tmp_path / "x.arrow", tmp_path / "archive"
    asked = [n for n in TYPED if n != F16]
    carryall("-u", url, "fetch", *asked, *SPAN, "-o", file)
    for _ in range(2):
        carryall("import", file, "--archive", archive)
    server = serve_archive(archive)
    stock = clients.make("stock", None)
    assert {c["name"] for c in stock.find(server.url)} == set(asked)
    got = stock.fetch(server.url, asked, START, START + 2)
    whole = reference("fetch", TYPED, START, START + 2)
    for name in asked:
        missing = [block > 0 and block % 3 == 0 for block in range(32) for _ in range(4)]
        assert got.data[name].dtype == whole.data[name].dtype
        assert got.mask(name).tolist() == missing
        assert got.list(name) == [
            None if gap else v for gap, v in zip(missing, whole.list(name))]


def test_gwpy_reads_our_hdf5(tmp_path, pool, reference):
    from gwpy.timeseries import TimeSeries
    path = tmp_path / "x.h5"
    carryall("-u", pool.get("ours", TYPES).url, "fetch", I32, F64, FAST, *SPAN, "-o", path)
    expected = reference("fetch", [I32, F64, FAST], START, START + 2)
    for name, rate in ((I32, 64), (F64, 64), (FAST, 4096)):
        series = TimeSeries.read(path, name, format="hdf5")
        assert (series.t0.value, series.sample_rate.value) == (START, rate)
        assert series.name == name
        assert series.value.dtype == expected.data[name].dtype
        assert series.value.tobytes() == np.asarray(expected.data[name]).tobytes()


def test_we_read_gwpys_hdf5(tmp_path, serve_archive):
    from gwpy.timeseries import TimeSeries, TimeSeriesDict
    written = {
        "H1:GWP-A": np.linspace(-1, 1, 1024),
        "H1:GWP-B": np.arange(64, dtype="int32"),
        "L1:GWP-C": np.arange(2048, dtype="float32") ** 2,
    }
    path = tmp_path / "gwpy.h5"
    TimeSeriesDict({
        name: TimeSeries(v, t0=START, sample_rate=len(v) // 4, name=name, channel=name, unit="m")
        for name, v in written.items()}).write(path, format="hdf5")
    carryall("import", path, "--archive", tmp_path / "archive")
    server = serve_archive(tmp_path / "archive")
    got = clients.make("stock", None).fetch(server.url, list(written), START, START + 4)
    for name, values in written.items():
        assert got.data[name].dtype == values.dtype
        assert np.asarray(got.data[name]).tobytes() == values.tobytes()


def test_parquet_is_what_it_says(tmp_path, pool, reference):
    path = tmp_path / "x.parquet"
    carryall("-u", pool.get("ours", TYPES).url, "fetch", I32, F64, *SPAN, "-o", path)
    table = pyarrow.parquet.read_table(path)
    expected = reference("fetch", [I32, F64], START, START + 2)
    for name in (I32, F64):
        values = [v for row in table[name].to_pylist()
                  for v in (row if isinstance(row, list) else [row])]
        assert values == expected.list(name)


@pytest.mark.parametrize("name", ["x.txt", "x", "no/such/folder/x.h5"])
def test_output_that_cannot_be_written_is_named_before_anything_is_read(tmp_path, name):
    done = run([servers.carryall(), "-u", "grpc://127.0.0.1:1", "fetch", I32, *SPAN,
                "-o", tmp_path / name])
    assert done.status in (1, 2) and name in done.err, done
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(b"ARROW1\0\0" + b"\xff" * 1000 + b"ARROW1"),
    lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 1000),
    lambda path: path.write_text("GPS,value\n1,2\n"),
    lambda path: path.mkdir(),
    lambda path: None,
], ids=["empty", "broken-arrow", "broken-hdf5", "text", "folder", "not-there"])
def test_import_of_what_is_no_data_file_names_it(tmp_path, make):
    path, archive = tmp_path / "odd.h5", tmp_path / "archive"
    make(path)
    done = run([servers.carryall(), "import", path, "--archive", archive])
    assert done.status != 0 and "odd.h5" in done.err, done
    assert "terminate called" not in done.err


def test_killed_import_leaves_the_archive_as_it_was(tmp_path, strain, pool, serve_archive):
    archive, big = tmp_path / "archive", tmp_path / "big.arrow"
    carryall("import", strain, "--archive", archive)
    carryall("-u", pool.get("ours", TYPES).url, "fetch", FAST, "--start", str(START),
             "--duration", "2000", "-o", big)
    with Program([servers.carryall(), "import", big, "--archive", archive]) as running:
        running.signal(9)
        running.wait()
    server = serve_archive(archive)
    stock = clients.make("stock", None)
    names = {c["name"] for c in stock.find(server.url)}
    assert {n[:3] for n in names} - {"T1:"} == {"H1:", "L1:", "V1:"}
    server.stop()
    carryall("import", big, "--archive", archive)
    server = serve_archive(archive)
    got = stock.fetch(server.url, [FAST], START, START + 2)
    assert_same_bits(got, stock.fetch(pool.get("stock", TYPES).url, [FAST], START, START + 2))


def own_mounts():
    """A command prefix under which mounts are seen by nobody else."""
    for prefix in (["unshare", "--mount"], ["unshare", "--mount", "--propagation", "unchanged"],
                   ["unshare", "--mount", "--map-root-user"]):
        if run([*prefix, "true"]).status == 0:
            return prefix
    servers.missing("unshare may not make a mount namespace here")


def test_full_disk_leaves_the_archive_as_it_was(tmp_path, strain, pool):
    big, disk, said = tmp_path / "big.arrow", tmp_path / "disk", tmp_path / "said"
    disk.mkdir()
    carryall("-u", pool.get("ours", TYPES).url, "fetch", FAST, "--start", str(START),
             "--duration", "1000", "-o", big)
    assert big.stat().st_size > 12 << 20
    script = """
        mount -t tmpfs -o size=4m tmpfs "$2" || exit 90
        "$1" import "$3" --archive "$2/archive" || exit 91
        "$1" import "$4" --archive "$2/archive" 2>"$5" && exit 92
        exec "$1" serve -u 0 archive "$2/archive"
    """
    with Program([*own_mounts(), "sh", "-c", script, "sh", servers.carryall(), disk, strain, big,
                  said]) as program:
        address = re.compile(r"^listening on (grpc://127\.0\.0\.1:\d+)$")
        url = program.wait_for_line(address, program.out).group(1)
        assert "No space left" in said.read_text() and str(disk) in said.read_text()
        stock = clients.make("stock", None)
        names = [c["name"] for c in stock.find(url)]
        assert sorted(n[:3] for n in names) == ["H1:", "L1:", "V1:"]
        assert len(stock.fetch(url, names, 968654552, 968654553).data[names[0]]) == 16384
