"""Samples through our server from brokers: written by the stock publisher or ours, read by the
stock client or ours, equal to the bit; live, past, and from the past into live."""

import concurrent.futures
import itertools
import sys
import threading
import time
from datetime import timedelta

import numpy as np
import pytest

from harness import clients, wire
from harness.sites import STRIDE, Site, settled

pytestmark = pytest.mark.timeout(300)

CHANNELS = [("H1:RLY-FAST", "float32", 16384), ("H1:RLY-SLOW", "float64", 16),
            ("L1:RLY-INT", "int32", 256), ("L1:RLY-BYTE", "int8", 64)]
SECOND = 10**9


def package(kind):
    if kind == "stock":
        import arrakis
        return arrakis
    return clients.OursInPython()._package


class Writer:
    """A publisher of either kind, whose blocks are a function of their time."""

    def __init__(self, kind, url, publisher_id):
        self.package = package(kind)
        more = {"token": False} if kind == "stock" else {}
        self.publisher = self.package.Publisher(publisher_id, url=url, **more)
        self.publisher.register()
        self.publisher.__enter__()

    def block(self, time_ns):
        return self.package.SeriesBlock(
            time_ns, {c.name: samples(c.name, time_ns) for c in self.publisher.channels.values()},
            dict(self.publisher.channels))

    def write(self, time_ns):
        self.publisher.publish(self.block(time_ns), timeout=timedelta(seconds=60))

    def write_until(self, stop, first):
        """A block each stride, when its time has come, until `stop` is there."""
        for time_ns in itertools.count(first, STRIDE):
            if stop.is_set():
                return time_ns
            wait = (time_ns + STRIDE - wire.gps_now()) / SECOND
            if wait > 0:
                time.sleep(wait)  # the pace of a detector, not a condition waited for
            self.write(time_ns)

    def close(self):
        self.publisher.__exit__(None, None, None)


def samples(name, time_ns):
    data_type, rate = next((t, r) for n, t, r in CHANNELS if n == name)
    rng = np.random.default_rng([time_ns // STRIDE, len(name), rate])
    values = rng.integers(-100, 100, rate * STRIDE // SECOND).astype(data_type)
    if rng.random() < 0.3:
        return np.ma.MaskedArray(values, rng.random(len(values)) < 0.5)
    return values


def check(block, names):
    for name in names:
        wanted, got = samples(name, block.time_ns), block[name].data
        assert got.dtype == wanted.dtype and len(got) == len(wanted), name
        mask = np.ma.getmaskarray(wanted)
        assert np.array_equal(np.ma.getmaskarray(got), mask), (name, block.time_ns)
        assert np.asarray(got)[~mask].tobytes() == np.asarray(wanted)[~mask].tobytes(), name


@pytest.fixture(scope="module")
def server(broker, tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("relay"), broker.address)
    for writer, reader in itertools.product(("stock", "ours"), repeat=2):
        for test in ("PAST", "LIVE"):
            prefix = f"{test}{writer}{reader}"
            # A busy machine may be late, but loses nothing.
            site.publisher(prefix, [(n.replace("RLY", prefix), t, r) for n, t, r in CHANNELS],
                           max_latency=60 * SECOND)
    with site.start("ours") as server:
        yield server


@pytest.fixture
def pairing(server, request, writer, reader, monkeypatch):
    prefix = f"{request.node.originalname.split('_')[1].upper()}{writer}{reader}"
    channels = [(n.replace("RLY", prefix), t, r) for n, t, r in CHANNELS]
    monkeypatch.setattr(sys.modules[__name__], "CHANNELS", channels)
    made = Writer(writer, server.url, prefix)
    yield made, package(reader).Client(server.url), [n for n, _, _ in channels]
    made.close()


PAIRINGS = [pytest.param(w, r, id=f"{w}-to-{r}")
            for w, r in itertools.product(("stock", "ours"), repeat=2)]


@pytest.mark.parametrize("writer, reader", PAIRINGS)
def test_past_samples_come_to_the_bit(pairing):
    writer, client, names = pairing
    begin = wire.gps_now() // STRIDE * STRIDE - 8 * STRIDE
    for n in range(8):
        writer.write(begin + n * STRIDE)
    blocks = list(client.stream(names, begin / SECOND, (begin + 8 * STRIDE) / SECOND))
    assert [b.time_ns for b in blocks] == [begin + n * STRIDE for n in range(8)]
    for block in blocks:
        check(block, names)
    # A channel of several, and a span with nothing in it.
    some = list(client.stream(names[1:2], begin / SECOND, (begin + STRIDE) / SECOND))
    check(some[0], names[1:2])
    before = client.fetch(names, begin / SECOND - 20, begin / SECOND - 19)
    assert all(np.ma.getmaskarray(before[n].data).all() for n in names)


@pytest.mark.parametrize("writer, reader", PAIRINGS)
def test_live_samples_come_to_the_bit_and_join_the_past(pairing):
    writer, client, names = pairing
    stop = threading.Event()
    begin = wire.gps_now() // STRIDE * STRIDE
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        writing = pool.submit(writer.write_until, stop, begin)
        try:
            live = list(itertools.islice(client.stream(names), 24))
            joined = list(itertools.islice(client.stream(names, begin / SECOND), 48))
        finally:
            stop.set()
        writing.result(60)
    times = [b.time_ns for b in joined]
    assert times == [begin + n * STRIDE for n in range(48)]
    for block in joined:
        check(block, names)
    times = [b.time_ns for b in live]
    assert times == [times[0] + n * STRIDE for n in range(24)]
    settled(live, lambda block: check(block, names))
