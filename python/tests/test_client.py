"""The client against a server of our own, and against one that says nothing."""

import signal
import subprocess
import sys
import threading
from decimal import Decimal

import numpy
import pytest
from conftest import url_of

import carryall
from carryall.client import parse_arrakis_url
from carryall.errors import InvalidArgumentError, UnauthenticatedError, UnavailableError

START = 1_000_000_000
RAMP, COUNT, NOISE = "X1:PYT-RAMP", "X1:PYT-COUNT", "X1:PYT-NOISE"


def test_urls(monkeypatch):
    for url, whole in [("host", "grpc://host:31206"), (":1", "grpc://localhost:1"),
                       ("", "grpc://localhost:31206"), ("grpc+tls://h", "grpc+tls://h:31206"),
                       ("grpc://h:5", "grpc://h:5")]:
        assert parse_arrakis_url(url).geturl() == whole
    monkeypatch.setenv("ARRAKIS_SERVER", "elsewhere:7")
    assert carryall.Client().initial_url == "grpc://elsewhere:7"
    with pytest.raises(InvalidArgumentError, match="ftp"):
        carryall.Client("ftp://h")
    for name in ("BEARER_TOKEN", "BEARER_TOKEN_FILE", "SCITOKEN", "SCITOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UnauthenticatedError, match="igwn-auth-utils"):
        carryall.Client("h", token=True)


def test_find_count_describe(client):
    assert {channel.name for channel in client.find()} == {RAMP, COUNT, NOISE}
    assert [channel.name for channel in client.find("X1:PYT-[RC]", data_type=numpy.int32)] == [
        COUNT]
    assert [c.name for c in client.find(min_rate=100, max_rate=300)] == [RAMP]
    assert client.count() == 3 and client.count(publisher=["NOBODY"]) == 0
    described = client.describe([RAMP, NOISE])
    assert list(described) == [RAMP, NOISE]
    channel = described[RAMP]
    assert (channel.data_type, channel.sample_rate, channel.stride, channel.publisher) == (
        "float64", 256, 62_500_000, "TEST")


def test_server_info_and_the_rest(client, server):
    assert client.server_info()["backend"]
    assert server.url in client.endpoints()
    assert client.domains() == ["X1"]
    assert "endpoints" in client.scope_map()
    assert client.replays() == {}


def test_fetch(client):
    block = client.fetch([RAMP, COUNT], START, START + 2)
    assert list(block) == [RAMP, COUNT]
    assert (block.time_ns, block.duration_ns) == (START * 10**9, 2 * 10**9)
    assert block.data[RAMP].tolist() == (numpy.arange(512) / 256 % 1).tolist()
    assert block.data[COUNT].tolist() == list(range(32))
    block.data[RAMP][:] = 0  # its memory is its own
    assert block[RAMP].channel.sample_rate == 256


def test_times_may_be_given_exactly(client):
    for start, duration in [(Decimal("1000000000.0625"), 0.1875), (1000000000.0625, 0.1875)]:
        block = client.fetch([COUNT], start, duration=duration)
        assert (block.time_ns, block.duration_ns) == (1_000_000_000_062_500_000, 187_500_000)


def test_latency_tolerance_and_reconnect(client):
    blocks = list(client.stream([COUNT], START, START + 1, latency_tolerance=0.5, reconnect=5))
    assert [b.data[COUNT][0] for b in blocks] == list(range(16))
    with pytest.raises(InvalidArgumentError, match=r"0\.009 s"):
        next(client.stream([COUNT], latency_tolerance=0.009))
    with pytest.raises(InvalidArgumentError, match="reconnect"):
        next(client.stream([COUNT], reconnect=0))


def test_stream_in_native_and_longer_strides(client):
    blocks = list(client.stream([NOISE, COUNT], START, START + 1))
    assert len(blocks) == 16 and all(list(b) == [NOISE, COUNT] for b in blocks)
    assert [b.time_ns for b in blocks] == [START * 10**9 + i * 62_500_000 for i in range(16)]
    whole = client.fetch([NOISE, COUNT], START, START + 1)
    assert carryall.block.concatenate_blocks(*blocks) == whole
    longer = list(client.stream([NOISE], START, START + 1, stride=0.25))
    assert [len(b[NOISE]) for b in longer] == [256] * 4


def test_a_live_stream_goes_on_until_it_is_closed(client):
    stream = client.stream([COUNT])
    first, second = next(stream), next(stream)
    assert second.time_ns == first.end_ns
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)


def test_nothing_happens_before_the_first_next(silent_server):
    stream = carryall.Client(url_of(silent_server)).stream(["X1:A"], 0, 1)
    del stream


@pytest.mark.parametrize("call, problem", [
    (lambda c: c.fetch(["X1:NOPE"], START, START + 1), UnavailableError),
    (lambda c: c.fetch([RAMP], START, START), ValueError),
    (lambda c: c.fetch([RAMP], START + 1, START), ValueError),
    (lambda c: c.fetch([RAMP], START, START + 1, duration=1), ValueError),
    (lambda c: c.fetch([RAMP], START, START + 1, on_gap="skip"), ValueError),
    (lambda c: c.fetch([RAMP], START, START + 1, on_gap="nonsense"), ValueError),
    (lambda c: c.fetch(RAMP, START, START + 1), ValueError),
    (lambda c: c.fetch([RAMP], float("nan"), START + 1), ValueError),
    (lambda c: next(c.stream([RAMP], START, START + 1, stride=0.1)), ValueError),
    (lambda c: next(c.stream([RAMP], kafka_url="http://h:1")), ValueError),
    # Nobody publishes it, so it is in no partition.
    (lambda c: next(c.stream([RAMP], kafka_url="kafka://h:1")), UnavailableError),
    (lambda c: c.fetch([RAMP], START, START + 1, kafka_url="h:1"), UnavailableError),
    (lambda c: list(c.find("(")), ValueError),
    (lambda c: list(c.find(data_type="complex64")), ValueError),
])
def test_bad_calls_have_clear_errors(client, call, problem):
    with pytest.raises(problem) as raised:
        call(client)
    assert str(raised.value)


def test_module_functions_ask_the_default_server(server, monkeypatch):
    monkeypatch.setenv("ARRAKIS_SERVER", server.url)
    assert carryall.count() == 3 and len(list(carryall.find())) == 3
    assert len(carryall.fetch([COUNT], START, START + 1)[COUNT]) == 16
    assert len(list(carryall.stream([COUNT], START, START + 1))) == 16
    assert carryall.domains() == ["X1"] and carryall.server_info()
    assert list(carryall.describe([COUNT])) == [COUNT]


def test_a_server_that_is_down(silent_server):
    url = url_of(silent_server)
    silent_server.close()
    with pytest.raises(UnavailableError, match="127.0.0.1"):
        carryall.Client(url).count()


def test_clients_work_from_several_threads(client):
    results = []
    threads = [threading.Thread(target=lambda: results.append(
        client.fetch([RAMP, NOISE], START, START + 1))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6 and all(block == results[0] for block in results)


def test_the_interpreter_runs_on_while_a_call_waits(silent_server):
    # Only if it does can the connection be closed, which is what ends the call.
    problems = []

    def ask():
        try:
            carryall.Client(url_of(silent_server)).count()
        except Exception as error:  # noqa: BLE001: looked at below
            problems.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    connection, _ = silent_server.accept()
    silent_server.close()
    connection.close()
    thread.join()
    assert len(problems) == 1 and isinstance(problems[0], UnavailableError)


# Where tests run in the background of a shell, SIGINT is ignored by all that they start.
INTERRUPTED = """
import signal, sys, carryall
signal.signal(signal.SIGINT, signal.default_int_handler)
client = carryall.Client(sys.argv[1])
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("call", ["client.count()", "client.fetch(['X1:A'], 0, 1)",
                                  "next(client.stream(['X1:A']))"])
def test_ctrl_c_ends_a_call_that_waits(silent_server, call):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED.format(call=call), url_of(silent_server)],
        stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        connection, _ = silent_server.accept()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "interrupted\n"
        connection.close()
    finally:
        process.kill()
        process.wait()


def test_ctrl_c_ends_a_live_stream(server):
    call = f"[print('block', flush=True) for _ in client.stream(['{COUNT}'])]"
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED.format(call=call), server.url],
        stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        assert process.stdout.readline() == "block\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0].endswith("interrupted\n")
    finally:
        process.kill()
        process.wait()


def test_a_program_may_end_in_the_middle_of_a_stream(server):
    script = f"""
import carryall
stream = carryall.Client({server.url!r}).stream(["{NOISE}"])
next(stream)
print("end")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
