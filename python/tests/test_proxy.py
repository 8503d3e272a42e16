"""carryall.proxy: FlightProxy before a server of ours and one that a test scripts, ssh_proxy
over a connection that is none."""

import contextlib
import os
import subprocess
import threading

import pyarrow
import pytest
from pyarrow import flight

import carryall
from carryall import errors
from carryall.proxy import PUBLISH_UNSUPPORTED_MSG, FlightProxy, SSHConnection, ssh_proxy

SCHEMA = pyarrow.schema([("n", pyarrow.int64())])


class Backend(flight.FlightServerBase):
    """Answers what it is told to, and notes the authorization it got."""

    def __init__(self):
        self.notes = _Notes()
        super().__init__("grpc://127.0.0.1:0", middleware={"notes": self.notes})
        self.url = f"grpc://127.0.0.1:{self.port}"

    def get_flight_info(self, context, descriptor):
        endpoints = [flight.FlightEndpoint(b"one", ["grpc://far:1", "grpc://near:2"]),
                     flight.FlightEndpoint(b"two", ["arrow-flight-reuse-connection://?"])]
        return flight.FlightInfo(SCHEMA, descriptor, endpoints, 7, 8, True, b"plan")

    def list_flights(self, context, criteria):
        yield self.get_flight_info(context, flight.FlightDescriptor.for_command(criteria))

    def get_schema(self, context, descriptor):
        return flight.SchemaResult(SCHEMA)

    def do_get(self, context, ticket):
        return flight.RecordBatchStream(pyarrow.table({"n": [1, 2, 3]}, SCHEMA))

    def do_action(self, context, action):
        for part in (action.type.encode(), action.body.to_pybytes()):
            yield flight.Result(part)

    def list_actions(self, context):
        return [("act", "Acts.")]


class _Notes(flight.ServerMiddlewareFactory):
    def __init__(self):
        self.headers = []

    def start_call(self, info, headers):
        self.headers.append({k.lower(): v for k, v in headers.items()})


@pytest.fixture
def backend():
    with Backend() as server:
        yield server


@pytest.fixture
def proxy(backend):
    with FlightProxy("grpc://127.0.0.1:0", backend.url, {"far:1": "localhost:9"}) as running:
        yield running


@pytest.fixture
def connection(proxy):
    with flight.connect(f"grpc://127.0.0.1:{proxy.port}") as connected:
        yield connected


# -- FlightProxy ---------------------------------------------------------------------------


def test_a_client_finds_everything_behind_a_proxy(server, client):
    with FlightProxy("grpc://127.0.0.1:0", server.url, {}) as proxy:
        through = carryall.Client(f"grpc://127.0.0.1:{proxy.port}")
        assert through.count() == client.count() > 0
        assert [c.name for c in through.find()] == [c.name for c in client.find()]
        assert through.server_info() == client.server_info()
        names = ["X1:PYT-RAMP", "X1:PYT-NOISE"]
        near, far = (one.fetch(names, 10**9, 10**9 + 2) for one in (through, client))
        for name in names:
            assert near[name].data.tolist() == far[name].data.tolist()
        with pytest.raises(errors.UnavailableError, match="X9:NOPE"):
            through.describe(["X9:NOPE"])


def test_plans_get_new_locations_and_keep_the_rest(connection):
    descriptor = flight.FlightDescriptor.for_path("a", "b")
    for info in (connection.get_flight_info(descriptor),
                 *connection.list_flights(b"criteria")):
        assert [[str(location.uri, "ascii") for location in endpoint.locations]
                for endpoint in info.endpoints] == [
            ["grpc://localhost:9", "grpc://near:2"], ["arrow-flight-reuse-connection://?"]]
        assert [endpoint.ticket.ticket for endpoint in info.endpoints] == [b"one", b"two"]
        assert (info.total_records, info.total_bytes, info.ordered, info.app_metadata) == (
            7, 8, True, b"plan")
        assert info.schema == SCHEMA
        assert info.descriptor in (descriptor, flight.FlightDescriptor.for_command(b"criteria"))


def test_everything_else_passes_as_it_is(connection):
    assert connection.get_schema(flight.FlightDescriptor.for_path("x")).schema == SCHEMA
    assert connection.do_get(flight.Ticket(b"t")).read_all()["n"].to_pylist() == [1, 2, 3]
    results = list(connection.do_action(flight.Action("act", b"body")))
    assert [result.body.to_pybytes() for result in results] == [b"act", b"body"]
    assert connection.list_actions() == [flight.ActionType("act", "Acts.")]


def test_authorization_is_relayed(backend, connection):
    options = flight.FlightCallOptions(headers=[(b"authorization", b"Bearer tok"),
                                                (b"x-mine", b"1")])
    connection.list_actions(options)
    connection.do_get(flight.Ticket(b"t"), options).read_all()
    assert [seen.get("authorization") for seen in backend.notes.headers] == [["Bearer tok"]] * 2
    assert not any("x-mine" in seen for seen in backend.notes.headers)
    connection.list_actions()
    assert "authorization" not in backend.notes.headers[-1]


def test_uploads_are_refused(connection):
    assert PUBLISH_UNSUPPORTED_MSG == "publishing through the SSH proxy is not supported"
    with pytest.raises(flight.FlightServerError, match=PUBLISH_UNSUPPORTED_MSG):
        writer, _ = connection.do_put(flight.FlightDescriptor.for_path("x"), SCHEMA)
        writer.close()
    with pytest.raises(flight.FlightServerError, match=PUBLISH_UNSUPPORTED_MSG):
        connection.do_exchange(flight.FlightDescriptor.for_path("x"))[1].read_chunk()


def test_the_map_can_be_changed(proxy, connection):
    assert proxy.proxy_map == {"far:1": "localhost:9"}
    proxy.proxy_map = {"near:2": "localhost:5"}
    info = connection.get_flight_info(flight.FlightDescriptor.for_path("x"))
    assert [location.uri for location in info.endpoints[0].locations] == [
        b"grpc://far:1", b"grpc://localhost:5"]


def test_serve_waits_for_shutdown(backend):
    proxy = FlightProxy("grpc://127.0.0.1:0", backend.url, {})
    serving = threading.Thread(target=proxy.serve)
    serving.start()
    with flight.connect(f"grpc://127.0.0.1:{proxy.port}") as connected:
        assert connected.list_actions()
        assert serving.is_alive()
        proxy.shutdown()
        serving.join(20)
        assert not serving.is_alive()
        with pytest.raises(flight.FlightUnavailableError):
            connected.list_actions()
    proxy.wait()


def test_what_cannot_be_served_is_refused(backend, proxy):
    with pytest.raises(OSError, match=str(proxy.port)):
        FlightProxy(f"grpc://127.0.0.1:{proxy.port}", backend.url, {})
    with pytest.raises(ValueError, match="http"):
        FlightProxy("grpc://127.0.0.1:0", "http://x", {})
    with pytest.raises(errors.UnsupportedError, match="verify_client"):
        FlightProxy("grpc://127.0.0.1:0", backend.url, {}, verify_client=True)


# -- ssh_proxy -----------------------------------------------------------------------------


class Local:
    """A connection whose remote host is this machine."""

    def __init__(self, destination, server=b""):
        self.destination, self.server = destination, server
        self.forward_map, self.events = {}, []

    def exec(self, ssh_cmd=None, shell_cmd=None, **kwargs):
        self.events.append(shell_cmd)
        return subprocess.CompletedProcess([], 0, self.server, b"")

    def forward_port(self, remote_hostport, local_port=None, *, wait=False):
        self.events.append(remote_hostport)
        self.forward_map[remote_hostport] = remote_hostport
        return remote_hostport

    def __enter__(self):
        self.events.append("enter")
        return self

    def __exit__(self, *details):
        self.events.append("exit")


@contextlib.contextmanager
def opened(server=b"", **how):
    """What ssh_proxy() gives, and the connection it made."""
    made = []

    def connect(destination):
        made.append(Local(destination, server))
        return made[0]

    with ssh_proxy("me@host", connection_factory=connect, **how) as url:
        yield url, made[0]
    assert made[0].events[-1] == "exit"


def test_the_server_is_the_one_that_the_host_names(server):
    with opened(server.url.encode() + b"\n") as (url, connection):
        assert url.startswith("grpc://localhost:")
        assert carryall.Client(url).count() == 3
        assert connection.destination == "me@host"
        assert connection.events == [
            "enter", ["printenv", "ARRAKIS_SERVER"], server.url.removeprefix("grpc://")]
    with pytest.raises(ConnectionError):
        carryall.Client(url).count()


@pytest.mark.parametrize("spelled", ["{url}", "{place}"])
def test_the_server_can_be_given(server, spelled):
    place = server.url.removeprefix("grpc://")
    given = spelled.format(url=server.url, place=place)
    with opened(arrakis_server=given, bind_address="127.0.0.1:0") as (url, connection):
        assert url.startswith("grpc://127.0.0.1:")
        assert carryall.Client(url).count() == 3
        assert connection.events == ["enter", place]


def test_a_host_that_names_no_server(server):
    with pytest.raises(ValueError, match="ARRAKIS_SERVER"), opened(b"\n"):
        pass


def test_a_place_that_is_taken_or_none(server):
    def never(destination):
        raise AssertionError("connected for nothing")

    with pytest.raises(OSError, match=server.url.removeprefix("grpc://")):
        with ssh_proxy("h", server.url, server.url.removeprefix("grpc://"), never):
            pass
    for place in ("localhost", "a:b:c"):
        with pytest.raises(ValueError, match=place):
            with ssh_proxy("h", server.url, place, never):
                pass


def test_exceptions_of_a_connection_come_through(server):
    class Broken(Local):
        def forward_port(self, remote_hostport, local_port=None, *, wait=False):
            raise KeyError("mine")

    made = []
    with pytest.raises(KeyError, match="mine"):
        with ssh_proxy("h", server.url, None, lambda d: made.append(Broken(d)) or made[0]):
            pass
    assert made[0].events == ["enter", "exit"]


# -- SSHConnection -------------------------------------------------------------------------


FAKE_SSH = """#!/bin/sh
echo "$@" >> "$FAKE_SSH_LOG"
case "$*" in
  *refused*) echo "ssh: Connection refused" >&2; exit 255 ;;
  *-M*) echo carryall-connected; exec cat ;;
  *printf*) printf hello ;;
  *taken*) echo "cannot listen to port" >&2; exit 255 ;;
esac
"""


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """An ssh that connects nowhere; gives the file with its command lines."""
    program = tmp_path / "ssh"
    program.write_text(FAKE_SSH)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SSH_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield tmp_path / "log"
    assert not list(tmp_path.glob("carryall-ssh-*"))


def test_a_connection_runs_commands_and_forwards(ssh):
    with SSHConnection("me@host") as connection:
        done = connection.exec(shell_cmd=["printf", "hello"], capture_output=True, check=True)
        assert (done.returncode, done.stdout) == (0, b"hello")
        assert connection.forward_port("far:1", 4567) == "localhost:4567"
        picked = connection.forward_port("far:2")
        assert connection.forward_map == {"far:1": "localhost:4567", "far:2": picked}
        with pytest.raises(TimeoutError, match="localhost:"):
            connection.forward_port("far:3", wait=True, timeout=0.1)
        with pytest.raises(ConnectionError, match="cannot listen to port"):
            connection.forward_port("taken:1")
    words = ssh.read_text().splitlines()
    assert "me@host" in words[0] and words[1].endswith("me@host printf hello")
    assert "-O forward -L localhost:4567:far:1 me@host" in words[2]
    assert connection.forward_map == {}
    with pytest.raises(ConnectionError, match="not connected"):
        connection.exec(shell_cmd=["true"])


def test_a_forward_can_be_waited_for(ssh, silent_server):
    port = silent_server.getsockname()[1]
    with SSHConnection("host") as connection:
        assert connection.forward_port("far:1", port, wait=True) == f"localhost:{port}"


def test_a_connection_that_fails_says_what_ssh_said(ssh):
    with pytest.raises(ConnectionError, match="ssh: Connection refused"):
        SSHConnection("refused").connect()
    for destination in ("", "-oProxyCommand=x", "a b"):
        with pytest.raises(ValueError, match="destination"):
            SSHConnection(destination).connect()
