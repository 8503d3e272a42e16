"""An independent client in Rust finds, describes and streams from our server what the stock
client gets from stock's."""

import pytest

from harness import rust, wire
from integration.conftest import TYPES

I32, SLOW = "T1:INT-I32", "T1:MIX-SLOW"
# The crate has no type for float16.
TYPED = [f"T1:INT-{t}" for t in "I8 I16 I32 I64 U8 U16 U32 U64".split()] + [
    "T1:FLT-F32", "T1:FLT-F64"]
T0 = 10**18
STRIDE = 62_500_000


@pytest.fixture(scope="module")
def peer():
    return rust.peer()


@pytest.fixture(params=["stock", "ours"])
def server(request, pool):
    return pool.get(request.param, TYPES)


def by_name(channels):
    """Channels in a comparable form; the crate's and stock's client leave out different
    empty fields."""
    keys = ("name", "data_type", "sample_rate", "publisher", "stride", "max_latency")
    return sorted(({k: c[k] for k in keys} for c in channels), key=lambda c: c["name"])


@pytest.mark.timeout(1800)
def test_finds_and_counts(peer, server, reference):
    expected = reference("find", "T1:(INT|MIX)")
    assert by_name(peer(server, "find", "T1:(INT|MIX)")) == by_name(expected)
    assert peer(server, "count", "T1:(INT|MIX)") == len(expected) == 11


@pytest.mark.timeout(1800)
def test_describes(peer, server, reference):
    expected = reference("describe", [I32, SLOW])
    assert by_name(peer(server, "describe", I32, SLOW)) == by_name(expected.values())


@pytest.mark.timeout(1800)
def test_streams_every_type(peer, server, reference):
    blocks = peer(server, "stream", T0, T0 + 2 * wire.SECOND, *TYPED)
    expected = reference("stream", TYPED, T0 // wire.SECOND, T0 // wire.SECOND + 2)
    assert [b["time_ns"] for b in blocks] == [b.time_ns for b in expected]
    for mine, theirs in zip(blocks, expected):
        assert mine["data"] == {name: theirs.list(name) for name in TYPED}


@pytest.mark.timeout(1800)
def test_streams_gaps(peer, server, pool):
    gappy = pool.get(server.kind, TYPES, faults=("full-gaps", 3, None))
    blocks = peer(gappy, "stream", T0, T0 + wire.SECOND, I32)
    assert [all(v is None for v in b["data"][I32]) for b in blocks] == [
        n > 0 and n % 3 == 0 for n in range(16)]


@pytest.mark.timeout(1800)
def test_streams_live(peer, server):
    before = wire.gps_now()
    blocks = peer(server, "live", "3", I32)
    assert blocks[0]["time_ns"] >= before - 2 * STRIDE
    assert [b["time_ns"] for b in blocks] == [
        blocks[0]["time_ns"] + n * STRIDE for n in range(3)]
    for b in blocks:
        first = b["time_ns"] * 64 // 10**9
        assert b["data"][I32] == [
            (first + n) % 1048576 * 2047 - 1073741824 for n in range(4)]
