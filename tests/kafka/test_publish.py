"""Our publisher in front of a real broker: what it publishes, stock's client reads to the bit,
through its server and straight from the topics."""

import subprocess
import sys
from datetime import timedelta

import gpstime
import numpy as np
import pytest

from harness import clients, servers
from harness.sites import STRIDE, Site
from harness.topics import Topics, rows

pytestmark = pytest.mark.timeout(300)

TYPES = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()
RATES = {"int8": 16, "float32": 16384, "float64": 256}
# In the past, at a multiple of the stride: samples come back by their own time.
START = 1_400_000_000 * 10**9


def package():
    clients  # it puts our package on the path
    import carryall
    return carryall


def channels_of(publisher_id):
    return [(f"P1:{publisher_id}-{t.upper()}", t, RATES.get(t, 64)) for t in TYPES]


@pytest.fixture(scope="module")
def started(broker, tmp_path_factory):
    """Servers by kind, with publishers of fixed channels, and DYNAMIC, which registers its own."""
    servers_of = {}

    def start(kind):
        if kind not in servers_of:
            site = Site(tmp_path_factory.mktemp(kind), broker.address)
            for publisher_id in ("SERVED", "DIRECT", "STRICT", "FENCED"):
                site.publisher(publisher_id + kind, channels_of(publisher_id + kind))
            site.publisher("DYNAMIC" + kind, dynamic=True)
            servers_of[kind] = site.start(kind)
        return servers_of[kind]

    yield start
    for server in servers_of.values():
        server.stop()


def samples(rng, data_type, count, masked):
    """Random bit patterns, but no NaN, which equals nothing."""
    dtype = np.dtype(data_type)
    values = rng.integers(0, 256, count * dtype.itemsize, dtype=np.uint8).view(dtype)
    if dtype.kind == "f":
        values = np.where(np.isfinite(values), values, dtype.type(1.5))
    mask = rng.random(count) < masked
    return np.ma.MaskedArray(values, mask) if masked else values


def block_of(publisher, time_ns, rng, names=None):
    names = list(publisher.channels) if names is None else names
    data = {}
    for place, name in enumerate(names):
        channel = publisher.channels[name]
        count = int(channel.sample_rate) * publisher.stride // 10**9
        masked = (0, 0.3, 1)[(place + time_ns // STRIDE) % 3]
        data[name] = samples(rng, channel.data_type, count, masked)
    return package().SeriesBlock(time_ns, data, {n: publisher.channels[n] for n in names})


def assert_same(block, sent):
    assert block.time_ns == sent.time_ns and set(block.keys()) == set(sent.keys())
    for name in sent.keys():
        mine, theirs = sent[name].data, block[name].data
        assert theirs.dtype == mine.dtype, name
        mask = np.ma.getmaskarray(mine)
        assert np.array_equal(np.ma.getmaskarray(theirs), mask), name
        ours, got = np.asarray(mine)[~mask], np.asarray(theirs)[~mask]
        assert ours.tobytes() == got.tobytes(), name


class Reader:
    """Stock's client, which sees blocks as they come."""

    def __init__(self, url, names, **how):
        import arrakis
        self._blocks = arrakis.Client(url).stream(list(names), **how)

    def expect(self, sent):
        """The next block of that time. Gaps before it are what was waited for in vain."""
        for block in self._blocks:
            if block.time_ns < sent.time_ns:
                continue
            assert_same(block, sent)
            return


@pytest.mark.parametrize("kind, direct", [
    ("ours", False), ("stock", True), ("ours", True)],
    ids=["ours-server", "stock-direct", "ours-direct"])
def test_stock_reads_what_we_publish(started, broker, kind, direct):
    carryall = package()
    rng = np.random.default_rng(5)
    server = started(kind)
    how = {"kafka_url": broker.address} if direct else {}
    publisher_id = ("DIRECT" if direct else "SERVED") + kind
    with carryall.Publisher(publisher_id, server.url).register() as publisher:
        assert publisher.stride == STRIDE and len(publisher.channels) == len(TYPES)
        now = int(gpstime.gpsnow() * 10**9) // STRIDE * STRIDE - 16 * STRIDE
        sent = [block_of(publisher, now + n * STRIDE, rng) for n in range(16)]
        for block in sent:
            publisher.publish(block, timeout=timedelta(seconds=60))
        assert publisher.confirmed == len(sent)
        reader = Reader(server.url, publisher.channels, start=now / 10**9,
                        end=(now + 8 * STRIDE) / 10**9, **how)
        for block in sent[:8]:
            reader.expect(block)


@pytest.mark.case("3.1")
def test_a_dynamic_publisher_registers_its_channels(started, kind):
    carryall = package()
    server, publisher_id = started(kind), "DYNAMIC" + kind
    wanted = [carryall.Channel(name, data_type, rate)
              for name, data_type, rate in channels_of(publisher_id)]
    publisher = carryall.Publisher(publisher_id, server.url)
    assert publisher.register(wanted) is publisher
    assert set(publisher.channels) == {channel.name for channel in wanted}
    # Not by describe(): stock serves subsystems that are new to it after a while only.
    known = {c.name: c for c in carryall.Client(server.url).find(publisher=publisher_id)}
    assert known == publisher.channels
    # What is known already is not sent again, and keeps its place.
    assert publisher.register(wanted[:3]).channels == known
    with publisher:
        publisher.publish(block_of(publisher, START, np.random.default_rng(6)))
    with pytest.raises(PermissionError, match="STRICT"):
        carryall.Publisher("STRICT" + kind, server.url).register(
            [carryall.Channel("P1:STRICT-MORE", "float32", 16)])
    with pytest.raises(ValueError, match="no channels registered for publisher ID 'NOBODY'"):
        carryall.Publisher("NOBODY", server.url).register()


@pytest.mark.case("3.1")
def test_blocks_are_checked_before_anything_is_sent(started, broker, kind):
    carryall = package()
    server = started(kind)
    rng = np.random.default_rng(7)
    with carryall.Publisher("STRICT" + kind, server.url).register() as publisher:
        publisher.publish(block_of(publisher, START, rng))
        for time_ns, why in [(START, "not later"), (START - STRIDE, "not later"),
                             (START + STRIDE + 1, "multiple of the stride")]:
            with pytest.raises(ValueError, match=why):
                publisher.publish(block_of(publisher, time_ns, rng))
        names = list(publisher.channels)
        with pytest.raises(ValueError, match=names[-1]):
            publisher.publish(block_of(publisher, START + STRIDE, rng, names[:-1]))
        whole = block_of(publisher, START + STRIDE, rng)
        twice = {name: np.concatenate([s.data, s.data]) for name, s in whole.items()}
        with pytest.raises(ValueError, match="lasts 0.125 s"):
            publisher.publish(carryall.SeriesBlock(START + STRIDE, twice, whole.channels))
        byte = next(name for name in names if name.endswith("-INT8"))
        other = carryall.Channel(byte, "int8", 16, stride=125_000_000)
        with pytest.raises(ValueError, match="stride"):
            publisher.publish(carryall.SeriesBlock(
                START + STRIDE, dict(whole.data), {**whole.channels, byte: other}))
        wrong = {**whole.data, byte: whole.data[byte].astype("int16")}
        with pytest.raises(ValueError, match="int16"):
            publisher.publish(carryall.SeriesBlock(START + STRIDE, wrong, whole.channels))
        publisher.publish(whole)
        assert publisher.confirmed == 2
    for partition in {c.partition_id for c in publisher.channels.values()}:
        messages = Topics(broker.address).read(f"arrakis-{partition}")
        assert [rows(m)[0] for m in messages] == [START, START + STRIDE]
    with pytest.raises(RuntimeError):
        publisher.publish(block_of(publisher, START + 2 * STRIDE, rng))


TAKES_OVER = """
import sys
sys.path.insert(0, sys.argv[3])
import carryall
publisher = carryall.Publisher(sys.argv[2], sys.argv[1], transactional=True).register()
publisher.enter()
print("open", flush=True)
sys.stdin.readline()
"""


@pytest.mark.case("9.3")
def test_a_transactional_publisher_is_fenced_by_the_next(started, kind):
    carryall = package()
    server, publisher_id = started(kind), "FENCED" + kind
    rng = np.random.default_rng(8)
    with carryall.Publisher(publisher_id, server.url, transactional=True).register() as publisher:
        sent = [block_of(publisher, START + n * STRIDE, rng) for n in range(3)]
        for block in sent[:2]:
            publisher.publish(block)
        with subprocess.Popen(
                [sys.executable, "-c", TAKES_OVER, server.url, publisher_id,
                 str(servers.ROOT / "build/release/python")], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True) as successor:
            assert successor.stdout.readline() == "open\n"
            with pytest.raises(carryall.PublishError, match="another process has taken over"):
                publisher.publish(sent[2])
            successor.stdin.write("\n")
        assert publisher.confirmed == 2
