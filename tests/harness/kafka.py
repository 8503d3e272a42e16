"""A real Kafka broker for tests: started, stopped, killed and started again on its own data."""

import re
import shutil
import signal
import socket
import struct
import tempfile
import time

from harness import servers
from harness.ports import free_ports
from harness.processes import Program, run

SCRIPT = servers.ROOT / "scripts" / "kafka-broker"


def answers(port, timeout=1.0):
    """Whether what listens at a loopback port answers Kafka's ApiVersions request."""
    api_versions, version, request_id = 18, 0, 1
    request = struct.pack(">hhih", api_versions, version, request_id, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (request_id, 0)


def install():
    """Fetches what a broker needs; a test that cannot have one is left out, but never in CI."""
    done = run([SCRIPT, "--install"], timeout=600)
    if done.status != 0:
        servers.missing(f"no Kafka broker can be run here: {done}")


class Broker:
    """One broker on loopback with a directory of its own, which is gone when the broker is.

    `with Broker() as broker:` gives one that answers at `broker.address`. It keeps its
    address and its data through stop(), kill9() and start().
    """

    def __init__(self, timeout=120):
        self.timeout = timeout
        self.port = self.controller_port = None
        self.program = None
        self._directory = None

    @property
    def address(self):
        """As librdkafka's bootstrap.servers wants it."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.program.pid

    def start(self):
        """Runs the broker and returns when it answers."""
        if self._directory is None:
            install()
            self._directory = tempfile.mkdtemp(prefix="carryall-kafka-")
        if self.port is not None:
            self._start()
            return self
        for attempts_left in (2, 1, 0):
            self.port, self.controller_port = free_ports(2)
            try:
                self._start()
                return self
            except AssertionError:
                # Somebody may have taken a port since it was found free.
                if "Address already in use" not in self.program.describe() or not attempts_left:
                    raise

    def _start(self):
        assert self.program is None or not self.program.running, "the broker is running"
        deadline = time.monotonic() + self.timeout
        self.program = Program([SCRIPT, self._directory, self.port, self.controller_port])
        try:
            self.program.wait_for_line(re.compile("Kafka Server started"), self.program.err,
                                       self.timeout)
            while not answers(self.port):
                assert time.monotonic() < deadline and self.program.running, (
                    f"the broker does not answer: {self.program.describe()}")
                time.sleep(0.05)
        except BaseException:
            self.program.stop()
            raise

    def stop(self):
        """Ends it in good order; its data stay."""
        return self.program.stop(self.timeout)

    def kill9(self):
        """Ends it as a power cut would; its data stay."""
        self.program.signal(signal.SIGKILL)
        return self.program.wait(self.timeout)

    def restart(self):
        self.stop()
        return self.start()

    def freeze(self):
        """Lets it neither answer nor hang up, until thaw()."""
        self.program.signal(signal.SIGSTOP)

    def thaw(self):
        self.program.signal(signal.SIGCONT)

    def close(self):
        """Ends it and removes its data."""
        if self.program is not None and self.program.running:
            self.kill9()
        if self._directory is not None:
            shutil.rmtree(self._directory)
            self._directory = None

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()
