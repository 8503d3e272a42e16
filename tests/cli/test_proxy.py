"""Servers behind a login host: ssh:// URLs and `exec`, with an ssh of our own making whose
hosts are this machine (harness/fake_ssh.py), and with OpenSSH's."""

import getpass
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from pyarrow import flight

from harness import clients, fake_ssh, scripted, servers
from harness.ports import free_ports
from harness.processes import Program, clean_environment, run
from harness.waiting import until

TYPES = servers.FIXTURES / "types.toml"
I32 = "T1:INT-I32"
SPAN = ["--start", "1000000000", "--end", "1000000001"]


class Remote:
    """A login host that reaches `server`, to be put into the environment of a program."""

    def __init__(self, directory, server, hosts=()):
        self.log = directory / "ssh.log"
        self.temporary = directory / "tmp"
        self.temporary.mkdir()
        self.environment = {"PATH": fake_ssh.install(directory), "FAKE_SSH_LOG": self.log,
                            "FAKE_SSH_SERVER": server, "TMPDIR": self.temporary,
                            "FAKE_SSH_HOSTS": json.dumps(dict(hosts))}

    def run(self, *argv, **environment):
        return run([servers.carryall(), *argv], **{**self.environment, **environment})

    def start(self, *argv):
        return Program([servers.carryall(), *argv], clean_environment(**self.environment))

    def calls(self):
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def is_left(self):
        """Whether anything is left of the connections: a process or a file."""
        return bool(list(self.temporary.iterdir())) or any(
            os.path.exists(f"/proc/{call['pid']}") and "fake_ssh" in
            open(f"/proc/{call['pid']}/cmdline").read() for call in self.calls())


@pytest.fixture(params=["ours", "stock"])
def server(request, pool):
    return pool.get(request.param, TYPES)


@pytest.fixture
def ours(pool):
    return pool.get("ours", TYPES)


@pytest.fixture
def remote(tmp_path, ours):
    return Remote(tmp_path, ours.url)


def host_port(url):
    return url.removeprefix("grpc://")


# -- client verbs --------------------------------------------------------------------------


@pytest.mark.parametrize("question", [
    ["count", "T1:INT"], ["find", "T1", "--json"], ["describe", I32, "--json"],
    ["fetch", I32, "T1:MIX-FAST", *SPAN, "--json"], ["stream", I32, *SPAN, "--json"],
    ["domains"], ["replays"], ["server-info"]], ids=" ".join)
def test_verbs_say_the_same_through_ssh(tmp_path, server, question):
    remote = Remote(tmp_path, server.url)
    directly = run([servers.carryall(), "-u", server.url, *question])
    through = remote.run("-u", "ssh://me@host", *question)
    assert (directly.status, through.status, through.err) == (0, 0, ""), through
    if question == ["server-info"]:  # how it is reached is another matter
        directly.out, through.out = (re.sub("endpoints: .*", "", done.out)
                                     for done in (directly, through))
    assert through.out == directly.out
    assert not remote.is_left()


@pytest.mark.parametrize("url, destination", [
    ("ssh://host", "ssh://host"), ("ssh://me@host:22", "ssh://me@host:22"),
    ("ssh://host::rhost", "ssh://host"), ("ssh://host::rhost:7", "ssh://host"),
    ("ssh://host:22::rhost", "ssh://host:22"), ("ssh://me@host:22::rhost:7", "ssh://me@host:22"),
])
def test_every_form_of_url(tmp_path, ours, url, destination):
    there = {"rhost:31206": host_port(ours.url), "rhost:7": host_port(ours.url)}
    remote = Remote(tmp_path, ours.url, there)
    for done in (remote.run("-u", url, "count", "T1:INT"),
                 remote.run("count", "T1:INT", ARRAKIS_SERVER=url)):
        assert (done.status, done.out, done.err) == (0, "8\n", "")
    masters = [call["words"] for call in remote.calls() if "-M" in call["words"]]
    assert len(masters) == 2 and all(destination in words for words in masters)
    asks = any("printenv" in call["words"] for call in remote.calls())
    assert asks == ("::" not in url)


class Platform(scripted.ScriptedServer):
    """A server that sends clients on to another, by a name that only remote hosts resolve."""

    OTHER = "second.site:31207"

    def __init__(self):
        super().__init__([])
        self.endpoints["Describe"] = lambda args: [(args, [f"grpc://{self.OTHER}".encode()])]

    def do_action(self, context, action):
        assert action.type == "scope-map"
        yield flight.Result(json.dumps({"endpoints": {f"grpc://{self.OTHER}": {}}}).encode())


def test_all_servers_of_the_platform_are_reached(tmp_path, ours):
    with Platform() as first:
        remote = Remote(tmp_path, "first.site",
                        {"first.site:31206": host_port(first.url),
                         Platform.OTHER: host_port(ours.url)})
        unreachable = run([servers.carryall(), "-u", first.url, "describe", I32, "--timeout", "5"])
        assert unreachable.status != 0
        directly = run([servers.carryall(), "-u", ours.url, "describe", I32, "--json"])
        through = remote.run("-u", "ssh://host", "describe", I32, "--json")
        assert (through.status, through.out) == (0, directly.out), through


@pytest.mark.parametrize("url, status, words", [
    ("ssh://refused", 1, ["ssh to refused", "exit status 255", "Connection refused"]),
    ("ssh://host::127.0.0.1:{free}", 1, ["server 127.0.0.1:{free} of the remote host"]),
    ("ssh://host::", 2, ["no server after"]),
    ("ssh://host:x", 2, ["port"]),
    ("ssh://-oProxyCommand=true", 2, ["no host"]),
])
def test_what_is_wrong_is_said(remote, free_port, url, status, words):
    url = url.format(free=free_port)
    done = remote.run("-q", "-u", url, "count", "T1:INT")
    assert (done.status, done.out) == (status, ""), done
    said = done.err.splitlines()[-1]
    for word in (url, *words):
        assert word.format(free=free_port) in said
    assert not remote.is_left()


def test_a_host_that_does_not_name_its_server(tmp_path):
    remote = Remote(tmp_path, "")
    done = remote.run("-u", "ssh://host", "count")
    assert done.status == 2 and "ARRAKIS_SERVER" in done.err and "ssh://host::" in done.err
    assert not remote.is_left()


def test_no_ssh(tmp_path, ours):
    (tmp_path / "setpriv").symlink_to(shutil.which("setpriv"))  # what starts our programs
    done = run([servers.carryall(), "-u", f"ssh://host::{host_port(ours.url)}", "count"],
               PATH=tmp_path)
    assert done.status == 1 and "ssh to host failed (exit status 127)" in done.err, done


def test_errors_of_a_server_behind_ssh_name_both(remote):
    done = remote.run("-u", "ssh://me@host", "describe", "T9:NOPE")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("carryall: ssh://me@host: ") and "T9:NOPE" in done.err


def test_publishing_is_refused(remote):
    done = remote.run("-u", "ssh://host", "publish", "X", "-")
    assert done.status == 1
    assert done.err == "carryall: publishing through the SSH proxy is not supported\n"
    assert remote.calls() == []


SCRIPT = """
import carryall
def use(*url):
    client = carryall.Client(*url)
    print(client.count("T1:INT"), client.fetch(["T1:INT-I32"], 1000000000).duration_ns, client)
use("ssh://me@host")
use()
carryall.Client().count()
kept = carryall.Client()  # until the end of the interpreter
"""


def test_the_package_takes_ssh_urls(remote):
    done = run([sys.executable, "-c", SCRIPT], ARRAKIS_SERVER="ssh://host:22",
               PYTHONPATH=servers.ROOT / "build/release/python", **remote.environment)
    assert (done.status, done.out) == (0, "8 62500000 Client('ssh://me@host')\n"
                                          "8 62500000 Client('ssh://host:22')\n"), done
    assert len([call for call in remote.calls() if "-M" in call["words"]]) == 4
    assert not remote.is_left()


# -- the end of connections ----------------------------------------------------------------


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 0), (signal.SIGTERM, 143),
                                            (signal.SIGKILL, -9)])
def test_nothing_is_left_of_a_stream_that_is_ended(remote, number, status):
    with remote.start("-u", "ssh://host", "stream", I32, "--json") as program:
        program.wait_for_line(re.compile(I32), program.out)
        program.signal(number)
        assert program.wait(10) == status, program.describe()
    if number == signal.SIGKILL:  # nobody could tidy up: ssh ends for want of input
        shutil.rmtree(next(remote.temporary.iterdir()), ignore_errors=True)
    until(lambda: not remote.is_left())


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_connecting_can_be_interrupted(remote, number, status):
    with remote.start("-u", "ssh://silent", "count") as program:
        until(remote.calls)
        program.signal(number)
        assert program.wait(10) == status, program.describe()
        assert program.err == []
    until(lambda: not remote.is_left())


# -- exec ----------------------------------------------------------------------------------


def test_exec_gives_the_server_to_a_command(ours):
    def said(*argv, **environment):
        done = run([servers.carryall(), *argv], **environment)
        assert done.err == "", done
        return done.status, done.out

    assert said("-u", ours.url, "exec", "--", "echo", "$ARRAKIS_SERVER", "a  b") == (
        0, f"{ours.url} a b\n")
    assert said("-u", "abc", "exec", "echo $ARRAKIS_SERVER | cat") == (0, "grpc://abc:31206\n")
    assert said("exec", "echo", "$ARRAKIS_SERVER", ARRAKIS_SERVER="zz:5") == (0, "grpc://zz:5\n")
    assert said("proxy", "--", "echo", "-n", "$ARRAKIS_SERVER") == (0, "grpc://localhost:31206")
    assert said("-u", ours.url, "exec", "exit", "3") == (3, "")
    assert said("exec", "--", "kill -TERM $$") == (143, "")
    assert said("exec", "cat", "/dev/null") == (0, "")


def test_exec_runs_a_command_with_a_proxy(remote):
    done = remote.run("-u", "ssh://host", "exec", "--bind", "localhost:0", "--",
                      f"echo $ARRAKIS_SERVER; {servers.carryall()} count T1:INT; exit 7")
    assert (done.status, done.err) == (7, ""), done
    assert re.fullmatch(r"grpc://localhost:\d+\n8\n", done.out)
    assert not remote.is_left()


def test_exec_keeps_a_proxy_open(tmp_path, server):
    """Stock clients and ours find everything where it says."""
    remote = Remote(tmp_path, server.url)
    with remote.start("-u", "ssh://me@host", "exec", "--bind", "127.0.0.1:0") as program:
        url = program.wait_for_line(re.compile(r"^ARRAKIS_SERVER=(grpc://127\.0\.0\.1:\d+)$"),
                                    program.out).group(1)
        span = dict(start=10**9, end=10**9 + 1)
        for name in ("stock", "python"):
            client = clients.make(name, tmp_path)
            assert client.count(url, "T1:INT") == 8
            directly, through = (client.fetch(at, [I32], **span) for at in (server.url, url))
            assert through.list(I32) == directly.list(I32)
            for at in (server.url, url):
                with pytest.raises(clients.Failed, match="T9:NOPE"):
                    client.describe(at, ["T9:NOPE"])
        program.signal(signal.SIGINT)
        assert program.wait(10) == 0, program.describe()
        assert program.err == []
    until(lambda: not remote.is_left())


def test_every_call_is_forwarded(remote, ours):
    with remote.start("-u", "ssh://host", "proxy", "--bind", "localhost:0") as program:
        url = program.wait_for_line(re.compile(r"^ARRAKIS_SERVER=(.*)$"), program.out).group(1)
        there, here = (flight.connect(at) for at in (ours.url, url))
        assert here.list_actions() == there.list_actions()
        descriptors = [[info.descriptor for info in at.list_flights()] for at in (there, here)]
        assert descriptors[0] == descriptors[1] and descriptors[0]
        for descriptor in descriptors[0]:
            assert here.get_schema(descriptor).schema == there.get_schema(descriptor).schema
        for refused in (lambda: here.do_put(descriptor, here.get_schema(descriptor).schema)[0]
                        .close(), lambda: here.do_exchange(descriptor)[1].read_chunk()):
            with pytest.raises(flight.FlightServerError,
                               match="publishing through the SSH proxy is not supported"):
                refused()
        here.close()
        there.close()


def test_exec_where_the_place_is_taken(remote, ours):
    done = remote.run("-u", "ssh://host", "exec", "--bind", host_port(ours.url), "true")
    assert done.status == 1 and host_port(ours.url) in done.err, done
    assert remote.calls() == []


def test_exec_ends_with_the_connection(tmp_path, ours):
    remote = Remote(tmp_path, ours.url)
    with remote.start("-u", "ssh://host", "exec", "--bind", "localhost:0") as program:
        program.wait_for_line(re.compile("ARRAKIS_SERVER"), program.out)
        master = next(call for call in remote.calls() if "-M" in call["words"])
        os.kill(master["pid"], signal.SIGTERM)
        assert program.wait(20) == 1, program.describe()
        assert "the connection ended" in program.err[-1]
    until(lambda: not remote.is_left())


def test_signals_are_passed_on_to_the_command(ours):
    script = "trap 'echo int' INT; trap 'echo term; exit 9' TERM; echo ready; while :; do sleep 0.1; done"
    with Program([servers.carryall(), "exec", "--", script]) as program:
        program.wait_for_line(re.compile("ready"), program.out)
        program.signal(signal.SIGINT)
        program.wait_for_line(re.compile("int"), program.out)
        program.signal(signal.SIGTERM)
        program.wait_for_line(re.compile("term"), program.out)
        assert program.wait(10) == 9, program.describe()


# -- a real ssh ----------------------------------------------------------------------------


@pytest.fixture
def sshd(tmp_path):
    """An SSH server on loopback (harness/ssh_server.py), for this user with a key of the test's
    own; gives the directory whose `ssh`, which is OpenSSH's, connects to it, and its port."""
    directory = tmp_path / "sshd"
    directory.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name],
                       check=True, stdin=subprocess.DEVNULL, timeout=30)
    port = free_ports(1)[0]
    (directory / "ssh_config").write_text(
        f"Host *\n  IdentityFile {directory}/user\n  IdentitiesOnly yes\n  BatchMode yes\n"
        f"  StrictHostKeyChecking accept-new\n  UserKnownHostsFile {directory}/known\n")
    wrapper = directory / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {directory}/ssh_config "$@"\n')
    wrapper.chmod(0o755)
    with Program([sys.executable, "-m", "harness.ssh_server", port, directory / "host",
                  directory / "user.pub"],
                 clean_environment(PYTHONPATH=servers.ROOT / "tests")) as running:
        def answers():
            assert running.running, running.describe()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        until(answers)
        yield directory, port


def test_a_real_ssh(sshd, ours, tmp_path):
    directory, port = sshd
    how = {"PATH": f"{directory}:{os.environ['PATH']}", "TMPDIR": tmp_path}
    url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}::{host_port(ours.url)}"
    done = run([servers.carryall(), "-u", url, "fetch", I32, *SPAN, "--json"], **how)
    directly = run([servers.carryall(), "-u", ours.url, "fetch", I32, *SPAN, "--json"])
    assert (done.status, done.out, done.err.count("carryall:")) == (0, directly.out, 0), done
    with Program([servers.carryall(), "-u", url, "exec", "--bind", "localhost:0"],
                 clean_environment(**how)) as program:
        proxy = program.wait_for_line(re.compile("^ARRAKIS_SERVER=(.*)"), program.out).group(1)
        assert clients.make("stock", tmp_path).count(proxy, "T1:INT") == 8
        program.signal(signal.SIGINT)
        assert program.wait(10) == 0, program.describe()
    for wrong, word in ((f"ssh://nobody-here@127.0.0.1:{port}", "Permission denied"),
                        (f"ssh://127.0.0.1:{free_ports(1)[0]}", "Connection refused")):
        done = run([servers.carryall(), "-u", wrong, "count"], **how)
        assert done.status == 1 and word in done.err, done
    assert list(tmp_path.glob("carryall-ssh-*")) == []
