"""Raw Flight: the same bytes, ready in memory, in batches of about 1 MiB of one column,
read and thrown away by a plain reader in another process."""

import ctypes
import multiprocessing

import numpy as np
import pyarrow as pa
from pyarrow import flight

from tasks.fetch import cases
from tasks.fetch.timed import median_seconds

BATCH_BYTES = 1 << 20


def keep_pages():
    """glibc keeps what is freed, as our client has it (mallopt(3): M_TRIM_THRESHOLD,
    M_MMAP_THRESHOLD): without it every message faults its pages in again."""
    libc = ctypes.CDLL(None)
    libc.mallopt(-3, 32 << 20)
    libc.mallopt(-1, 64 << 20)


class Source(flight.FlightServerBase):
    """Serves one prepared stream."""

    def __init__(self, samples: int) -> None:
        super().__init__("grpc://127.0.0.1:0")
        noise = np.random.default_rng(0).standard_normal(samples, dtype=np.float32)
        whole = pa.record_batch([pa.array(noise)], names=["data"])
        self.table = pa.Table.from_batches(
            [whole.slice(begin, BATCH_BYTES // 4)
             for begin in range(0, samples, BATCH_BYTES // 4)])

    def do_get(self, context, ticket):
        return flight.RecordBatchStream(self.table)


def run(samples, pipe):
    keep_pages()
    server = Source(samples)
    pipe.send(server.port)
    pipe.recv()
    server.shutdown()


def prepare(case):
    global process, pipe, client, samples
    keep_pages()
    _, count, rate, seconds, _ = cases.parse(case["case"])
    samples = count * rate * seconds
    pipe, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run, args=(samples, theirs))
    process.start()
    client = flight.connect(f"grpc://127.0.0.1:{pipe.recv()}")
    return None


def measure():
    return samples / median_seconds(read) / 1e6


def read():
    reader = client.do_get(flight.Ticket(b""))
    rows = 0
    try:
        while True:
            rows += reader.read_chunk().data.num_rows
    except StopIteration:
        pass
    assert rows == samples, rows


def release():
    client.close()
    pipe.send("end")
    process.join(10)
