"""One of the four clients, as a process: waits for the start signal, runs, reports."""

import hashlib
import importlib
import json
import os
import subprocess
import sys
import time

import numpy as np

from harness import inputs
from tasks.four_clients import cases


class Four:
    """The server and the four client processes of one contender. The cases are two figures of
    the same runs."""

    runs: list[dict[str, float]] = []  # of this process, which has one contender
    answers: list | None = None

    def __init__(self, contender: str, case: dict, server) -> None:
        self.case = case["case"]
        self.server = server
        self.contender = contender
        self.round = 0

    def _run(self) -> list:
        """What the clients answer. Notes the figures."""
        clients = [subprocess.Popen(
            [sys.executable, "-m", "tasks.four_clients.timed", self.contender, str(i),
             self.server.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for i in range(4)]
        for client in clients:
            if client.stdout.readline() != "ready\n":
                raise RuntimeError("a client did not start")
        cpu = self.server.cpu()
        began = time.perf_counter()
        for client in clients:
            client.stdin.write("go\n")
            client.stdin.flush()
        reports = [json.loads(client.stdout.readline()) for client in clients]
        wall = time.perf_counter() - began
        cpu = self.server.cpu() - cpu + sum(report["cpu"] for report in reports)
        for client in clients:
            client.stdin.close()
            client.wait(timeout=20)
        Four.runs.append({"wall": wall, "cpu": cpu})
        return [report["answer"] for report in reports]

    def answer(self) -> list:
        if Four.answers is None:
            Four.answers = self._run()
        return Four.answers

    def measure(self) -> float:
        if len(Four.runs) == self.round:
            self._run()
        self.round += 1
        return Four.runs[self.round - 1][self.case]

    def release(self) -> None:
        self.server.stop()


def client(contender: str, which: int, url: str) -> None:
    package = importlib.import_module("arrakis" if contender == "stock" else "carryall")
    connection = (package.Client(url, token=False) if contender == "stock"
                  else package.Client(url))
    connection.server_info()
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    channels = cases.names(which)
    out.write("ready\n")
    sys.stdin.readline()
    began = time.process_time()
    ramp = hashlib.sha256()
    samples = blocks = 0
    if which < 2:
        found = [connection.fetch(channels, start=cases.START,
                                  end=cases.START + cases.SECONDS)]
    else:
        found = connection.stream(channels, start=cases.START,
                                  end=cases.START + cases.SECONDS)
    for block in found:
        blocks += 1
        for name, array in block.data.items():
            inputs.first_last(array, 0)
            inputs.first_last(array, -1)
            samples += len(array)
        ramp.update(np.ascontiguousarray(block[channels[0]].data).tobytes())
    report = {"cpu": time.process_time() - began,
              "answer": [blocks, samples, ramp.hexdigest()]}
    out.write(json.dumps(report) + "\n")
    sys.stdin.readline()


if __name__ == "__main__":
    client(sys.argv[1], int(sys.argv[2]), sys.argv[3])
