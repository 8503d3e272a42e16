"""Live over Kafka: a publisher sends the strain of the file over and over as if it were
measured now, and two subscribers of the server that reads the brokers receive it. Every sample
is compared with the file; how old blocks were on arrival, counted from their ends, is printed."""

import itertools
import multiprocessing
import sys
import time

import h5py
import numpy as np

import carryall

PUBLISHER = "DEMO"
STRAIN = ["H1:LDAS-STRAIN", "L1:LDAS-STRAIN", "V1:h_16384Hz"]
STRIDE = 62_500_000
SECOND = 1_000_000_000
# GPS time has no leap seconds: 18 behind since its epoch, in UTC as the system's clock is.
GPS_EPOCH, LEAP_SECONDS = 315_964_800, 18


def now_ns() -> int:
    return time.time_ns() - (GPS_EPOCH - LEAP_SECONDS) * SECOND


def read_strain(path: str) -> dict[str, np.ndarray]:
    """One second of each channel."""
    with h5py.File(path) as file:
        return {name: file[name][()] for name in STRAIN}


def part(second: np.ndarray, time_ns: int) -> np.ndarray:
    """What is published at a time: the same part of every second."""
    length = len(second) * STRIDE // SECOND
    first = time_ns % SECOND // STRIDE * length
    return second[first:first + length]


def publish(url: str, path: str, begun, stop) -> None:
    strain = read_strain(path)
    with carryall.Publisher(PUBLISHER, url).register() as publisher:
        for time_ns in itertools.count(now_ns() // STRIDE * STRIDE, STRIDE):
            wait = (time_ns + STRIDE - now_ns()) / SECOND
            if wait > 0:
                time.sleep(wait)  # a block is there when its last sample is
            publisher.publish(carryall.SeriesBlock(
                time_ns, {name: part(strain[name], time_ns) for name in STRAIN},
                publisher.channels))
            begun.set()
            if stop.is_set():
                return


def subscribe(which: int, names: list[str], url: str, path: str, seconds: int, results) -> None:
    strain = read_strain(path)
    ages, begin, until = [], None, None
    for block in carryall.Client(url).stream(names, duration=seconds):
        ages.append((now_ns() - block.time_ns) / 1e6 - STRIDE / 1e6)
        begin = begin or block.time_ns
        if until not in (None, block.time_ns):
            raise SystemExit(f"subscriber {which}: a block is missing at {until}")
        until = block.time_ns + STRIDE
        for name in names:
            got, wanted = block[name].data, part(strain[name], block.time_ns)
            if np.ma.is_masked(got):
                raise SystemExit(f"subscriber {which}: {name} is missing at {block.time_ns}")
            if got.tobytes() != wanted.tobytes():
                raise SystemExit(f"subscriber {which}: {name} differs at {block.time_ns}")
    if until - begin != seconds * SECOND:
        raise SystemExit(f"subscriber {which}: the stream ended early, at {until}")
    results.put((which, len(names), len(ages), *np.percentile(ages, [50, 99])))


def main() -> None:
    url, path, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    context = multiprocessing.get_context("spawn")
    results, begun, stop = context.Queue(), context.Event(), context.Event()
    publisher = context.Process(target=publish, args=(url, path, begun, stop))
    readers = [context.Process(target=subscribe, args=(i, names, url, path, seconds, results))
               for i, names in enumerate((STRAIN, STRAIN[:1]))]
    publisher.start()
    begun.wait(60)
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(seconds + 60)
    stop.set()
    publisher.join(60)
    if any(process.exitcode != 0 for process in (publisher, *readers)):
        for process in (publisher, *readers):
            process.kill()
        raise SystemExit("a subscriber or the publisher failed")
    print(f"{'subscriber':>10}  {'channels':>8}  {'blocks':>6}  {'p50 ms':>6}  {'p99 ms':>6}")
    for which, channels, blocks, p50, p99 in sorted(results.get() for _ in readers):
        print(f"{which:10}  {channels:8}  {blocks:6}  {p50:6.1f}  {p99:6.1f}")
    print("every sample equal to the file, bit by bit; no block missing")


if __name__ == "__main__":
    main()
