"""Requests that no honest client sends: refused with a reason, at a bounded price, and the
server serves on."""

import json
import os

import pyarrow as pa
import pytest

from harness import servers, wire
from integration.conftest import TYPES

MiB = 1 << 20
F32 = "T1:FLT-F32"
T0 = 10**18
STRIDE = 62_500_000


@pytest.fixture
def server(pool):
    """Our server; afterwards it must be the same process, and answer."""
    server = pool.get("ours", TYPES)
    pid = server.program.pid
    yield server
    assert server.program.running and server.program.pid == pid, server.program.describe()
    assert len(wire.get(server, wire.find(pattern="T1:")).rows) == 14


@pytest.fixture
def cheap(server):
    """What happens in the test may cost the server so much processor time and memory."""
    seconds, size = server.program.processor_seconds(), server.program.resident_bytes()
    yield
    assert server.program.processor_seconds() - seconds < 2
    assert server.program.resident_bytes() - size < 256 * MiB


def both(server, body):
    """The refusals of a body as a descriptor and as a ticket."""
    return [wire.refusal(call, server, body) for call in (wire.info, wire.get)]


@pytest.mark.parametrize("body", [
    b"\x00", b"\xff" * 1000, b'{"request": "Find"', b'{"request": "Find", "args": }',
    b'{"request": "Find", "args": {"pattern": "\xff\xfe"}}', b"[" * 1_000_000,
    b'{"a":' * 200_000, b'{"request": "Find", "args": {"min_rate": 1e400}}',
    b'{"request": "Find", "args": {"min_rate": NaN}}', b'"\\ud800"', b"{}{}", b"\xef\xbb\xbf{}",
], ids=["nul", "bytes", "cut", "hole", "no-utf8", "deep-array", "deep-object", "infinite", "nan",
        "surrogate", "two", "bom"])
def test_what_is_no_json_is_refused(server, cheap, body):
    for refused in both(server, body):
        # A document that is nested without end is refused as too much.
        assert refused.code in ("INVALID_ARGUMENT", "INTERNAL", "UNAVAILABLE"), refused
        assert len(refused.text) < 2000


@pytest.mark.parametrize("kind", ["Find", "Count", "Describe", "Stream"])
@pytest.mark.parametrize("args", [[], None, 1, "x", {}], ids=json.dumps)
def test_arguments_must_be_there(server, kind, args):
    for refused in both(server, wire.request(kind, args)):
        expected = "INTERNAL" if args == {} else ("INVALID_ARGUMENT", "INTERNAL")
        assert refused.code in expected and len(refused.text) > 30, refused


def test_reason_names_the_argument(server):
    for change in (dict(min_rate="x"), dict(max_rate=None), dict(publisher="PUBX"),
                   dict(data_type=["complex64"]), dict(time="now"), dict(pattern=7)):
        for refused in both(server, wire.find(**change)):
            assert refused.code == "INTERNAL" and next(iter(change)) in refused.text, refused


def test_oversized_request_is_refused(server):
    body = wire.describe(["T1:" + "x" * 1000] * 100_000)
    assert len(body) > 64 * MiB
    size = server.program.resident_bytes()
    for refused in both(server, body):
        assert refused.code == "UNAVAILABLE", refused
        assert len(refused.text) < 2000
    # Both copies that arrived may still be held, but nothing made from them.
    assert server.program.resident_bytes() - size < 5 * len(body)


def test_list_of_too_many_channels_is_refused(server):
    body = wire.describe([f"T{n}:X" for n in range(500_000)])
    assert len(body) < 16 * MiB
    for refused in both(server, body):
        assert refused.code == "UNAVAILABLE" and "more than" in refused.text, refused
        assert len(refused.text) < 2000


def test_list_of_many_unknown_channels_is_answered_in_few_words(server, cheap):
    names = [f"T1:INT-NOT{n}" for n in range(50_000)]
    refused = wire.refusal(wire.get, server, wire.describe(names))
    assert refused.code == "UNAVAILABLE" and "T1:INT-NOT" in refused.text, refused
    assert len(refused.text) < 10_000


@pytest.mark.parametrize("name", ["", ":", "T1", "T1:\0", "T1:FLT-F32\n", "T1:" + 100_000 * "x",
                                  "T1:\N{SNOWMAN}", "T1:\x1b[31m"],
                         ids=lambda name: ascii(name)[:20])
@pytest.mark.parametrize("make", [wire.describe, lambda c: wire.stream(c, T0, T0 + STRIDE)],
                         ids=["describe", "stream"])
def test_strange_names_are_unknown_channels(server, cheap, name, make):
    refused = wire.refusal(wire.get, server, make([name]))
    assert refused.code == "UNAVAILABLE", refused
    assert len(refused.text) < 10_000
    # What goes into a log or onto a terminal has no control characters.
    assert refused.text.isprintable()


def test_error_text_carries_no_control_characters_into_the_log(server):
    wire.refusal(wire.get, server, wire.describe(["T1:a\nforged: line\x1b[31m"]))
    wire.get(server, wire.find(pattern="T1:"))
    assert not any("\x1b" in line or line.startswith("forged") for line in server.program.err)


INVALID = ["(", ")", "[", "[z-a]", "*", "a**b(", "(?P<n", "\\", "a{1001}", "(?<=a)b", "(a)\\1",
           "x{1000}{1000}", "((((a{100}){100}){100}){100})"]


@pytest.mark.parametrize("pattern", INVALID)
@pytest.mark.parametrize("make", [wire.find, wire.count], ids=["find", "count"])
def test_invalid_pattern_is_named(server, cheap, pattern, make):
    refused = wire.refusal(wire.get, server, make(pattern=pattern))
    assert refused.code == "INVALID_ARGUMENT", refused
    assert pattern[:20] in refused.text, refused


@pytest.mark.parametrize("pattern", [
    "(a+)+$", "(.*)*Q", "(T1?:?)*(I?N?T?)*-*$Q", "(x+x+)+y", "T1:(.|.)*(.|.)*(.|.)*Q",
    ".*.*.*.*.*.*.*.*.*.*Q"])
def test_catastrophic_pattern_costs_nothing(server, cheap, pattern):
    assert wire.get(server, wire.find(pattern=pattern)).rows == []


def test_pattern_of_10_megabytes_costs_nothing(server, cheap):
    for pattern in ("T1:" * 3_500_000, "(" * 10_000_000, "a|" * 5_000_000, ".*" * 5_000_000):
        refused = wire.refusal(wire.get, server, wire.find(pattern=pattern))
        assert refused.code in ("INVALID_ARGUMENT", "UNAVAILABLE"), refused
        assert "pattern" in refused.text and len(refused.text) < 2000, refused


HUGE = [-10**30, -2**63, -1, 0, 2**63 - 1, 10**30]


@pytest.mark.parametrize("start", HUGE)
@pytest.mark.parametrize("end", [*HUGE, T0])
def test_spans_beyond_all_clocks(server, cheap, start, end):
    """Served or refused: one block at most is looked at, then the client goes away."""
    try:
        answer = wire.get(server, wire.stream([F32], start, end), batches=1)
    except pa.ArrowException as error:
        assert wire.Refusal(error).code in ("INVALID_ARGUMENT", "UNAVAILABLE", "UNKNOWN")
    else:
        assert len(answer.batches) <= 1
        if end <= start:
            assert answer.batches == []


@pytest.mark.parametrize("start, end", [
    (T0 + 1, T0 + 2), (T0 + 1, T0 + STRIDE), (T0 + STRIDE - 1, T0 + STRIDE + 1),
    (T0 - 1, T0 + 1), (T0, T0 + 1)])
def test_tiny_unaligned_spans(server, cheap, start, end):
    answer = wire.get(server, wire.stream([F32], start, end))
    for time in answer.column("time"):
        assert start <= time < end and (time == start or time % STRIDE == 0)
    for samples in answer.column(F32):
        assert len(samples) <= 4 and None not in samples


def test_clients_that_go_away_leave_nothing_behind(server):
    def descriptors():
        return len(os.listdir(f"/proc/{server.program.pid}/fd"))

    def leave_early():
        for _ in range(20):
            wire.get(server, wire.stream([F32], 0, None), batches=1)

    leave_early()
    before, size = descriptors(), server.program.resident_bytes()
    for _ in range(3):
        leave_early()
    assert descriptors() <= before + 20
    assert server.program.resident_bytes() - size < 64 * MiB


def test_refused_calls_are_logged_with_their_ids(server):
    refused = wire.refusal(wire.get, server, wire.describe(["T1:NOT-THERE"]),
                           wire.headers(x_request_id="find-me-again"))
    assert "[request: find-me-again]" in refused.text
    # The access line is written before the answer ends.
    assert any("find-me-again" in line and "Describe" in line for line in server.program.err)
