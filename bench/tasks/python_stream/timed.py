"""The timed stream: contenders differ in the client, and in the server of case `stream`."""

import hashlib
import time

import numpy as np

from harness import inputs, serving
from tasks.python_stream import cases


class Stream:
    def __init__(self, case: dict, connect, serve) -> None:
        path = serving.write_channel_file("python-stream", cases.channel_file())
        self.server = (serving.our_mock if case["case"] == "client" else serve)(path)
        self.client = connect(self.server.url)
        self.names = cases.names()

    def _blocks(self):
        return self.client.stream(self.names, start=cases.START,
                                  end=cases.START + cases.SECONDS)

    def answer(self) -> list:
        digest, blocks = hashlib.sha256(), 0
        for block in self._blocks():
            blocks += 1
            for name in self.names:
                digest.update(np.ascontiguousarray(block[name].data).tobytes())
        return [blocks, digest.hexdigest()]

    def measure(self) -> float:
        began = time.perf_counter()
        for block in self._blocks():
            inputs.touch(block.data.values())
        return time.perf_counter() - began

    def release(self) -> None:
        self.server.stop()
