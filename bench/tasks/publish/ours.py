"""Our publisher, from Python or (ours.cc) from C++."""

import json
import subprocess
import time

import carryall

from harness import serving
from tasks.publish import cases
from tasks.publish.timed import Publishing, end  # noqa: F401: the harness calls it

BLOCKS = 100


class Ahead(Publishing):
    def measure(self) -> float:
        confirmed = self.publisher.confirmed
        began = time.perf_counter()
        self.publish(self.blocks, self.publisher.send)
        self.publisher.flush()
        seconds = time.perf_counter() - began
        assert self.publisher.confirmed == confirmed + self.blocks
        return self.blocks / seconds


class FromCpp(Publishing):
    """The first block comes from Python, so that there is an answer; the timed ones do not."""

    def __init__(self, ahead: bool) -> None:
        super().__init__(carryall, BLOCKS)
        self.publisher.close()
        self.ahead = ["ahead"] if ahead else []

    def measure(self) -> float:
        program = serving.BINARY.parent / "bench" / "bench_publish"
        done = subprocess.run(
            [str(program), self.site.server.url, "BENCH", str(self.next), str(self.blocks),
             *self.ahead],
            capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        Publishing.next += (1 + self.blocks) * cases.STRIDE
        return json.loads(done.stdout)["blocks_per_second"]


def prepare(case):
    global timed
    _, language, *ahead = case["case"].split("/")
    if language == "c++":
        timed = FromCpp(bool(ahead))
    else:
        timed = (Ahead if ahead else Publishing)(carryall, BLOCKS)
    return timed.answer()


def measure():
    return timed.measure()


def release():
    timed.release()
