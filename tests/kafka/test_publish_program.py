"""`carryall publish` in front of a real broker, read by stock's client."""

import json
import signal
import subprocess

import arrakis
import h5py
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc

from harness import servers
from harness.processes import Program, run
from harness.sites import STRIDE, Site
from harness.topics import Topics, rows

pytestmark = pytest.mark.timeout(300)

RATE = 256
COUNT = RATE * STRIDE // 10**9
START = 1_400_000_000
A, B = "P1:CLI-A", "P1:CLI-B"


@pytest.fixture(scope="module")
def stock(broker, tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("stock"), broker.address)
    for publisher_id in ("FILE", "PIPE", "MOCK", "LIVE", "BAD"):
        site.publisher(publisher_id, [(f"{name}-{publisher_id}", "float64", RATE)
                                      for name in (A, B)])
    site.publisher("NEW", dynamic=True)
    with site.start("stock") as server:
        yield server


def publish(server, *argv, **how):
    return run([servers.carryall(), "publish", *argv, "-u", server.url], **how)


def messages(broker, server, names):
    """What lies in the topics of channels: name -> [(time, samples)]."""
    channels = {c.name: c for c in arrakis.Client(server.url).find() if c.name in names}
    assert set(channels) == set(names)
    found = {}
    for name, channel in channels.items():
        read = map(rows, Topics(broker.address).read(f"arrakis-{channel.partition_id}"))
        found[name] = [(time_ns, data[channel.partition_index]) for time_ns, data in read]
    return found


def strides(samples, start=START):
    """Samples as the blocks of a publisher."""
    return [(start * 10**9 + n * STRIDE, list(samples[n * COUNT:(n + 1) * COUNT]))
            for n in range(len(samples) // COUNT)]


def write_hdf5(path, series):
    with h5py.File(path, "w") as out:
        for name, samples in series.items():
            data = out.create_dataset(name, data=samples)
            data.attrs.update(name=name, channel=name, x0=float(START), dx=1 / RATE,
                              xunit="s", unit="")
    return path


def test_a_file(stock, broker, tmp_path):
    rng = np.random.default_rng(1)
    series = {f"{name}-FILE": rng.standard_normal(2 * RATE) for name in (A, B)}
    files = [write_hdf5(tmp_path / f"{n}.h5", {name: samples})
             for n, (name, samples) in enumerate(series.items())]
    alone = publish(stock, "FILE", files[0])
    assert alone.status == 2 and f"{B}-FILE is missing" in alone.err, alone
    done = publish(stock, "FILE", *files)
    assert done.status == 0 and done.err == "", done
    assert done.out.startswith("32 blocks of 2 channels confirmed (8.2 kB)"), done
    assert messages(broker, stock, series) == {
        name: strides(samples) for name, samples in series.items()}


def test_standard_input(stock, broker):
    rng = np.random.default_rng(2)
    names = [f"{name}-PIPE" for name in (A, B)]
    values = {name: rng.standard_normal(RATE) for name in names}
    schema = pa.schema([pa.field("time", pa.int64(), nullable=False), *(
        pa.field(name, pa.list_(pa.float64()), metadata={"rate": str(RATE)}) for name in names)])
    argv = ["setpriv", "--pdeathsig", "TERM", servers.carryall(), "publish", "PIPE", "-", "-u",
            stock.url]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as program:
        with ipc.new_stream(program.stdin, schema) as writer:
            # A row of four strides, then one a stride, with a gap.
            def row(first, count, gap=False):
                cells = [list(values[n][first * COUNT:(first + count) * COUNT]) for n in names]
                if gap:
                    cells[0][3] = None
                writer.write_batch(pa.record_batch(
                    [pa.array([START * 10**9 + first * STRIDE]),
                     *(pa.array([cell], pa.list_(pa.float64())) for cell in cells)],
                    schema=schema))
            row(0, 4)
            for n in range(4, 16):
                row(n, 1, gap=n == 7)
        program.stdin.close()
        out, err = program.stdout.read().decode(), program.stderr.read().decode()
        assert program.wait(60) == 0 and out.startswith("16 blocks"), (out, err)
    expected = {name: strides(values[name]) for name in names}
    expected[names[0]][7][1][3] = None
    assert messages(broker, stock, names) == expected


def test_the_mock_registers_its_channels(stock, broker, tmp_path):
    formulas = tmp_path / "new.toml"
    formulas.write_text("[common]\nstride = 62_500_000\nmax_latency = 1_000_000_000\n"
                        'sample_rate = 16\ndata_type = "int32"\n["P1:NEW-N"]\nfunc = "t * 16"\n'
                        '["P1:NEW-Z"]\nfunc = "7"\n')
    refused = publish(stock, "NEW", "--mock", formulas, "--start", START, "--duration", 1)
    assert refused.status == 2 and "'NEW'" in refused.err, refused
    done = publish(stock, "NEW", "--register", "--mock", formulas, "--start", START,
                   "--duration", 1)
    assert done.status == 0 and done.out.startswith("16 blocks of 2 channels"), done
    found = messages(broker, stock, ["P1:NEW-N", "P1:NEW-Z"])
    assert [samples for _, samples in found["P1:NEW-Z"]] == [[7]] * 16
    assert [time for time, _ in found["P1:NEW-N"]] == [
        START * 10**9 + n * STRIDE for n in range(16)]
    # The same again is not later than what is there for this publisher's own process only.
    again = publish(stock, "NEW", "--mock", formulas, "--start", START, "--duration", 1, "-q")
    assert (again.status, again.out) == (0, "")


def test_live_from_a_mock_until_ctrl_c(stock, tmp_path):
    formulas = tmp_path / "live.toml"
    formulas.write_text("[common]\nstride = 62_500_000\nmax_latency = 1_000_000_000\n"
                        f"sample_rate = {RATE}\n" + 'data_type = "float64"\n' + "".join(
                            f'["{name}-LIVE"]\nfunc = "t - floor(t)"\n' for name in (A, B)))
    with Program([servers.carryall(), "publish", "LIVE", "--mock", formulas, "-u",
                  stock.url]) as program:
        reader = subprocess.run(
            [servers.carryall(), "stream", f"{A}-LIVE", f"{B}-LIVE", "-u", stock.url,
             "--duration", "2", "--json"], capture_output=True, text=True, timeout=60)
        assert reader.returncode == 0, reader
        program.signal(signal.SIGINT)
        assert program.wait() == 0, program.describe()
        assert "blocks of 2 channels confirmed" in program.out[-1]
    blocks = [json.loads(line) for line in reader.stdout.splitlines()]
    whole = [b for b in blocks if None not in b["data"][f"{A}-LIVE"]]
    assert whole, blocks[-1:]
    for block in whole:
        expected = (block["time_ns"] % 10**9) / 10**9 + np.arange(COUNT) / RATE
        assert np.allclose(block["data"][f"{A}-LIVE"], expected % 1, atol=1e-6)


def test_what_is_not_registered_is_named(stock, tmp_path):
    rng = np.random.default_rng(3)
    series = {f"{A}-BAD": rng.standard_normal(RATE), f"{B}-BAD": rng.standard_normal(RATE),
              "P1:CLI-C": rng.standard_normal(RATE)}
    path = write_hdf5(tmp_path / "three.h5", series)
    refused = publish(stock, "BAD", path)
    assert refused.status == 2 and "P1:CLI-C" in refused.err and "--known-only" in refused.err
    assert publish(stock, "BAD", path, "--known-only", "--transactional").status == 0
    denied = publish(stock, "BAD", path, "--register")
    assert denied.status == 1 and "P1:CLI-C" in denied.err, denied
