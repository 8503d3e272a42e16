"""Carryall under the stock package's name. In interpreters of their own: what is imported stays."""

import os
import pathlib
import subprocess
import sys

import pytest

import carryall

PACKAGE = pathlib.Path(carryall._core.__file__).absolute().parents[1]


def run(script, *path, **environment):
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*path, PACKAGE])),
             **environment})


SAME = """
import arrakis, arrakis.block, arrakis.mux as mux
from arrakis.stream import StreamReader
from arrakis import flight, replay, stream
import carryall, carryall.block, carryall.flight, carryall.stream as module, sys
assert arrakis is carryall and arrakis.block is carryall.block
assert flight is carryall.flight and mux is carryall.mux
assert callable(arrakis.stream) and stream is carryall.stream
assert sys.modules["arrakis.stream"] is sys.modules["carryall.stream"]
import arrakis.stream, arrakis.format, importlib
assert callable(arrakis.stream)
assert importlib.import_module("arrakis.stream").StreamReader is StreamReader
assert arrakis.__spec__.name == "carryall" and arrakis.Client.__module__ == "carryall.client"
try:
    import arrakis.spam
except ModuleNotFoundError as error:
    assert "arrakis.spam" in str(error)
else:
    raise AssertionError
print("same")
"""


def test_install():
    done = run("import carryall.as_arrakis as a\na.install()\na.install()\n" + SAME)
    assert (done.stdout, done.stderr) == ("same\n", "")


def test_environment():
    done = run(SAME, CARRYALL_AS_ARRAKIS="1")
    assert (done.stdout, done.stderr) == ("same\n", "")


@pytest.mark.parametrize("value", ["", "0"])
def test_not_unless_asked(value, tmp_path):
    (tmp_path / "arrakis.py").write_text("print('stock')")
    done = run("import arrakis", tmp_path, CARRYALL_AS_ARRAKIS=value)
    assert (done.stdout, done.stderr) == ("stock\n", "")


def test_not_once_the_stock_package_is_loaded(tmp_path):
    (tmp_path / "arrakis.py").write_text("")
    done = run("import arrakis, carryall.as_arrakis\ncarryall.as_arrakis.install()", tmp_path)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: ") and "arrakis.py" in last
    assert "CARRYALL_AS_ARRAKIS" in last


def test_uninstall(tmp_path):
    (tmp_path / "arrakis.py").write_text("print('stock')")
    done = run("""
import carryall.as_arrakis as a
a.install()
import arrakis
a.uninstall()
assert not a.installed()
import arrakis
""", tmp_path)
    assert (done.stdout, done.stderr) == ("stock\n", "")


def test_program():
    done = subprocess.run(
        [sys.executable, "-m", "arrakis", "--version"], capture_output=True, text=True,
        timeout=120, env={**os.environ, "CARRYALL_AS_ARRAKIS": "1", "PYTHONPATH": str(PACKAGE)})
    assert done.returncode == 0 and carryall.__version__ in done.stdout, done.stderr


def test_the_site_hook_that_this_one_hides_runs(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('theirs')")
    done = subprocess.run(
        [sys.executable, "-c", ""], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [PACKAGE, tmp_path]))})
    assert (done.stdout, done.stderr) == ("theirs\n", "")


def test_importing_loads_little():
    done = run("""
import carryall, sys
slow = {"pyarrow.flight", "pandas", "jsonschema", "rich", "confluent_kafka", "igwn_auth_utils"}
print(sorted(slow & set(sys.modules)))
""")
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_an_interpreter_that_never_imports_it_loads_nothing_of_it():
    done = run("import sys; print([m for m in ('numpy', 'pyarrow', 'carryall') if m in "
               "sys.modules])", CARRYALL_AS_ARRAKIS="1")
    assert (done.stdout, done.stderr) == ("[]\n", "")
