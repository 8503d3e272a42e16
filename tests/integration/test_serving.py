"""`carryall serve` as a program: its options, its one line, its end."""

import re
import signal

import pytest

from harness import servers, wire
from harness.processes import Program
from harness.servers import Server
from integration.conftest import TYPES

CF = servers.FIXTURES / "CF.toml"
LISTENING = re.compile(r"^listening on (grpc://127\.0\.0\.1:(\d+))$")
SCOPES = "replays:\n  {name}: {{start: 1000000000, end: 1000000100}}\n"


@pytest.fixture
def serve():
    """Starts `carryall serve ...`; ended with the test."""
    started = []

    def start(*argv):
        program = Program([servers.carryall(), *argv])
        started.append(program)
        url = program.wait_for_line(LISTENING, program.out).group(1)
        return Server("ours", program, url)

    yield start
    for program in started:
        program.stop()


@pytest.mark.parametrize("spelled", ["0", "-", "grpc://127.0.0.1:0", "127.0.0.1:0"])
def test_one_line_on_standard_output(serve, spelled):
    server = serve("serve", "mock", CF, "-u", spelled)
    assert wire.get(server, wire.count()).rows == [{"count": 6}]
    server.program.signal(signal.SIGTERM)
    assert server.program.wait() == 0
    assert server.program.out == [f"listening on {server.url}"]
    assert server.program.err


def test_options_stand_before_or_after_the_backend(serve, tmp_path):
    scopes = tmp_path / "scopes.yaml"
    scopes.write_text(SCOPES.format(name="RUN7"))
    for argv in (["serve", "mock", CF, TYPES, "--url", "0", "--scope-map", scopes],
                 ["serve", "--url", "0", "-s", scopes, "mock", CF, TYPES],
                 ["serve", "-u", "0", "MOCK", CF, TYPES, "--scope-map-file", scopes],
                 ["serve", "-s", scopes, "Mock", CF, "-u", "0", TYPES]):
        server = serve(*argv)
        assert server.action("replays") == {"RUN7": {"start": 1e9, "end": 1000000100.0}}
        assert server.action("server-info")["domains"] == ["T1", "T2", "T3", "X1", "Y1", "Z1"]


@pytest.mark.parametrize("quiet, lines", [(["-q"], 0), ([], 1), (["-v"], 1)], ids=str)
def test_access_lines(serve, quiet, lines):
    server = serve("serve", "-u", "0", *quiet, "mock", CF)
    wire.get(server, wire.describe(["X1:CNF-FLAG"]), wire.headers(x_request_id="look"))
    server.program.signal(signal.SIGTERM)
    assert server.program.wait() == 0
    found = [line for line in server.program.err if "[look]" in line and "request=Describe" in line]
    assert (len(found) > 0) == bool(lines)
    if lines:
        assert "peer=" in found[0] and "channels=1" in found[0]


def test_channels_of_its_own(serve, pool):
    """About as many as stock's, and all of them can be streamed."""
    server = serve("serve", "mock", "-u", "0")
    theirs = wire.get(pool.get("stock"), wire.count()).rows[0]["count"]
    ours = wire.get(server, wire.count()).rows[0]["count"]
    assert 0.8 * theirs <= ours <= 1.25 * theirs
    names = wire.get(server, wire.find()).column("channel")
    assert {"H1", "L1"} <= {name.split(":")[0] for name in names}
    answer = wire.get(server, wire.stream(names, 10**18, 10**18 + 1))
    assert sorted(answer.schema.names[1:]) == sorted(names)


def test_sigterm_with_streams_that_are_read(serve):
    server = serve("serve", "mock", CF, "-u", "0")
    streams = [wire.reader(server, wire.stream(["X1:CNF-FLAG"], None, None)) for _ in range(4)]
    for stream in streams:
        stream.read_chunk()
    server.program.signal(signal.SIGTERM)
    for stream in streams:
        for _ in stream:
            pass
    assert server.program.wait(5) == 0


def test_sigterm_with_a_client_that_does_not_read(serve):
    server = serve("serve", "mock", CF, "-u", "0")
    stream = wire.reader(server, wire.stream(["X1:CNF-CHAN_B"], 10**18, None))
    stream.read_chunk()
    server.program.signal(signal.SIGTERM)
    assert server.program.wait(5) == 0
    stream.cancel()


def test_sigint_ends_it_too(serve):
    server = serve("serve", "mock", CF, "-u", "0")
    server.program.signal(signal.SIGINT)
    assert server.program.wait(5) == 0


def until(condition, server, what):
    """Asks again until the answer is right; the reload has 30 s."""
    deadline = wire.gps_now() + 30 * wire.SECOND
    while wire.gps_now() < deadline:
        if condition():
            return
        server.action("server-info")
    raise AssertionError(f"not within 30 s: {what}\n{server.program.describe()}")


def test_scope_map_is_read_again_on_sighup(serve, tmp_path):
    scopes = tmp_path / "scopes.yaml"
    scopes.write_text(SCOPES.format(name="OLD"))
    server = serve("serve", "-u", "0", "-s", scopes, "mock", CF)
    assert set(server.action("replays")) == {"OLD"}

    scopes.write_text("replays: [")
    server.program.signal(signal.SIGHUP)
    server.program.wait_for_line(re.compile("scopes.yaml"), server.program.err)
    assert set(server.action("replays")) == {"OLD"}

    scopes.write_text(SCOPES.format(name="NEW"))
    server.program.signal(signal.SIGHUP)
    until(lambda: set(server.action("replays")) == {"NEW"}, server, "the new scope map")
