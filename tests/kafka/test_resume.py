"""A server that is killed and started again under subscribers that reconnect: every stride comes
once and in order, and nothing that lies in the topics is missing.

CARRYALL_RESTARTS="10 7" (kills, seed) says how often and when; CI does the full count.
"""

import itertools
import json
import os
import random
import signal
import threading
import time

import pytest

from harness import clients, servers, wire
from harness.processes import Program
from harness.sites import MAX_LATENCY, STRIDE
from harness.waiting import until

pytestmark = pytest.mark.timeout(600)

SECOND = 10**9
CHANNELS = [("H1:RES-A", "int64", 16), ("H1:RES-B", "int64", 64), ("L1:RES-C", "float64", 16)]


def samples(name, rate, time_ns):
    """Nobody else's at no other time."""
    count = rate * STRIDE // SECOND
    return [time_ns // STRIDE * 100 + len(name) + i for i in range(count)]


class Writer(threading.Thread):
    """Publishes a stride each time one is over. `confirmed`: stride -> when it was."""

    def __init__(self, url, publisher_id):
        super().__init__(daemon=True)
        import numpy
        self.numpy, self.package = numpy, clients.OursInPython()._package
        self.publisher = self.package.Publisher(publisher_id, url=url).register()
        self.publisher.enter()
        self.ending, self.confirmed, self.failure = threading.Event(), {}, None

    def run(self):
        try:
            for time_ns in itertools.count(wire.gps_now() // STRIDE * STRIDE, STRIDE):
                wait = (time_ns + STRIDE - wire.gps_now()) / SECOND
                # The pace of a detector.
                if self.ending.wait(max(wait, 0)):
                    return
                data = {c.name: self.numpy.array(samples(c.name, int(c.sample_rate), time_ns),
                                                 c.data_type)
                        for c in self.publisher.channels.values()}
                self.publisher.publish(self.package.SeriesBlock(
                    time_ns, data, dict(self.publisher.channels)), timeout=60)
                self.confirmed[time_ns] = wire.gps_now()
        except BaseException as failure:
            self.failure = failure

    def stop(self):
        self.ending.set()
        self.join(90)
        self.publisher.close()
        assert self.failure is None, self.failure


def test_nothing_is_lost_when_the_server_is_killed(site, publisher_id):
    default = "10 1" if os.environ.get("CI") else "3 1"
    kills, seed = map(int, os.environ.get("CARRYALL_RESTARTS", default).split())
    moments = random.Random(seed)
    site.publisher(publisher_id, CHANNELS)
    server = site.start("ours")
    url = server.url
    writer = Writer(url, publisher_id)
    writer.start()
    names = [name for name, _, _ in CHANNELS]

    def subscribe(*more):
        return Program([servers.carryall(), "-u", url, "stream", *names, "--json",
                        "--reconnect", "60", *more])

    start = (wire.gps_now() // STRIDE + 1) * STRIDE
    subscribers = [subscribe(), subscribe("--start", f"{start / SECOND:.9f}")]
    try:
        for kill in range(kills):
            enough = [len(s.out) + 20 for s in subscribers]
            until(lambda: all(len(s.out) >= n or not s.running
                              for s, n in zip(subscribers, enough)))
            assert all(s.running for s in subscribers), (
                seed, kill, [s.describe() for s in subscribers])
            server.program.signal(signal.SIGKILL if kill % 3 != 2 else signal.SIGTERM)
            server.stop()
            # How long it is away is chance; nothing is waited for here.
            time.sleep(moments.uniform(0, 6))
            server = site.start("ours", url=url)
        enough = [len(s.out) + 40 for s in subscribers]
        until(lambda: all(len(s.out) >= n or not s.running
                          for s, n in zip(subscribers, enough)))
        assert all(s.running for s in subscribers), [s.describe() for s in subscribers]
        for subscriber in subscribers:
            subscriber.signal(signal.SIGINT)
            assert subscriber.wait() == 0, subscriber.describe()
    finally:
        for subscriber in subscribers:
            subscriber.stop()
        writer.stop()
        server.stop()

    for subscriber in subscribers:
        blocks = [json.loads(line) for line in subscriber.out]
        times = [b["time_ns"] for b in blocks]
        assert times == list(range(times[0], times[0] + len(times) * STRIDE, STRIDE)), seed
        missing = []
        for block in blocks:
            for name, _, rate in CHANNELS:
                got = block["data"][name]
                if got == [None] * len(got):
                    missing.append(block["time_ns"])
                else:
                    assert got == samples(name, rate, block["time_ns"]), (name, block)
        # What was there in time. (The machine may be too busy to publish in time.)
        lost = [t for t in missing if t in writer.confirmed
                and writer.confirmed[t] < t + STRIDE + MAX_LATENCY // 4]
        print(f"{len(blocks)} strides, {len(missing)} missing, {len(lost)} of them lost")
        assert not lost, (seed, [(t - times[0]) // STRIDE for t in lost], subscriber.err[-20:])
        assert sum("goes on after" in line for line in subscriber.err) >= kills, subscriber.err
