"""Our relay (ours.cc), in a process of its own."""

import json
import subprocess

from harness import serving
from harness.brokers import Broker
from tasks.relay import cases

PROGRAM = serving.BINARY.parent / "bench" / "bench_relay"


def run(*arguments) -> dict:
    done = subprocess.run([str(PROGRAM), *map(str, arguments)], capture_output=True, text=True,
                          timeout=300)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout or "null")


class InMemory:
    def __init__(self, case: str) -> None:
        self.case = case

    def answer(self) -> str:
        return run("answer", self.case)["answer"]

    def measure(self) -> float:
        return run("measure", self.case)["us"]

    def stop(self) -> None:
        pass


class OverBroker:
    """The messages come from another process, as time goes by."""

    def __init__(self, case: str) -> None:
        self.case = case
        self.broker = Broker()
        try:
            run("topics", case, self.broker.address)
        except BaseException:
            self.stop()
            raise

    def run(self, strides: int) -> dict:
        # More than are measured: until all topics are being read, and after the last one.
        producer = subprocess.Popen([str(PROGRAM), "produce", self.case, self.broker.address,
                                     str(strides + cases.BROKER_WARM)])
        try:
            return run("broker", self.case, self.broker.address, strides)
        finally:
            producer.kill()
            producer.wait()

    def answer(self) -> str:
        answer, expected = self.run(0)["answer"], run("answer", self.case)["answer"]
        assert answer == expected, f"{answer} through the broker, {expected} without"
        return answer

    def measure(self) -> float:
        return self.run(cases.BROKER_STRIDES)["us"]

    def stop(self) -> None:
        self.broker.stop()


def prepare(asked: dict) -> str:
    global timed
    case = asked["case"].removesuffix("/broker")
    timed = (InMemory if case == asked["case"] else OverBroker)(case)
    return timed.answer()


def measure() -> float:
    return timed.measure()


def release() -> None:
    timed.stop()
