"""Fixtures: a server of our own on loopback, and one that accepts and then says nothing."""

import pathlib
import selectors
import signal
import socket
import subprocess

import pytest

import carryall
from carryall import _core

BUILD = pathlib.Path(_core.__file__).absolute().parents[2]

CHANNELS = """
[common]
publisher = "TEST"
max_latency = 1_000_000_000
stride = 62_500_000

["X1:PYT-RAMP"]
sample_rate = 256
data_type = "float64"
func = "t - floor(t)"

["X1:PYT-COUNT"]
sample_rate = 16
data_type = "int32"
func = "floor(t * 16) % 1000"

["X1:PYT-NOISE"]
sample_rate = 1024
data_type = "float32"
"""


class Server:
    """A running `carryall serve`."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [str(BUILD / "carryall"), "serve", "-q", "--url", "grpc://127.0.0.1:0", *arguments],
            stdout=subprocess.PIPE, text=True)
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(timeout=60), "the server did not announce itself"
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.url = line.removeprefix("listening on ").strip()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        finally:
            self.process.kill()
            self.process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    path = tmp_path_factory.mktemp("server") / "channels.toml"
    path.write_text(CHANNELS)
    running = Server("mock", str(path))
    yield running
    running.stop()


@pytest.fixture
def client(server):
    return carryall.Client(server.url)


@pytest.fixture
def silent_server():
    """A listening socket that nobody serves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def url_of(listener: socket.socket) -> str:
    return f"grpc://127.0.0.1:{listener.getsockname()[1]}"
