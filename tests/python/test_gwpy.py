"""gwpy's arrakis source with ours in place of the stock package."""

import os
import pathlib
import subprocess
import sys

import gwpy.testing
import h5py
import numpy
import pytest

from harness import servers

HERE = pathlib.Path(__file__).parent
RELEASE = servers.ROOT / "build" / "release" / "python"
GWPY = pathlib.Path(gwpy.testing.__file__).parents[1]
STRAIN = GWPY / "testing" / "data" / "HLV-HW100916-968654552-1.hdf"  # the demo's


def environment(**more):
    return {**os.environ, "PYTHONPATH": f"{RELEASE}:{HERE / 'plugins'}", **more}


def run(*command, **more):
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True,
                          timeout=110, env=environment(**more))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_gwpys_own_tests(tmp_path):
    suite = GWPY / "timeseries" / "tests" / "test_io_arrakis.py"
    said = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "ours_as_arrakis",
               "--rootdir", tmp_path, "-ra", suite)
    assert " passed" in said and "skipped" not in said, said


SCRIPT = """
import sys
import ours_as_arrakis
from gwpy.timeseries import TimeSeriesDict
import arrakis, carryall
assert arrakis.Client is carryall.Client or issubclass(arrakis.Client, carryall.Client)
names = ["H1:LDAS-STRAIN", "L1:LDAS-STRAIN", "V1:h_16384Hz"]
for how in (dict(url=sys.argv[1]), dict(client=arrakis.Client(sys.argv[1]))):
    data = TimeSeriesDict.get(names, 968654552, 968654553, source="arrakis", **how)
    assert list(data) == names, list(data)
for name, series in data.items():
    assert series.sample_rate.value == 16384 and series.t0.value == 968654552
    series.value.tofile(f"{sys.argv[2]}/{name}")
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strain") / "archive"
    subprocess.run([servers.carryall(), "import", "-q", STRAIN, "--archive", folder], check=True)
    with servers.start("ours", folder, backend="archive") as server:
        yield server


def test_the_strain_comes_through_gwpy_bit_by_bit(archive, tmp_path):
    run("-c", SCRIPT, archive.url, tmp_path)
    with h5py.File(STRAIN) as file:
        for name in ("H1:LDAS-STRAIN", "L1:LDAS-STRAIN", "V1:h_16384Hz"):
            wanted = file[name][()]
            got = numpy.fromfile(tmp_path / name, dtype=wanted.dtype)
            assert got.tobytes() == wanted.tobytes()
