"""The package as a whole: what it loads, exports and says of itself."""

import ast
import pathlib
import subprocess
import sys

import pytest

import carryall
from carryall import _core, constants, errors, mux

STUB = pathlib.Path(carryall.__file__).with_name("_core.pyi")


def test_exports():
    for name in ("count describe domains fetch find replays scope_map server_info stream Freq "
                 "SeriesBlock Time Channel Client EndpointStalledError PublishError "
                 "Publisher __version__").split():
        assert hasattr(carryall, name), name
    from carryall.block import SeriesBlock
    from carryall.client import ONGAP_DEFAULT, Client, parse_arrakis_url  # noqa: F401
    assert carryall.SeriesBlock is SeriesBlock and callable(carryall.stream)


@pytest.mark.parametrize("order", [
    "carryall", "pyarrow.flight, carryall", "carryall, pyarrow.flight",
    "pyarrow.compute, pyarrow.parquet, pyarrow.dataset, carryall", "numpy, carryall"])
def test_one_process_has_one_libarrow(order):
    script = f"""
import {order}, carryall, pyarrow.compute, pyarrow.flight
carryall.Client("grpc://127.0.0.1:1")
mapped = {{line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}}
for word in ("libarrow.so", "libarrow_flight.so", "libarrow_python.so", "libre2", "libgrpc",
             "libprotobuf"):
    print(word, len([path for path in mapped if word in path]))
"""
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                         timeout=120)
    assert out.returncode == 0, out.stderr
    assert out.stdout.split("\n")[:-1] == [
        "libarrow.so 1", "libarrow_flight.so 1", "libarrow_python.so 1", "libre2 0",
        "libgrpc 0", "libprotobuf 0"]


@pytest.mark.parametrize("order", ["carryall, hashlib, ssl", "hashlib, ssl, carryall",
                                   "pyarrow.parquet, carryall, hashlib, ssl"])
def test_everybody_has_the_openssl_it_was_built_for(order):
    script = f"""
import {order}
import pyarrow, pyarrow.parquet
assert hashlib.new("sha256", b"x").hexdigest()[:8] == "2d711642"
ssl.create_default_context()
sink = pyarrow.BufferOutputStream()
pyarrow.parquet.write_table(pyarrow.table({{"a": [1]}}), sink)
assert pyarrow.parquet.read_table(sink.getvalue())["a"].to_pylist() == [1]
"""
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                         timeout=120)
    assert (out.returncode, out.stderr) == (0, "")


def test_every_kind_of_error_has_its_class():
    table = dict(_core.error_table())
    assert len(table) == 18 and len(set(table.values())) == 18
    for kind, name in table.items():
        assert issubclass(getattr(errors, name), errors.CarryallError), kind
        assert str(getattr(errors, name)("why")) == "why"


def test_the_stub_names_what_the_extension_has():
    tree = ast.parse(STUB.read_text())
    stub = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            stub[node.name] = {item.name for item in node.body
                               if isinstance(item, ast.FunctionDef)}
        elif isinstance(node, ast.FunctionDef):
            stub[node.name] = set()
        elif isinstance(node, ast.AnnAssign):
            stub[node.target.id] = set()
    public = {name for name in vars(_core) if not name.startswith("_")}
    assert public == set(stub)
    for name in ("BlockBase", "SeriesBase", "Client", "Stream", "FlightProxy", "SshConnection",
                 "SshProxy"):
        here = {member for member in vars(getattr(_core, name))
                if not member.startswith("__") or member in ("__len__", "__getitem__")}
        assert here <= stub[name] | {"__weaklistoffset__"}, name


def test_constants():
    assert constants.topic_name("p") == "arrakis-p"
    assert constants.topic_name("p", "r") == "arrakis-replay-r-p"


def test_policies():
    assert mux.policy(mux.OnGap, "SKIP") == "skip"
    assert mux.policy(mux.OnDrop, mux.OnDrop.WARN) == "warn"
    with pytest.raises(KeyError):
        mux.policy(mux.OnDrop, "never")
    with pytest.raises(ValueError, match="fill, skip, raise"):
        mux.policy(mux.OnGap, "never")


def test_a_core_that_cannot_be_loaded_says_why(tmp_path):
    (tmp_path / "pyarrow").mkdir()
    (tmp_path / "pyarrow" / "__init__.py").write_text(
        "__version__ = '0.0'\ndef get_library_dirs(): return []\n")
    out = subprocess.run([sys.executable, "-c", "import carryall"], capture_output=True,
                         text=True, env={"PYTHONPATH": f"{tmp_path}:"
                                         f"{pathlib.Path(carryall.__file__).parents[1]}"})
    assert out.returncode != 0 and "pyarrow" in out.stderr
