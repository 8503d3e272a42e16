"""`carryall publish` as far as it goes without brokers (tests/kafka has the rest)."""

import re
import signal
import subprocess

import pytest

from harness import servers
from harness.processes import Program, run

TYPES = servers.FIXTURES / "types.toml"


def refused(status, *argv, **how):
    """What the program says when it refuses: one line, and nothing on standard output."""
    done = run([servers.carryall(), "publish", *argv], **how)
    assert done.status == status and done.out == "", done
    assert re.fullmatch(r"carryall: [^\n]+\n", done.err), done
    return done.err


@pytest.mark.parametrize("argv, words", [
    ([], ["publisher"]),
    (["PUB"], ["--mock", "standard input"]),
    (["PUB", "a.h5", "--mock", TYPES], ["--mock"]),
    (["PUB", "a.h5", "--start", "5"], ["--start", "--mock"]),
    (["PUB", "--mock", TYPES, "--start", "soon"], ["--start", "soon"]),
    (["PUB", "--mock", TYPES, "--duration", "long"], ["--duration", "long"]),
    (["PUB", "--mock", TYPES, "--end", "1", "--duration", "1"], ["--end"]),
    (["PUB", "--mock", TYPES, "--live"], ["--live"]),
    (["PUB", "--mock", TYPES, "--delivery-timeout", "0"], ["delivery timeout"]),
    (["PUB", "--mock", TYPES, "--timeout", "no"], ["--timeout"]),
    (["PUB", "-", "--known-only"], ["--known-only"]),
    (["PUB", TYPES], ["types.toml", "neither HDF5 nor Arrow"]),
    (["", "--mock", TYPES], ["ID"]),
], ids=lambda value: " ".join(map(str, value)).replace(str(TYPES), "T"))
def test_wrong_words_are_named(argv, words):
    text = refused(2, *argv, "-u", "grpc://127.0.0.1:1")
    assert all(word in text for word in words), text


def test_what_is_not_there_is_named(free_port):
    assert "no-such.h5" in refused(1, "PUB", "no-such.h5")
    assert "no-such.toml" in refused(1, "PUB", "--mock", "no-such.toml")
    assert f"127.0.0.1:{free_port}" in refused(
        1, "PUB", "--mock", TYPES, "-u", f"grpc://127.0.0.1:{free_port}")
    assert "standard input" in refused(1, "PUB", "-", input="no Arrow stream")


def test_a_server_that_knows_no_such_publisher(pool):
    url = pool.get("ours", TYPES).url
    assert "'NOBODY'" in refused(2, "NOBODY", "--mock", TYPES, "-u", url)


def test_ctrl_c_ends_the_wait_for_standard_input():
    waits = Program([servers.carryall(), "publish", "-v", "PUB", "-"], stdin=subprocess.PIPE)
    with waits:
        # Its handler is there before it reads; a signal before that ends it as well.
        waits.signal(signal.SIGINT)
        assert waits.wait() in (130, -signal.SIGINT)


def test_help_and_completion_know_it():
    done = run([servers.carryall(), "publish", "--help"])
    assert done.status == 0 and "--transactional" in done.out and "ARRAKIS_TOKEN" in done.out
    for shell in ("bash", "zsh", "fish"):
        script = run([servers.carryall(), "completion", shell])
        assert "publish" in script.out and "known-only" in script.out
