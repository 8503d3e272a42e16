"""A Kafka broker and a stock server with its Kafka backend, for benchmarks on loopback."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from harness import serving


def _wait_for_port(port: int, process: subprocess.Popen) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end or process.poll() is not None:
                raise
            time.sleep(0.05)  # polling for a port, not waiting to be right


class Site:
    """Both of them, on data of their own that are gone afterwards."""

    def __init__(self, publisher_file: str) -> None:
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="carryall-bench-"))
        script = serving.ROOT / "scripts" / "kafka-broker"
        subprocess.run([str(script), "--install"], check=True, stdout=subprocess.DEVNULL)
        port, controller = serving.free_port(), serving.free_port()
        self.brokers = f"127.0.0.1:{port}"
        self.broker = subprocess.Popen(
            [str(script), str(self.directory / "kafka"), str(port), str(controller)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for_port(port, self.broker)
            self.server = self._serve(publisher_file)
        except BaseException:
            self._end_broker()
            raise

    def _serve(self, publisher_file: str) -> serving.Server:
        config = self.directory / "publisher.toml"
        config.write_text(publisher_file)
        # The stock server keeps its catalogue in the cache, beside the leap seconds.
        cache = self.directory / "cache"
        shutil.copytree(os.path.join(sys.prefix, "cache"), cache)
        url = f"grpc://127.0.0.1:{serving.free_port()}"
        return serving.Server(
            ["env", f"XDG_CACHE_HOME={cache}", sys.executable, "-m", "arrakis_server", "-q", "-u",
             url, "kafka", "--kafka-url", self.brokers, "--publisher-config", str(config),
             "--retention-time", "60", "--replication-factor", "1"], url)

    def _end_broker(self) -> None:
        self.broker.kill()
        self.broker.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def stop(self) -> None:
        self.server.stop()
        self._end_broker()
