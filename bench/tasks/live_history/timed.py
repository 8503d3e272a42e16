"""What the contenders of live_history share: they differ in server and client."""

import hashlib
import subprocess
import time

import numpy as np

from harness import inputs, serving
from harness.brokers import Site
from tasks.live_history import cases
from tasks.publish import cases as publish

BEFORE_S, AFTER_S = 20, 2  # how long ago the span begins; how much is there after it


class History:
    """A site whose publisher has published, and a client that fetches it."""

    def __init__(self, connect, ours: bool) -> None:
        self.site = Site(publish.publisher_file(), ours=ours, retention_s=3600)
        try:
            gps = int(time.time()) - 315_964_800 + 18
            self.start = gps - BEFORE_S
            # One block more than it is told to: the first is not timed.
            blocks = (cases.SECONDS + AFTER_S) * 10**9 // publish.STRIDE
            subprocess.run([str(serving.BINARY.parent / "bench" / "bench_publish"),
                            self.site.server.url, "BENCH", str(self.start * 10**9), str(blocks),
                            "ahead"], check=True, stdout=subprocess.DEVNULL, timeout=60)
            self.client = connect(self.site.server.url)
            self.channels = sorted(c.name for c in self.client.find("X1:BEN-.*"))
        except BaseException:
            self.site.stop()
            raise

    def fetch(self):
        block = self.client.fetch(self.channels, start=self.start,
                                  end=self.start + cases.SECONDS)
        arrays = {name: np.asarray(series.data) for name, series in block.items()}
        inputs.touch(arrays.values())
        return block, arrays

    def answer(self) -> dict:
        block, arrays = self.fetch()
        total = hashlib.sha256()
        for name in self.channels:
            assert not np.ma.getmaskarray(block[name].data).any(), f"{name} has gaps"
            total.update(np.ascontiguousarray(arrays[name]).tobytes())
        return {"late": int(block.time_ns) - self.start * 10**9,
                "shapes": sorted(f"{n} {a.dtype} {a.shape}" for n, a in arrays.items()),
                "samples": total.hexdigest()}

    def measure(self) -> float:
        began = time.perf_counter()
        self.fetch()
        return time.perf_counter() - began

    def release(self) -> None:
        self.site.stop()
