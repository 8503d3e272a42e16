"""Servers for tests of programs that speak with an Arrakis server.

    with testing.mock("channels.toml") as server:
        carryall.Client(server.url).fetch(...)

pytest has them as fixtures (carryall.pytest_plugin)."""

from __future__ import annotations

import os
import pathlib
import selectors
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable
from typing import TYPE_CHECKING, Union

from carryall.client import Client
from carryall.errors import NotFoundError, UnavailableError

if TYPE_CHECKING:
    from types import TracebackType

PathLike = Union[str, "os.PathLike[str]"]

__all__ = ["Server", "archive", "mock", "program"]


def program() -> str:
    """The path of the program `carryall`: CARRYALL_BIN, else that of this environment, else
    the one on the PATH."""
    beside = pathlib.Path(sysconfig.get_path("scripts")) / "carryall"
    found = (os.environ.get("CARRYALL_BIN") or (str(beside) if beside.exists() else None)
             or shutil.which("carryall"))
    if found is None:
        raise NotFoundError("the program carryall is not installed here: set CARRYALL_BIN")
    return found


class Server:
    """A running `carryall serve BACKEND ARGUMENTS...` on a free port of 127.0.0.1, which
    answers once the constructor returns (UnavailableError with what it said if it does not
    within `timeout` seconds). It ends with `stop()`, with a `with`, and with this process."""

    def __init__(self, backend: str, *arguments: PathLike, options: Iterable[PathLike] = (),
                 timeout: float = 60) -> None:
        command = [program(), "serve", "-q", "--url", "grpc://127.0.0.1:0", *options, backend,
                   *arguments]
        # util-linux's; where there is none a server outlives a test run that is killed.
        guard = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("ARRAKIS_")}
        self.process = subprocess.Popen([*guard, *(os.fspath(word) for word in command)], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        try:
            self.url = self._announced(timeout)
        except BaseException:
            self.stop()
            raise

    def _announced(self, timeout: float) -> str:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                raise UnavailableError(f"the server did not start within {timeout} s")
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self.process.kill()
            said = line + self.process.stdout.read()
            raise UnavailableError(f"the server did not start: {said.strip()}")
        return line.removeprefix("listening on ").strip()

    def client(self) -> Client:
        """A new client of this server."""
        return Client(self.url)

    def stop(self) -> None:
        """Ends the server: its streams end, then it does."""
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()


def mock(*channel_files: PathLike, faults: str | None = None, fault_interval: int | None = None,
         fault_value: float | None = None, options: Iterable[PathLike] = ()) -> Server:
    """A server of channels that are functions of time (TOML files; without any, a default
    set). `faults`: "partial-gaps", "full-gaps", "latency", "stall" or "duplicates", every
    `fault_interval` strides; `fault_value`: the probability of a missing sample, or seconds
    to wait."""
    arguments: list[PathLike] = [*channel_files]
    for option, value in (("--with-faults", faults), ("--fault-interval", fault_interval),
                          ("--fault-value", fault_value)):
        if value is not None:
            arguments += [option, str(value)]
    return Server("mock", *arguments, options=options)


def archive(directory: PathLike, *files: PathLike, options: Iterable[PathLike] = ()) -> Server:
    """A server of the archive in a directory, into which `files` (HDF5 or Arrow) are imported
    first."""
    if files:
        done = subprocess.run(
            [program(), "import", "-q", *(os.fspath(file) for file in files), "--archive",
             os.fspath(directory)], capture_output=True, text=True)
        if done.returncode != 0:
            raise UnavailableError(f"the files were not imported: {done.stderr.strip()}")
    return Server("archive", directory, options=options)
