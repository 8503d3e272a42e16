"""The package under test, and a wheel of it in an environment of its own."""

import os

import subprocess
import sys

import pytest

from harness import servers

sys.path.insert(0, str(servers.ROOT / "build/release/python"))


class Environment:
    """A virtual environment in which the wheel is installed."""

    def __init__(self, folder):
        self.folder = folder
        self.python = folder / "bin" / "python"
        self.program = folder / "bin" / "carryall"

    def run(self, *command, **more):
        """A command in it that finds nothing of this tree; its output, if it succeeds."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME")
                if name in os.environ}
        done = subprocess.run(list(map(str, command)), cwd=self.folder, env=kept, text=True,
                              capture_output=True, timeout=300, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """`pip wheel .` of what build/release has."""
    servers.carryall()  # leaves the test out where nothing is built
    folder = tmp_path_factory.mktemp("wheel")
    release = servers.ROOT / "build" / "release"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", str(servers.ROOT), "--no-build-isolation",
         "--no-deps", "--disable-pip-version-check", "-w", str(folder / "out"),
         f"--config-settings=build-dir={folder / 'build'}",
         f"--config-settings=cmake.define.CARRYALL_PREBUILT={release}"],
        capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = (folder / "out").glob("carryall-*.whl")
    return path


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory):
    """A new virtual environment with the wheel, what it declares, and pytest."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    made = Environment(folder)
    constraints = servers.ROOT / "tests" / "constraints.txt"
    pins = folder / "pins.txt"
    # The versions that are tested, which may be in the package index's cache.
    requirements = (servers.ROOT / "tests" / "requirements.txt").read_text()
    pins.write_text(constraints.read_text() + "\n".join(
        line for line in requirements.splitlines() if line.startswith(("numpy", "pyarrow"))))
    made.run(made.python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
             "--no-compile", "-c", pins, f"{wheel}[testing]")
    return made
