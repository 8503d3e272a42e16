"""Types: the package's own, and the extension's as its stub has them."""

import ast
import os
import subprocess
import sys

from harness import servers

PYTHON = servers.ROOT / "python"
RELEASE = servers.ROOT / "build" / "release" / "python"


def test_mypy(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(servers.ROOT / "pyproject.toml"),
         "--cache-dir", str(servers.ROOT / "build" / "mypy"), "-p", "carryall"],
        cwd=PYTHON, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


USER = '''
import carryall
from carryall import Nanoseconds

client = carryall.Client("h", request_timeout=Nanoseconds(10**9))
with client.stream(["X1:A"], stride=0.25) as stream:
    for block in stream:
        samples: int = len(block["X1:A"])
        reveal_type(block.time_ns)
        reveal_type(block["X1:A"].channel)
client.fetch("X1:A", start="now")
'''


def test_a_typed_program_is_checked(tmp_path):
    """The annotations reach whoever installs the package."""
    (tmp_path / "user.py").write_text(USER)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--cache-dir",
         str(servers.ROOT / "build" / "mypy"), "user.py"], cwd=tmp_path, capture_output=True,
        text=True, timeout=300, env={**os.environ, "MYPYPATH": str(PYTHON)})
    found = [line.split(": ", 1)[1] for line in done.stdout.splitlines() if line.startswith("user")]
    assert 'note: Revealed type is "int"' in found or (
        'note: Revealed type is "builtins.int"' in found), done.stdout
    assert 'note: Revealed type is "carryall.channel.Channel"' in found
    assert len([line for line in found if line.startswith("error")]) == 1 and "start" in str(found)


def members(tree):
    """Functions and classes with their members and the names of their arguments."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef):
                    found.setdefault(f"{node.name}.{item.name}", set()).add(arguments(item))
        elif isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, set()).add(arguments(node))
    return found


def arguments(function):
    return tuple(a.arg for a in [*function.args.posonlyargs, *function.args.args]
                 if a.arg not in ("self", "cls"))


def test_the_stub_is_what_nanobind_makes_of_the_extension(tmp_path):
    """For all that is bound with nanobind, which knows the names of arguments. (What is
    written against CPython's own interface: python/tests/test_package.py.)"""
    made = tmp_path / "_core.pyi"
    done = subprocess.run(
        [sys.executable, "-m", "nanobind.stubgen", "-q", "-m", "carryall._core", "-o", str(made)],
        capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(RELEASE)})
    assert done.returncode == 0, done.stdout + done.stderr
    generated = members(ast.parse(made.read_text()))
    written = members(ast.parse((PYTHON / "carryall" / "_core.pyi").read_text()))
    bound = ("Client.", "Stream.", "Publisher.", "Cancellation.")
    for name in generated | written:
        if name.startswith(bound):
            assert generated.get(name) == written.get(name), name


LEAKS = """
import sys, carryall
client = carryall.Client(sys.argv[1])
block = client.fetch(["X1:CNF-FLAG"], 1000000000, 1000000001)
stream = client.stream(["X1:CNF-FLAG"])
next(stream)
try:
    client.fetch(["X1:NOPE"], 0, 1)
except carryall.CarryallError as error:
    kept = error
{more}
"""


def run_to_its_end(url, more=""):
    done = subprocess.run([sys.executable, "-c", LEAKS.format(more=more), url], text=True,
                          capture_output=True, timeout=120,
                          env={**os.environ, "PYTHONPATH": str(RELEASE)})
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_nothing_is_leaked(pool):
    url = pool.get("ours", servers.FIXTURES / "CF.toml").url
    assert "leak" not in run_to_its_end(url)
    # And it would be reported.
    leak = "import ctypes; ctypes.pythonapi.Py_IncRef(ctypes.py_object(client._core))"
    assert "leaked 1 instances" in run_to_its_end(url, leak)
