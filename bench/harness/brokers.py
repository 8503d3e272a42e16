"""A Kafka broker and servers of its topics, for benchmarks on loopback."""

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


class Broker:
    """A broker on data of its own, in a directory that is gone afterwards."""

    def __init__(self) -> None:
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="carryall-bench-"))
        script = serving.ROOT / "scripts" / "kafka-broker"
        subprocess.run([str(script), "--install"], check=True, stdout=subprocess.DEVNULL)
        port, controller = serving.free_port(), serving.free_port()
        self.address = f"127.0.0.1:{port}"
        self.process = subprocess.Popen(
            [str(script), str(self.directory / "kafka"), str(port), str(controller)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for_port(port, self.process)
        except BaseException:
            self.stop()
            raise

    def serve_stock(self, *options: str) -> serving.Server:
        """arrakis-server with its Kafka backend. Its catalogue is in `stock_cache`."""
        self.stock_cache.mkdir(exist_ok=True)
        # The catalogue lies in the cache beside the leap seconds.
        shutil.copytree(os.path.join(sys.prefix, "cache"), self.stock_cache, dirs_exist_ok=True)
        url = f"grpc://127.0.0.1:{serving.free_port()}"
        return serving.Server(
            ["env", f"XDG_CACHE_HOME={self.stock_cache}", sys.executable, "-m", "arrakis_server",
             "-q", "-u", url, "kafka", "--kafka-url", self.address, "--replication-factor", "1",
             *options], url)

    def serve_ours(self, *options: str) -> serving.Server:
        """`carryall serve kafka`. Its catalogue is `our_catalogue`."""
        return serving.Server(
            [str(serving.BINARY), "serve", "-q", "-u", "grpc://127.0.0.1:0", "kafka",
             "--kafka-url", self.address, "--replication-factor", "1", "--catalogue",
             str(self.our_catalogue), *options])

    @property
    def stock_cache(self) -> pathlib.Path:
        return self.directory / "cache"

    @property
    def our_catalogue(self) -> pathlib.Path:
        return self.directory / "catalogue.db"

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class Site:
    """A broker and a server with one publisher: stock's server, or ours."""

    def __init__(self, publisher_file: str, ours: bool = False, retention_s: int = 60) -> None:
        self.broker = Broker()
        self.brokers = self.broker.address
        try:
            config = self.broker.directory / "publisher.toml"
            config.write_text(publisher_file)
            serve = self.broker.serve_ours if ours else self.broker.serve_stock
            self.server = serve("--publisher-config", str(config), "--retention-time",
                                str(retention_s))
        except BaseException:
            self.broker.stop()
            raise

    def stop(self) -> None:
        self.server.stop()
        self.broker.stop()
