"""Samples straight from brokers: ours and the stock client read the same, to the bit; several
clusters and servers in one stream; spans over nothing; brokers that are not there."""

import concurrent.futures
import itertools
import threading
import time
from datetime import timedelta

import confluent_kafka
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import flight

from harness import clients, wire
from harness.clients import Failed
from harness.kafka import Broker
from harness.ports import free_ports
from harness.sites import STRIDE, Site, settled

pytestmark = pytest.mark.timeout(300)

SECOND = 10**9
TYPES = [("FAST", "float32", 16384), ("SLOW", "float64", 16), ("INT", "int32", 256),
         ("BYTE", "int8", 64)]


def ours():
    return clients.OursInPython()._package


def channels_of(publisher_id, domain="H1"):
    return [(f"{domain}:{publisher_id}-{name}", t, r) for name, t, r in TYPES]


def names_of(publisher_id, domain="H1"):
    return [name for name, _, _ in channels_of(publisher_id, domain)]


class Writer:
    """Our publisher; what it sends is a function of channel and time."""

    def __init__(self, url, publisher_id):
        self.publisher = ours().Publisher(publisher_id, url).register()
        self.publisher.__enter__()

    def block(self, time_ns):
        data = {}
        for name, channel in self.publisher.channels.items():
            rng = np.random.default_rng([time_ns // STRIDE, *name.encode()])
            count = int(channel.sample_rate) * STRIDE // SECOND
            values = rng.integers(-100, 100, count).astype(channel.data_type)
            masked = rng.random() < 0.3
            data[name] = np.ma.MaskedArray(values, rng.random(count) < 0.5) if masked else values
        return ours().SeriesBlock(time_ns, data, dict(self.publisher.channels))

    def write(self, first, count=1):
        for n in range(count):
            self.publisher.publish(self.block(first + n * STRIDE), timeout=timedelta(seconds=60))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.publisher.__exit__(None, None, None)


def assert_same(got, wanted, names):
    assert got.time_ns == wanted.time_ns
    for name in names:
        mine, theirs = wanted[name].data, got[name].data
        assert theirs.dtype == mine.dtype and len(theirs) == len(mine), name
        mask = np.ma.getmaskarray(mine)
        assert np.array_equal(np.ma.getmaskarray(theirs), mask), (name, got.time_ns)
        assert np.asarray(theirs)[~mask].tobytes() == np.asarray(mine)[~mask].tobytes(), name


def is_gap(block):
    return all(np.ma.getmaskarray(block[name].data).all() for name in block.keys())


def recently(strides):
    """The time so many strides ago, on the grid of strides."""
    return (wire.gps_now() // STRIDE - strides) * STRIDE


@pytest.fixture(scope="module")
def server(broker, tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("direct"), broker.address)
    for publisher_id in ("PAST", "GAPS", "NONE"):
        site.publisher(publisher_id, channels_of(publisher_id))
    # A busy machine may be late, but loses nothing.
    site.publisher("LIVE", channels_of("LIVE"), max_latency=60 * SECOND)
    for kind in ("stock", "python", "cli"):
        site.publisher(f"RAW{kind}", [(f"H1:RAW{kind}-A", "int32", 32)])
    with site.start("ours") as server:
        yield server


def test_the_past_is_the_same_to_the_bit_for_both_clients(server, broker, tmp_path):
    import arrakis
    names, begin = names_of("PAST"), recently(24)
    span = begin / SECOND, (begin + 16 * STRIDE) / SECOND
    with Writer(server.url, "PAST") as writer:
        writer.write(begin, 20)
        own = ours().Client(server.url)
        mine = list(own.stream(names, *span, kafka_url=f"kafka://{broker.address}"))
        stock = list(arrakis.Client(server.url).stream(names, *span, kafka_url=broker.address))
        assert len(mine) == len(stock) == 16
        for n, (got, theirs) in enumerate(zip(mine, stock)):
            assert_same(got, writer.block(begin + n * STRIDE), names)
            assert_same(got, theirs, names)
        whole = own.fetch(names, *span, kafka_url=broker.address)
        program = clients.OursOnTheCommandLine(tmp_path).fetch(
            server.url, names, *span, kafka_url=broker.address)
        for name in names:
            wanted = np.ma.concatenate([block[name].data for block in mine])
            for got in (whole[name].data, program.data[name]):
                mask = np.ma.getmaskarray(wanted)
                assert np.array_equal(np.ma.getmaskarray(got), mask), name
                assert np.array_equal(np.asarray(got)[~mask], np.asarray(wanted)[~mask]), name
        # A row of a message, from the middle of its stride.
        part, = own.stream(names[:1], span[0] + 1 / 32, span[0] + 1 / 16,
                           kafka_url=broker.address)
        assert part.time_ns == begin + STRIDE // 2 and part.duration_ns == STRIDE // 2


def test_live_samples_are_the_same_to_the_bit_for_both_clients(server, broker):
    import arrakis
    names, begin, stop = names_of("LIVE"), recently(0), threading.Event()
    with Writer(server.url, "LIVE") as writer, concurrent.futures.ThreadPoolExecutor(3) as pool:
        def write():
            for time_ns in itertools.count(begin, STRIDE):
                if stop.is_set():
                    return
                wait = (time_ns + STRIDE - wire.gps_now()) / SECOND
                if wait > 0:
                    time.sleep(wait)  # the pace of a detector, not a condition waited for
                writer.write(time_ns)

        def read(package, start=None):
            stream = package.Client(server.url).stream(names, start, kafka_url=broker.address)
            return list(itertools.islice(stream, 32))

        writing = pool.submit(write)
        try:
            mine, stock = pool.submit(read, ours()), pool.submit(read, arrakis)
            mine, stock = mine.result(120), {b.time_ns: b for b in stock.result(120)}
            joined = read(ours(), begin / SECOND)
        finally:
            stop.set()
        writing.result(60)
        times = [block.time_ns for block in mine]
        assert times == [times[0] + n * STRIDE for n in range(32)]
        mine = settled(mine, lambda block: assert_same(block, writer.block(block.time_ns), names))
        compared = 0
        for block in mine:
            # What came too late for the stock client says nothing of ours.
            theirs = stock.get(block.time_ns)
            seen = [n for n in names if theirs is not None and not is_gap({n: theirs[n]})]
            if seen:
                assert_same(block, theirs, seen)
                compared += len(seen)
        assert compared
        # From the past into live, without a seam.
        assert [b.time_ns for b in joined] == [begin + n * STRIDE for n in range(32)]
        for block in joined:
            assert_same(block, writer.block(block.time_ns), names)


def test_a_span_over_nothing_ends(server, broker):
    own, names = ours().Client(server.url), names_of("NONE")
    how = {"kafka_url": broker.address}
    begin = recently(80) / SECOND
    assert is_gap(own.fetch(names, begin, begin + 1, **how))
    blocks = list(own.stream(names, begin, begin + 1, **how))
    assert len(blocks) == 16 and all(map(is_gap, blocks))
    assert not list(own.stream(names, begin, begin + 1, on_gap="skip", **how))
    with pytest.raises(ours().errors.GapError):
        list(own.stream(names, begin, begin + 1, on_gap="raise", **how))
    names, begin = names_of("GAPS"), recently(160)
    with Writer(server.url, "GAPS") as writer:
        writer.write(begin, 2)
        writer.write(begin + 6 * STRIDE, 2)
        span = (begin - 4 * STRIDE) / SECOND, (begin + 80 * STRIDE) / SECOND
        there = list(own.stream(names, *span, on_gap="skip", **how))
        assert [(b.time_ns - begin) // STRIDE for b in there] == [0, 1, 6, 7]
        for block in there:
            assert_same(block, writer.block(block.time_ns), names)
        filled = list(own.stream(names, *span, **how))
        assert [n - 4 for n, b in enumerate(filled) if not is_gap(b)] == [0, 1, 6, 7]
        assert len(filled) == 84


@pytest.fixture(scope="module")
def two_sites(broker, tmp_path_factory):
    """Servers on two clusters with the same publishers ONE to FOUR; the scope map of the first
    sends readers of ONE to its own brokers, of TWO to those of the other, of FOUR to where
    nobody listens."""
    port, nobody = free_ports(2)
    url = f"grpc://127.0.0.1:{port}"
    with Broker() as second:
        sites = [Site(tmp_path_factory.mktemp(name), address) for name, address in
                 (("first", broker.address), ("second", second.address))]
        for site, publisher_id in itertools.product(sites, ("ONE", "TWO", "THREE", "FOUR")):
            site.publisher(publisher_id, channels_of(publisher_id, "D1"))
        scopes = sites[0].directory / "scopes.yaml"
        scopes.write_text(f"""
{url}:
  scopes:
    D1:
      - {{subsystem: ONE, direct_read: "kafka://{broker.address}"}}
      - {{subsystem: TWO, direct_read: "kafka://{second.address},127.0.0.1:{nobody}"}}
      - {{subsystem: FOUR, direct_read: "kafka://127.0.0.1:{nobody}"}}
      - all: true
  retention: {{newest: 0, oldest: 900}}
""")
        with sites[0].start("ours", url=url, scope_map=scopes) as first:
            with sites[1].start("ours") as other:
                yield first, other


def test_a_scope_map_sends_readers_to_several_clusters_at_once(two_sites):
    import arrakis
    first, other = two_sites
    mine = ours().Client(first.url)
    two = names_of("TWO", "D1")
    assert mine.describe(two) == ours().Client(other.url).describe(two)
    begin = recently(24)
    span = begin / SECOND, (begin + 16 * STRIDE) / SECOND
    with Writer(first.url, "ONE") as a, Writer(other.url, "TWO") as b, \
            Writer(first.url, "THREE") as c:
        writers = [a, b, c]
        for writer in writers:
            writer.write(begin, 16)
        names = [name for writer in writers for name in writer.publisher.channels]
        plan = first.connection.get_flight_info(flight.FlightDescriptor.for_command(
            wire.request("Stream", {"channels": names, "start": begin,
                                    "end": begin + 16 * STRIDE})))
        where = {tuple(location.uri.decode() for location in endpoint.locations)
                 for endpoint in plan.endpoints}
        assert {len(locations) for locations in where} == {1, 2, 3}
        blocks = list(mine.stream(names, *span))
        assert len(blocks) == 16
        for n, block in enumerate(blocks):
            for writer in writers:
                wanted = writer.block(begin + n * STRIDE)
                assert_same(block, wanted, wanted.keys())
        whole = mine.fetch(names, *span)
        assert not any(np.ma.getmaskarray(whole[n].data).all() for n in names)
        # What the server says is enough for the stock client as well.
        one = names_of("ONE", "D1")
        stock = list(arrakis.Client(first.url).stream(one, *span))
        assert len(stock) == 16
        for n, block in enumerate(stock):
            assert_same(block, a.block(begin + n * STRIDE), one)


def test_a_server_is_read_where_no_broker_answers(two_sites):
    first, _ = two_sites
    names, begin = names_of("FOUR", "D1"), recently(24)
    with Writer(first.url, "FOUR") as writer:
        writer.write(begin, 8)
        blocks = list(ours().Client(first.url).stream(
            names, begin / SECOND, (begin + 8 * STRIDE) / SECOND))
        assert len(blocks) == 8
        for n, block in enumerate(blocks):
            assert_same(block, writer.block(begin + n * STRIDE), names)


@pytest.mark.parametrize("live", [False, True], ids=["past", "live"])
def test_brokers_that_do_not_answer_are_named(server, tmp_path, live):
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    begin = recently(80) / SECOND
    span = {} if live else {"start": begin, "end": begin + 1}
    for client in (clients.OursInPython(), clients.OursOnTheCommandLine(tmp_path)):
        for read in (client.stream, client.fetch):
            with pytest.raises(Failed, match=nobody):
                read(server.url, names_of("NONE"), kafka_url=nobody, **span)


def test_texts_that_name_no_brokers_are_refused(server, tmp_path):
    for url in ("http://127.0.0.1:1", "kafka://", "127.0.0.1:1,,", "kafka://h:1/topic"):
        for client in (clients.OursInPython(), clients.OursOnTheCommandLine(tmp_path)):
            with pytest.raises(Failed, match="brokers must be host:port"):
                client.stream(server.url, names_of("NONE"), kafka_url=url)


def send(brokers, topic, message):
    failed = []
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
    producer.produce(topic, message, on_delivery=lambda error, _: error and failed.append(error))
    assert producer.flush(60) == 0 and not failed, failed


@pytest.mark.case("K9", servers=("stock", "python", "cli"))
def test_records_without_an_end_marker_or_of_two_batches(server, broker, kind, tmp_path):
    client, name = clients.make(kind, tmp_path), f"H1:RAW{kind}-A"
    channel = client.describe(server.url, [name])[name]
    begin = recently(24)
    schema = pa.schema([("time", pa.int64()), ("id", pa.uint32()), ("data", pa.list_(pa.int32()))])

    def message(*strides):
        """A record batch a stride, with two samples of the one channel each."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as stream:
            for n in strides:
                row = {"time": begin + n * STRIDE, "id": channel["partition_index"],
                       "data": [2 * n, 2 * n + 1]}
                stream.write_batch(pa.RecordBatch.from_pylist([row], schema))
        return sink.getvalue().to_pybytes()

    marker = b"\xff\xff\xff\xff\0\0\0\0"
    assert message(0).endswith(marker)
    for record in (message(0).removesuffix(marker), message(1, 2),
                   message(3, 4).removesuffix(marker), message(5)):
        send(broker.address, f"arrakis-{channel['partition_id']}", record)
    blocks = client.stream(server.url, [name], begin / SECOND, (begin + 6 * STRIDE) / SECOND,
                           kafka_url=broker.address)
    assert [block.list(name) for block in blocks] == [[2 * n, 2 * n + 1] for n in range(6)]
