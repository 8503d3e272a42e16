"""Four clients at once against one server: two fetch, two stream. Each also fetches the
strain and compares it with the file, bit by bit; then rates and a picture are printed."""

import multiprocessing
import sys
import time

import h5py
import numpy as np

import carryall

STRAIN = ["H1:LDAS-STRAIN", "L1:LDAS-STRAIN", "V1:h_16384Hz"]


def check_strain(client: carryall.Client, path: str, start: int) -> np.ndarray:
    """Fetches the strain; fails unless every byte is the file's."""
    block = client.fetch(STRAIN, start=start, duration=1)
    with h5py.File(path) as file:
        for name in STRAIN:
            wanted, got = file[name][()], block[name].data
            if got.dtype != wanted.dtype or got.tobytes() != wanted.tobytes():
                raise SystemExit(f"{name}: samples differ from {path}")
    return np.array(block[STRAIN[0]].data)


def run(which: int, url: str, path: str, start: int, seconds: int, barrier, results) -> None:
    client = carryall.Client(url)
    channels = [f"X1:DEM-CHANNEL_{i:03d}" for i in range(which * 50, which * 50 + 50)]
    barrier.wait(timeout=60)
    check_strain(client, path, start)
    began = time.perf_counter()
    samples = 0
    if which < 2:
        blocks = [client.fetch(channels, start=start, duration=seconds)]
    else:
        blocks = client.stream(channels, start=start, duration=seconds)
    for block in blocks:
        for array in block.data.values():
            if np.ma.is_masked(array) or not np.isfinite(array[-1]):
                raise SystemExit(f"client {which}: data missing at {block.time_ns}")
            samples += len(array)
    results.put((which, "fetch" if which < 2 else "stream", len(channels), samples,
                 time.perf_counter() - began))


def picture(samples: np.ndarray, width: int = 76, height: int = 9) -> str:
    """The extent of the samples in each column, in braille: four dots a line, two a cell."""
    columns = np.array_split(samples, width * 2)
    low = np.array([part.min() for part in columns])
    high = np.array([part.max() for part in columns])
    bottom, scale = low.min(), np.ptp(samples) or 1.0
    dots = height * 4 - 1
    low = np.round((low - bottom) / scale * dots).astype(int)
    high = np.round((high - bottom) / scale * dots).astype(int)
    bits = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))  # bottom to top
    cells = np.zeros((height, width), dtype=int)
    for x in range(width * 2):
        for y in range(low[x], high[x] + 1):
            cells[height - 1 - y // 4, x // 2] |= bits[x % 2][y % 4]
    return "\n".join("".join(chr(0x2800 + c) for c in line) for line in cells)


def main() -> None:
    url, path, start, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(4), context.Queue()
    clients = [context.Process(target=run, args=(i, url, path, start, seconds, barrier,
                                                 results)) for i in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if any(client.exitcode for client in clients):
        raise SystemExit("a client failed")
    rows = sorted(results.get() for _ in clients)
    print(f"{'client':>6}  {'verb':6}  {'channels':>8}  {'samples':>12}  {'seconds':>7}  "
          f"{'Msamples/s':>10}  {'MB/s':>6}")
    for which, verb, channels, samples, took in rows:
        print(f"{which:6}  {verb:6}  {channels:8}  {samples:12,}  {took:7.2f}  "
              f"{samples / took / 1e6:10.1f}  {samples * 4 / took / 1e6:6.0f}")
    total, slowest = sum(row[3] for row in rows), max(row[4] for row in rows)
    print(f"   all  {total:,} samples in {slowest:.2f} s: {total / slowest / 1e6:.1f} "
          f"Msamples/s, {total * 4 / slowest / 1e6:.0f} MB/s")
    print(f"strain of {', '.join(STRAIN)}: equal to the file, bit by bit, in all four clients")
    strain = check_strain(carryall.Client(url), path, start)
    print(f"\n{STRAIN[0]}, GPS {start} + 1 s, {strain.min():.2e} .. {strain.max():.2e}")
    print(picture(strain))


if __name__ == "__main__":
    main()
