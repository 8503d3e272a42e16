"""Messages in a topic that none of ours are: what each would have brought is a gap, whoever reads
other topics notices nothing, and the log has one line about it."""

import struct
import threading
import time

import numpy as np
import pyarrow as pa
import pytest

from harness import clients, wire
from harness.sites import STRIDE
from harness.topics import Topics
from harness.waiting import until

pytestmark = pytest.mark.timeout(300)

A, B = "H1:BAD-A", "L1:GOOD-B"
CHANNELS = [(A, "float32", 256), (B, "float64", 64)]
COUNT = {A: 16, B: 4}
HUGE = 100_000_000
# Blocks come in time whatever the machine does besides.
LATENCY = 20 * 10**9


def samples(name, time_ns):
    first = time_ns // STRIDE % 1000 * COUNT[name]
    return np.arange(first, first + COUNT[name]).astype("float32" if name == A else "float64")


def message(columns):
    """A message as it is published: an Arrow stream of one batch."""
    batch = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def of_a(time_ns, values=None, index=0):
    """A good message of channel A."""
    values = samples(A, time_ns) if values is None else values
    return message({"time": pa.array([time_ns], pa.int64()), "id": pa.array([index], pa.uint32()),
                    "data": pa.array([values], pa.list_(pa.from_numpy_dtype(values.dtype)))})


def patched(data, old, new):
    """The last place where `old` lies is overwritten."""
    at = data.rindex(old)
    return data[:at] + new + data[at + len(new):]


OFFSETS = struct.pack("<2i", 0, 16)
LENGTH = struct.pack("<q", 64)  # of the samples, in the metadata of the batch

HOSTILE = {
    "empty": lambda time: b"",
    "no Arrow": lambda time: bytes(range(256)) * 40,
    "half": lambda time: of_a(time)[:len(of_a(time)) // 2],
    "no samples any more": lambda time: of_a(time)[:-80],
    "other columns": lambda time: message({"when": pa.array([time]), "x": pa.array([1.5])}),
    "another type": lambda time: of_a(time, samples(A, time).astype("float64")),
    "too many samples": lambda time: of_a(time, np.zeros(17, "float32")),
    "offset beyond the samples": lambda time: patched(
        of_a(time), OFFSETS, struct.pack("<2i", 0, 2**31 - 1)),
    "offset below": lambda time: patched(of_a(time), OFFSETS, struct.pack("<2i", -16, 0)),
    "offsets backwards": lambda time: patched(of_a(time), OFFSETS, struct.pack("<2i", 16, 0)),
    "length of a buffer": lambda time: patched(of_a(time), LENGTH, struct.pack("<q", 2**40)),
    "negative length": lambda time: patched(of_a(time), LENGTH, struct.pack("<q", -64)),
    "length of the schema": lambda time: struct.pack("<II", 0xffffffff, 0x7fffffff) + of_a(time)[8:],
    "a year ahead": lambda time: of_a(time + 365 * 86400 * 10**9 // STRIDE * STRIDE),
    "between the strides": lambda time: of_a(time + STRIDE // 2),
    "before everything": lambda time: of_a(-2**63),
    "after everything": lambda time: of_a(2**63 - 1),
    "100 MB": lambda time: bytes(HUGE),
    "100 MB, packed": lambda time: bytes(HUGE),
}


class Reading(threading.Thread):
    """A live stream, followed to `until`: [(time, {name: samples or None})]."""

    def __init__(self, server, names):
        super().__init__(daemon=True)
        self.blocks, self.error, self.until = [], None, None
        self._stream = wire.reader(server, wire.stream(names, None, None),
                                   wire.headers(x_request_id=names[-1]))
        self.start()

    def run(self):
        try:
            for chunk in self._stream:
                row, = chunk.data.to_pylist()
                self.blocks.append((row.pop("time"), row))
                if self.until is not None and self.blocks[-1][0] >= self.until:
                    self._stream.cancel()
                    return
        except Exception as error:
            self.error = error


def test_hostile_messages_are_gaps_and_harm_nobody_else(site, publisher_id):
    clients  # it puts our package on the path
    import carryall
    begun = time.monotonic()
    site.publisher(publisher_id, CHANNELS, max_latency=LATENCY)
    with site.start("ours") as server:
        publisher = carryall.Publisher(publisher_id, server.url, partial=True).register()
        channels = publisher.channels
        topic, = {f"arrakis-{c.partition_id}" for c in channels.values() if c.name == A}
        topics = Topics(site.brokers)
        topics.configure(topic, **{"max.message.bytes": HUGE + 4096, "segment.bytes": 2 * HUGE})
        both, other = Reading(server, [A, B]), Reading(server, [B])

        def publish(time_ns, names):
            publisher.publish(carryall.SeriesBlock(
                time_ns, {name: samples(name, time_ns) for name in names},
                {name: channels[name] for name in names}), timeout=60)

        with publisher:
            # Some way ahead of now, where nothing is late; from the block on that a reader
            # sees first it misses none.
            begin = (wire.gps_now() // STRIDE + 16) * STRIDE

            def both_have_begun():
                nonlocal begin
                publish(begin, [A, B])
                begin += STRIDE
                return both.blocks and other.blocks
            until(both_have_begun)
            bad = {begin + (3 * n + 1) * STRIDE: what for n, what in enumerate(HOSTILE)}
            end = max(bad) + 3 * STRIDE
            both.until = other.until = end - STRIDE
            for time_ns in range(begin, end, STRIDE):
                publish(time_ns, [B] if time_ns in bad else [A, B])
                if time_ns in bad:
                    what = bad[time_ns]
                    topics.write(topic, HOSTILE[what](time_ns), largest=HUGE + 4096,
                                 compression="gzip" if "packed" in what else "none")
        for reading in (both, other):
            reading.join(120)
            assert reading.error is None and not reading.is_alive(), (reading.error,
                                                                      server.program.describe())
        assert server.program.running
        warned = [line for line in server.program.err if topic in line and "WARNING" in line]
        # Another line at most every 30 s.
        assert 1 <= len(warned) <= 1 + (time.monotonic() - begun) / 30, warned
        assert "at offset" in warned[0], warned

    for reading, names in ((both, [A, B]), (other, [B])):
        times = [time_ns for time_ns, _ in reading.blocks]
        assert times == list(range(times[0], end, STRIDE)) and times[0] <= begin
        for time_ns, block in reading.blocks:
            if time_ns < begin:
                continue
            for name in names:
                gap = name == A and time_ns in bad
                wanted = [None] * COUNT[name] if gap else samples(name, time_ns).tolist()
                assert block[name] == wanted, (name, bad.get(time_ns), time_ns - begin)
