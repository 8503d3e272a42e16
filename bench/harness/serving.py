"""Starts servers for benchmarks on loopback and knows how much processor time they took."""

import os
import pathlib
import selectors
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "build" / "release" / "carryall"
WORK = ROOT / "build" / "bench" / "work"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Server:
    """A server process; `url` answers once the constructor returns."""

    def __init__(self, command: list[str], url: str | None = None) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.url = url or self._announced()
        if url:
            self._wait()

    def _announced(self) -> str:
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout=30):
                raise TimeoutError("the server did not announce itself in 30 s")
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"unexpected first line of the server: {line!r}")
        return line.removeprefix("listening on ").strip()

    def _wait(self) -> None:
        from pyarrow import flight
        end = time.monotonic() + 60
        while True:
            try:
                with flight.connect(self.url) as client:
                    list(client.do_action(flight.Action("server-info", b"")))
                return
            except flight.FlightError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.05)  # polling for a port, not waiting to be right

    def cpu(self) -> float:
        return cpu_seconds(self.process.pid)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stock_mock(channel_file: pathlib.Path) -> Server:
    url = f"grpc://127.0.0.1:{free_port()}"
    return Server([sys.executable, "-m", "arrakis_server", "-q", "-u", url, "mock",
                   str(channel_file)], url)


def our_mock(channel_file: pathlib.Path) -> Server:
    return Server([str(BINARY), "serve", "-q", "-u", "grpc://127.0.0.1:0", "mock",
                   str(channel_file)])


def our_archive(folder: pathlib.Path) -> Server:
    return Server([str(BINARY), "serve", "-q", "-u", "grpc://127.0.0.1:0", "archive",
                   str(folder)])


def archive_of(channel_file: pathlib.Path, name: str, channels: list[str], start: int,
               seconds: int) -> pathlib.Path:
    """An archive holding what our mock gives for the span; made once, then kept."""
    folder = WORK / f"{name}.archive"
    done = WORK / f"{name}.done"
    if done.exists():
        return folder
    import shutil
    shutil.rmtree(folder, ignore_errors=True)
    server = our_mock(channel_file)
    arrow = WORK / f"{name}.arrow"
    try:
        subprocess.run([str(BINARY), "fetch", "-q", "-u", server.url, "--start", str(start),
                        "--duration", str(seconds), "-o", str(arrow), "-"],
                       input="\n".join(channels), text=True, check=True)
        subprocess.run([str(BINARY), "import", "-q", str(arrow), "--archive", str(folder)],
                       check=True, stdout=subprocess.DEVNULL)
    finally:
        server.stop()
    arrow.unlink()
    done.touch()
    return folder


def write_channel_file(name: str, text: str) -> pathlib.Path:
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"{name}.toml"
    path.write_text(text)
    return path
