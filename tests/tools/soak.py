"""soak.py SECONDS: live streams for long; see scripts/soak."""

import asyncio
import gc
import os
import pathlib
import sys
import tempfile
import threading
import time

import carryall
from carryall import testing

CHANNELS = """
[common]
sample_rate = 16384
data_type = "float32"
stride = 62_500_000
max_latency = 1_000_000_000
publisher = "SOAK"
""" + "".join(f'["X1:SOAK-C{i:03d}"]\n' for i in range(40))
NAMES = [f"X1:SOAK-C{i:03d}" for i in range(40)]
# What may be found at the end beyond what was there once everything had run for a while.
MOST_MB, MOST_THREADS, MOST_FILES = 24, 4, 6


def usage(pid: int) -> tuple[float, int, int]:
    """Resident MB, threads and open files of a process."""
    status = dict(line.split(":", 1) for line in
                  pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return (int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"]),
            len(os.listdir(f"/proc/{pid}/fd")))


class Reader:
    """Live streams that must have no hole; each is opened anew every 50 blocks."""

    def __init__(self, client: carryall.Client, end: float) -> None:
        self.client, self.end = client, end
        self.blocks = 0
        self.problems: list[str] = []

    def take(self, block: carryall.SeriesBlock, before: int | None) -> int:
        if before is not None and block.time_ns != before:
            self.problems.append(f"from {before} to {block.time_ns}")
        if block.has_gaps:
            self.problems.append(f"a gap at {block.time_ns}")
        self.blocks += 1
        return block.end_ns

    def threads(self) -> None:
        while time.monotonic() < self.end:
            before = None
            with self.client.stream(NAMES) as stream:
                for _, block in zip(range(50), stream):
                    before = self.take(block, before)
                    float(block[NAMES[0]].data[-1])
                    block.to_arrow()

    async def loop(self) -> None:
        while time.monotonic() < self.end:
            before, taken = None, 0
            async for block in self.client.stream(NAMES[:10], stride=0.125):
                before = self.take(block, before)
                taken += 1
                if taken == 50:
                    break

    def fetches(self) -> None:
        while time.monotonic() < self.end:
            block = self.client.fetch(NAMES, 1_000_000_000, duration=1)
            self.take(block, None)
            time.sleep(0.5)  # the pace, nothing that is waited for


def main() -> int:
    seconds = float(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "channels.toml"
        path.write_text(CHANNELS)
        with testing.mock(path) as server:
            # setpriv, if it is there, has become the server.
            return soak(server, seconds)


def soak(server: testing.Server, seconds: float) -> int:
    began = time.monotonic()
    readers = [Reader(server.client(), began + seconds) for _ in range(3)]
    threads = [threading.Thread(target=readers[0].threads),
               threading.Thread(target=lambda: asyncio.run(readers[1].loop())),
               threading.Thread(target=readers[2].fetches)]
    for thread in threads:
        thread.start()
    samples: list[tuple[tuple[float, int, int], tuple[float, int, int]]] = []
    pause = max(1.0, seconds / 60)
    while any(thread.is_alive() for thread in threads):
        threads[0].join(pause)
        gc.collect()
        samples.append((usage(os.getpid()), usage(server.process.pid)))
        print(f"{time.monotonic() - began:7.1f} s  "
              f"{sum(r.blocks for r in readers):7d} blocks  " + "  ".join(
                  f"{who} {mb:.1f} MB, {count} threads, {files} files"
                  for who, (mb, count, files) in zip(("client", "server"), samples[-1])),
              flush=True)
    problems = [problem for reader in readers for problem in reader.problems]
    problems += [f"reader {i} got nothing" for i, r in enumerate(readers) if r.blocks == 0]
    # The first third is warming up; then the lower half of what follows is compared with the
    # upper half of the end, so that a moment's peak is not taken for growth.
    running = [s for s in samples[len(samples) // 3:-2]]
    half = len(running) // 2
    for which, who in enumerate(("client", "server")):
        for what, most, name in ((0, MOST_MB, "MB"), (1, MOST_THREADS, "threads"),
                                 (2, MOST_FILES, "files")):
            early = sorted(s[which][what] for s in running[:half])
            late = sorted(s[which][what] for s in running[half:])
            if not early or late[len(late) // 2] - early[len(early) // 2] > most:
                problems.append(f"{who}: {name} grew: {early} then {late}")
    for problem in problems[:20]:
        print(f"soak: {problem}", file=sys.stderr)
    print(f"soak: {sum(r.blocks for r in readers)} blocks in {seconds:.0f} s: "
          f"{'failed' if problems else 'flat'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
