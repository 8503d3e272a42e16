"""Servers under test: ours and the stock one, started the same way."""

import json
import os
import pathlib
import re
import sys

import pytest
from pyarrow import flight

from harness.ports import free_ports
from harness.processes import Program

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"


def carryall():
    """The program under test. Where there is none a test is left out, but never in CI."""
    program = pathlib.Path(os.environ.get("CARRYALL_BIN", ROOT / "build/release/carryall"))
    if not os.access(program, os.X_OK):
        missing(f"there is no {program}; run `make build` or set CARRYALL_BIN")
    return program


def missing(reason):
    """Something that a test needs is not there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class Server:
    """A server process that answers."""

    def __init__(self, kind, program, url):
        self.kind, self.program, self.url = kind, program, url
        self._connection = None

    @property
    def ours(self):
        return self.kind == "ours"

    @property
    def connection(self):
        """A Flight connection that lives as long as the server."""
        if self._connection is None:
            self._connection = flight.connect(self.url)
        return self._connection

    def action(self, name):
        results = list(self.connection.do_action(flight.Action(name, b"")))
        assert len(results) == 1
        return json.loads(results[0].body.to_pybytes())

    def stop(self):
        if self._connection is not None:
            self._connection.close()
        return self.program.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def start(kind, *files, url="0", backend="mock", scope_map=None, faults=None, options=(),
          env=None):
    """Starts `carryall serve` or the stock `arrakis-server` on a free loopback port (or at
    `url`) and waits until it answers. `faults`: (mode, interval, value or None)."""
    if kind == "stock" and url == "0":
        # The port that gRPC picks may be that of another server, which then gets half the calls.
        url = f"127.0.0.1:{free_ports(1)[0]}"
    options = ["-u", url, *options]
    if scope_map is not None:
        options += ["--scope-map", scope_map]
    backend = [backend, *files]
    if faults is not None:
        mode, interval, value = faults
        backend += ["--with-faults", mode, "--fault-interval", interval]
        if value is not None:
            backend += ["--fault-value", value]
    if kind == "ours":
        program = Program([carryall(), "serve", *options, *backend], env)
        address = re.compile(r"^listening on (grpc://127\.0\.0\.1:\d+)$"), program.out
    else:
        program = Program([sys.executable, "-m", "arrakis_server", *options, *backend], env)
        address = re.compile(r"URL: (grpc://127\.0\.0\.1:\d+)$"), program.err
    try:
        url = program.wait_for_line(*address).group(1)
        server = Server(kind, program, url)
        if kind == "stock":
            # It says its address just before it serves.
            program.wait_for_line(re.compile("serving"), program.err)
        server.action("server-info")
    except BaseException:
        program.stop()
        raise
    return server


class Pool:
    """Servers that tests share, started when first asked for and ended by close()."""

    def __init__(self):
        self._servers = {}

    def get(self, kind, *files, **how):
        key = (kind, files, json.dumps(how, sort_keys=True, default=str))
        server = self._servers.get(key)
        if server is None or not server.program.running:
            server = self._servers[key] = start(kind, *files, **how)
        return server

    def close(self):
        for server in self._servers.values():
            server.stop()
