"""The wheel, in a virtual environment that has nothing but what it declares."""

import sys
import textwrap
import time
import zipfile


def test_what_is_in_it(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    assert tag in wheel.name and "linux" in wheel.name
    for name in ("carryall/__init__.py", "carryall/py.typed", "carryall/_core.pyi",
                 "carryall/testing.py"):
        assert name in names, name
    assert [n for n in names if n.startswith("carryall/_core.") and n.endswith(".so")]
    assert [n for n in names if n.endswith(".data/scripts/carryall")]
    # Neither sources nor libraries that pyarrow has.
    assert not [n for n in names if n.endswith((".cc", ".h")) or "libarrow" in n]


def test_only_what_is_declared_is_needed(environment):
    installed = environment.run(environment.python, "-m", "pip", "list", "--format=freeze")
    names = {line.split("==")[0].lower() for line in installed.splitlines()}
    assert names <= {"carryall", "numpy", "pyarrow", "pip", "setuptools", "pytest", "iniconfig",
                     "packaging", "pluggy", "pygments"}
    environment.run(environment.python, "-m", "pip", "check")


def test_the_package_and_the_program_work_together(environment):
    script = """
import carryall, carryall.aio, sys
from carryall import testing
assert carryall.__file__.startswith(sys.prefix) and testing.program().startswith(sys.prefix)
with testing.mock() as server:
    names = [channel.name for channel in server.client().find()]
    block = server.client().fetch(names[:2], 1000000000, 1000000001)
    print(len(names), len(block), all(len(series) for series in block.values()))
    assert "<svg" in block._repr_html_()
    try:
        block.to_pandas()
    except ImportError as error:
        assert "carryall[pandas]" in str(error)
"""
    count, fetched, filled = environment.run(environment.python, "-c", script).split()
    assert int(count) > 0 and fetched == "2" and filled == "True"
    assert environment.run(environment.program, "--version").strip()


def test_the_program_starts_at_once(environment):
    times = []
    for _ in range(7):
        began = time.perf_counter()
        environment.run(environment.program, "--version")
        times.append(time.perf_counter() - began)
    assert min(times) < 0.15  # a Python that imports something takes longer


def test_one_libarrow_in_the_process(environment):
    for order in ("carryall, pyarrow, pyarrow.flight", "pyarrow, pyarrow.flight, carryall",
                  "pyarrow.dataset, carryall"):
        script = f"""
import sys, {order}
carryall.Client("grpc://127.0.0.1:1")
mapped = {{line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}}
for word in ("libarrow.so", "libarrow_flight.so", "libarrow_python.so"):
    [path] = [path for path in mapped if word in path]
    assert path.startswith(sys.prefix), path
"""
        environment.run(environment.python, "-c", script)


def test_the_pytest_plugin(environment, tmp_path):
    """As somebody uses it who tests a program against Arrakis."""
    (tmp_path / "channels.toml").write_text(textwrap.dedent("""
        ["X1:PLUG-RAMP"]
        sample_rate = 16
        data_type = "int32"
        stride = 62_500_000
        max_latency = 1_000_000_000
        publisher = "TEST"
        func = "floor(t * 16) % 1000"
        """))
    (tmp_path / "test_mine.py").write_text(textwrap.dedent("""
        import pathlib

        import pytest

        import carryall

        CHANNELS = pathlib.Path(__file__).with_name("channels.toml")
        RAMP = "X1:PLUG-RAMP"

        @pytest.fixture(scope="session")
        def carryall_channel_files():
            return (CHANNELS,)

        def test_session_server(carryall_server, carryall_client):
            assert [c.name for c in carryall_client.find()] == [RAMP]
            assert carryall_client.initial_url == carryall_server.url

        def test_environment(arrakis_env):
            assert carryall.fetch([RAMP], 1000, 1001).data[RAMP].tolist() == list(range(16))
            assert carryall.count() == 1

        def test_faults(carryall_mock):
            server = carryall_mock(CHANNELS, faults="full-gaps", fault_interval=2)
            assert server.client().fetch([RAMP], 1000, 1002).has_gaps
            assert not carryall_mock(CHANNELS).client().fetch([RAMP], 1000, 1002).has_gaps

        def test_archive(carryall_archive, carryall_client, tmp_path):
            import pyarrow
            block = carryall_client.fetch([RAMP], 1000, 1002)
            path = tmp_path / "run.arrow"
            with pyarrow.ipc.new_file(path, block.to_arrow().schema) as writer:
                writer.write_batch(block.to_arrow())
            server = carryall_archive(path)
            assert server.client().fetch([RAMP], 1000, 1002).data[RAMP].tolist() == (
                block.data[RAMP].tolist())

        def test_a_server_that_does_not_start(carryall_mock, tmp_path):
            with pytest.raises(carryall.CarryallError, match="did not start"):
                carryall_mock(tmp_path / "none.toml")
        """))
    said = environment.run(environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                           "--rootdir", tmp_path, tmp_path)
    assert "5 passed" in said
