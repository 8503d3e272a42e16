"""What the contenders of the catalogue task share: they differ in the server."""

import json
import subprocess
import time

from harness import serving
from harness.brokers import Broker
from tasks.catalogue import cases

PROGRAM = serving.BINARY.parent / "bench" / "bench_catalogue"


class Asked:
    """A broker, a server with so many channels, and questions to it."""

    def __init__(self, total: int, fill, serve) -> None:
        self.total, self.serve = total, serve
        self.broker = Broker()
        self.server = None
        try:
            fill(self.broker, total)
            self.server = serve(self.broker)
            self.names = self.broker.directory / "names"
            self.names.write_text("\n".join(cases.described(total)) + "\n")
        except BaseException:
            self.stop()
            raise

    def prepare(self, kind: str, pattern: str | None) -> str:
        self.kind, self.pattern = kind, pattern
        if kind == "start":
            return ""
        # Of a find only the first row is timed; the answer is all that a part of it gives.
        if kind == "first":
            return self.ask("find", "H1:S0[01].*" + pattern.removeprefix(".*"))["answer"]
        return self.ask(kind, pattern)["answer"]

    def ask(self, kind: str, pattern: str | None) -> dict:
        what = str(self.names) if pattern is None else pattern
        done = subprocess.run([str(PROGRAM), kind, self.server.url, what],
                              capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def measure(self) -> float:
        if self.kind != "start":
            return self.ask(self.kind, self.pattern)["ms"]
        self.server.stop()
        began = time.perf_counter()
        self.server = self.serve(self.broker)
        return (time.perf_counter() - began) * 1000

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
        self.broker.stop()


class Contender:
    """Keeps its server from case to case, as long as they are of as many channels."""

    def __init__(self, fill, serve) -> None:
        self.fill, self.serve = fill, serve
        self.asked: Asked | None = None

    def prepare(self, case: dict) -> str:
        total, kind, pattern = cases.parse(case["case"])
        if self.asked is None or self.asked.total != total:
            self.stop()
            self.asked = Asked(total, self.fill, self.serve)
        return self.asked.prepare(kind, pattern)

    def measure(self) -> float:
        return self.asked.measure()

    def stop(self) -> None:
        if self.asked is not None:
            self.asked.stop()
        self.asked = None
