"""One of 50 subscribers stops reading: what it holds at the server is bounded and then released,
the others miss nothing, and when it reads again it finds gaps and then data.

With CARRYALL_LIVE (see test_live_streams.py) it asserts too that the others' latency does not
change; otherwise that is only printed, because it says as much about what else the machine does.
"""

import itertools
import json
import os
import re
import threading

import pytest
from pyarrow import flight

from harness import servers, wire
from harness.processes import Program
from harness.sites import STRIDE, Site
from harness.waiting import until

pytestmark = pytest.mark.timeout(300)

CHANNELS = [f"X1:SLW-CHAN_{n:03d}" for n in range(200)]
RATE = 16384
WHOLE = len(CHANNELS) * RATE * STRIDE // 10**9  # samples a stride
MOST = 64 << 20
# What the transport keeps of a stream, and what others need meanwhile.
BESIDES = 24 << 20
# The measured span holds the whole of the eight seconds after which a queue is given up.
SECONDS = 13


@pytest.fixture
def server(request, broker, publisher_id, tmp_path):
    """A server, with more options if the test has some for it, and a publisher of 13 MB/s that
    goes on by itself."""
    site = Site(tmp_path / "site", broker.address)
    site.publisher(publisher_id, [(name, "float32", RATE) for name in CHANNELS],
                   max_latency=10 * 10**9)
    mock = tmp_path / "mock.toml"
    mock.write_text(f'[common]\nstride = {STRIDE}\nmax_latency = 1_000_000_000\n'
                    f'sample_rate = {RATE}\ndata_type = "float32"\nfunc = "t % 1"\n'
                    + "".join(f'["{name}"]\n' for name in CHANNELS))
    with site.start("ours", *getattr(request, "param", ())) as server, \
            Program([servers.carryall(), "publish", publisher_id, "--mock", mock,
                     "-u", server.url]) as publisher:
        yield server
        assert publisher.running, publisher.describe()
        assert server.program.running, server.program.describe()


def follow(server):
    """What 49 other subscribers see meanwhile: a running measurement."""
    program = servers.carryall().parent / "tests/live_streams"
    if not program.exists():
        servers.missing(f"there is no {program}; run `make build`")
    return Program([program, server.url, "49", str(SECONDS), "7", CHANNELS[0], CHANNELS[-1]])


def outcome(program):
    assert program.wait(SECONDS + 60) == 0, program.describe()
    return json.loads(program.out[-1])


def blocks(stream):
    """(time, samples there are) of each block."""
    for chunk in stream:
        samples = [column.values for column in chunk.data.columns[1:]]
        yield (chunk.data["time"][0].as_py(),
               sum(len(values) - values.null_count for values in samples))


def begin(server):
    """A stream of everything, and the first of its blocks."""
    stream = wire.reader(server, wire.stream(CHANNELS, None, None),
                         flight.FlightCallOptions(timeout=200))
    # Of the first some partitions may have come before their topic was read.
    whole = itertools.dropwhile(lambda block: block[1] != WHOLE, blocks(stream))
    seen = list(itertools.islice(whole, 16))
    assert {count for _, count in seen} == {WHOLE}
    return stream, seen


GIVEN_UP = re.compile("nobody read the stream of .*: its queue is given up")


def test_one_that_stops_reading_harms_nobody(server):
    stream, seen = begin(server)
    stream.cancel()
    with follow(server) as others:
        before = outcome(others)
    stream, seen = begin(server)

    # From here on it does not read.
    held = [server.program.resident_bytes()]
    ended = threading.Event()

    def watch():
        while not ended.wait(0.05):
            held.append(server.program.resident_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    with follow(server) as others:
        server.program.wait_for_line(GIVEN_UP, server.program.err, 60)
        until(lambda: held[-1] < max(held) - MOST // 2)
        meanwhile = outcome(others)
    ended.set()
    watcher.join()
    print(f"held {(max(held) - held[0]) / 2**20:.0f} MiB, then "
          f"{(held[-1] - held[0]) / 2**20:.0f}", before, meanwhile)
    assert max(held) - held[0] < MOST + BESIDES
    for measured in (before, meanwhile):
        assert measured["missing"] == measured["misshapen"] == measured["gaps"] == 0, measured
        assert measured["blocks"] >= 49 * (SECONDS - 2) * 16, measured

    # It reads again: what it missed is gaps, nothing is missing, and then there are data.
    for block in blocks(stream):
        seen.append(block)
        counts = [count for _, count in seen]
        if 0 in counts and counts[-16:] == [WHOLE] * 16:
            break
    stream.cancel()
    times = [time_ns for time_ns, _ in seen]
    assert times == list(range(times[0], times[0] + len(times) * STRIDE, STRIDE))
    # Of three topics some may have come to the stride in which it began to read again.
    partly = [count for count in counts if count not in (0, WHOLE)]
    assert len(partly) <= 2 and counts.count(0) >= 8 * 16, counts
    if os.environ.get("CARRYALL_LIVE"):
        assert meanwhile["late"]["p99"] < 1.05 * before["late"]["p99"], (before, meanwhile)


@pytest.mark.parametrize("server", [("--on-stall", "fail")], ids=["fail"], indirect=True)
def test_by_policy_its_stream_ends(server):
    stream, seen = begin(server)
    server.program.wait_for_line(GIVEN_UP, server.program.err, 60)
    with pytest.raises(flight.FlightUnavailableError, match="X1:SLW-CHAN_000"):
        seen.extend(blocks(stream))
    times = [time_ns for time_ns, _ in seen]
    assert times == list(range(times[0], times[0] + len(times) * STRIDE, STRIDE))
    stream, seen = begin(server)
    stream.cancel()
