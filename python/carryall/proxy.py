"""Servers behind a login host: a Flight server of this machine that forwards what clients ask,
and the port forwards of the ssh program behind it.

    with ssh_proxy("me@login.example.org") as url:
        carryall.Client(url).find("H1:")
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from carryall._load import _core
from carryall.errors import DeadlineError, InvalidArgumentError, UnsupportedError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["PUBLISH_UNSUPPORTED_MSG", "FlightProxy", "SSHConnection", "SSHConnectionLike",
           "ssh_proxy"]

PUBLISH_UNSUPPORTED_MSG = _core.PUBLISH_UNSUPPORTED_MSG

_PATIENCE_NS = 1_000_000_000
_DEFAULT_PLACE = "localhost:0"


class FlightProxy:
    """A Flight server at `url` (port 0: any free one) that gives what the server at
    `backend_url` answers, from construction on until shutdown().

    The endpoints of plans get new locations: `proxy_map` has "host:port" by "host:port".
    Everything else passes as it is, data without being looked into; so does the caller's
    authorization. Uploads are refused with PUBLISH_UNSUPPORTED_MSG. OSError if the place is in
    use. Thread safe."""

    def __init__(self, url: str, backend_url: str, proxy_map: Mapping[str, str],
                 **kwargs: Any) -> None:
        if kwargs:
            raise UnsupportedError(f"a proxy has no such options: {', '.join(sorted(kwargs))}")
        self._ended = threading.Event()
        self._core = _core.FlightProxy(url, backend_url, dict(proxy_map))

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._core.port()

    @property
    def proxy_map(self) -> dict[str, str]:
        """A copy; assign another one to change it."""
        return self._core.locations()

    @proxy_map.setter
    def proxy_map(self, proxy_map: Mapping[str, str]) -> None:
        self._core.set_locations(dict(proxy_map))

    def serve(self) -> None:
        """Waits until somebody calls shutdown(); Ctrl-C does."""
        try:
            self.wait()
        finally:
            self.shutdown()

    run = serve

    def wait(self) -> None:
        """Waits until it has been shut down."""
        self._ended.wait()

    def shutdown(self) -> None:
        """Ends what runs and stops answering."""
        self._core.stop(_PATIENCE_NS)
        self._ended.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.shutdown()


class SSHConnectionLike(Protocol):
    """What ssh_proxy() needs of a connection."""

    def exec(self, ssh_cmd: list[str] | None = None, shell_cmd: list[str] | None = None,
             **kwargs: Any) -> subprocess.CompletedProcess[Any]:
        """Runs `shell_cmd` on the remote host, with `kwargs` as for subprocess.run()."""

    def forward_port(self, remote_hostport: str, local_port: int | None = None, *,
                     wait: bool = False) -> str:
        """Forwards a port of this machine to the remote "host:port"; gives where from."""

    @property
    def forward_map(self) -> dict[str, str]:
        """What is forwarded: where from, by where to."""

    def __enter__(self) -> SSHConnectionLike: ...

    def __exit__(self, *exc_details: object) -> None: ...


class SSHConnection:
    """A connection of the ssh program to `destination` ("[user@]host" or
    "ssh://[user@]host[:port]"), made by connect() or `with` and kept open until close(), or
    until this process ends. ConnectionError with ssh's words if it cannot be made. One thread
    at a time."""

    def __init__(self, destination: str) -> None:
        self.destination = destination
        self._core = _core.SshConnection(destination)
        self._forwards: dict[str, str] = {}

    def connect(self) -> None:
        """Connects; ssh asks for passwords at the terminal. At most two minutes."""
        self._core.connect()

    def exec(self, ssh_cmd: list[str] | None = None, shell_cmd: list[str] | None = None,
             **kwargs: Any) -> subprocess.CompletedProcess[Any]:
        """Runs ssh over the connection: with options of its own, and a command for the remote
        shell. `kwargs` as for subprocess.run()."""
        return subprocess.run(self._core.command_line(ssh_cmd or [], shell_cmd or []), **kwargs)

    def forward_port(self, remote_hostport: str, local_port: int | None = None, *,
                     wait: bool = False, timeout: float = 10) -> str:
        """Forwards a port of this machine (None: one that is free) to "host:port" as the
        remote host sees it; gives it as "localhost:port". With `wait` it returns once
        something accepts connections there, TimeoutError after `timeout` seconds."""
        local = self._core.forward(remote_hostport, local_port)
        self._forwards[remote_hostport] = local
        if wait:
            _wait_for(local, timeout)
        return local

    @property
    def forward_map(self) -> dict[str, str]:
        """What is forwarded: "localhost:port" by "host:port" of the remote side."""
        return dict(self._forwards)

    def close(self) -> None:
        """Ends the connection with its forwards."""
        self._core.close()
        self._forwards.clear()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *exc_details: object) -> None:
        self.close()


def _wait_for(local: str, timeout: float) -> None:
    host, _, port = local.rpartition(":")
    deadline = time.monotonic() + timeout
    while True:
        left = deadline - time.monotonic()
        try:
            socket.create_connection((host, int(port)), max(left, 0.001)).close()
        except OSError as error:
            if left <= 0:
                raise DeadlineError(
                    f"nothing accepts connections at {local} within {timeout} s: {error}"
                ) from error
            time.sleep(min(0.05, max(left, 0)))
        else:
            return


class _Host:
    """A connection of the user's kind, as the core asks it."""

    def __init__(self, stack: contextlib.ExitStack,
                 connect: Callable[[], SSHConnectionLike]) -> None:
        self._stack, self._connect = stack, connect

    def connect(self) -> None:
        self._connection = self._stack.enter_context(self._connect())

    def run(self, command: list[str]) -> tuple[int, str]:
        done = self._connection.exec(shell_cmd=command, capture_output=True)
        out = done.stdout or b""
        return done.returncode, out if isinstance(out, str) else out.decode(errors="replace")

    def forward(self, remote: str) -> str:
        return self._connection.forward_port(remote)


@contextlib.contextmanager
def ssh_proxy(ssh_dest: str, arrakis_server: str | None = None, bind_address: str | None = None,
              connection_factory: Callable[[str], SSHConnectionLike] = SSHConnection,
              ) -> Iterator[str]:
    """The URL of a proxy for a server that the host `ssh_dest` reaches; ends with the block.

    `arrakis_server` is its URL there, by default what ARRAKIS_SERVER says there (ValueError if
    nothing). All servers that it names are reached. The proxy listens at `bind_address`,
    "host:port", by default at any free port of localhost (OSError if it is in use)."""
    if bind_address is not None and bind_address.count(":") != 1:
        raise InvalidArgumentError(f"a place to listen is HOST:PORT, not '{bind_address}'")
    with contextlib.ExitStack() as stack:
        proxy = _core.SshProxy(_Host(stack, lambda: connection_factory(ssh_dest)),
                               arrakis_server or "", bind_address or _DEFAULT_PLACE, None)
        stack.callback(proxy.close)
        yield proxy.url()
