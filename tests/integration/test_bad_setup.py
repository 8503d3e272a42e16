"""Servers that cannot start, say why and where, and end."""

import socket

import pytest

from harness import servers
from harness.processes import run

HEAD = """\
[common]
stride = 62_500_000
sample_rate = 16
data_type = "float32"

"""

# What stands behind HEAD from line 6 on, the line that is at fault, and what must be named.
BAD_TOML = {
    "syntax": ('["T1:A-B"\n', 6, None),
    "unterminated": ('["T1:A-B"]\nfunc = "1\n', 7, None),
    "name-without-domain": ("[nocolon]\n", 6, "nocolon"),
    "unknown-type": ('["T1:A-B"]\ndata_type = "complex64"\n', 7, "complex64"),
    "type-is-number": ('["T1:A-B"]\ndata_type = 32\n', 7, "data_type"),
    "rate-zero": ('["T1:A-B"]\nsample_rate = 0\n', 7, "sample_rate"),
    "rate-negative": ('["T1:A-B"]\nsample_rate = -16\n', 7, "sample_rate"),
    "rate-is-text": ('["T1:A-B"]\nsample_rate = "16"\n', 7, "sample_rate"),
    "rate-fractional": ('["T1:A-B"]\nsample_rate = 10.5\n', 7, "sample_rate"),
    "stride-zero": ('["T1:A-B"]\nstride = 0\n', 7, "stride"),
    "stride-negative": ('["T1:A-B"]\nstride = -1\n', 7, "stride"),
    "formula-syntax": ('["T1:A-B"]\nfunc = "sin(t"\n', 7, "T1:A-B"),
    "formula-unknown-name": ('["T1:A-B"]\nfunc = "sin(x)"\n', 7, "x"),
    "formula-unknown-function": ('["T1:A-B"]\nfunc = "sinus(t)"\n', 7, "sinus"),
    "formula-python": ('["T1:A-B"]\nfunc = "__import__(\'os\').getpid()"\n', 7, "T1:A-B"),
    "formula-is-list": ('["T1:A-B"]\nfunc = [1]\n', 7, "func"),
    "formula-deep": ('["T1:A-B"]\nfunc = "%s"\n' % ("(" * 100_000), 7, "T1:A-B"),
    "formula-long": ('["T1:A-B"]\nfunc = "%s1"\n' % ("1+" * 1_000_000), 7, "T1:A-B"),
    "repeated": ('["T1:A-B"]\n["T1:A-B"]\n', 7, None),
}


def serve(*argv, **how):
    return run([servers.carryall(), "serve", "-u", "0", *argv], timeout=30, **how)


def assert_cannot_start(done, *words):
    assert done.status == 1, done
    assert done.out == ""
    for word in words:
        assert str(word) in done.err, done
    assert "Traceback" not in done.err and "terminate called" not in done.err


@pytest.mark.parametrize("name", BAD_TOML)
def test_bad_channel_file_is_named_with_its_line(tmp_path, name):
    text, line, named = BAD_TOML[name]
    path = tmp_path / "channels.toml"
    path.write_text(HEAD + text)
    done = serve("mock", path)
    assert_cannot_start(done, *([named] if named else []))
    # What is wrong with a channel may be shown at its name or at the key.
    lines = {line, 6} if text.startswith('["T1:A-B"]') else {line}
    assert any(f"channels.toml:{at}:" in done.err for at in lines), done


def test_channel_must_be_a_table(tmp_path):
    path = tmp_path / "channels.toml"
    path.write_text('# no table\n"T1:A-B" = 1\n')
    assert_cannot_start(serve("mock", path), "channels.toml:2", "T1:A-B")


def test_same_channel_in_two_files(tmp_path):
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(HEAD + '["T1:A-B"]\n')
    done = serve("mock", tmp_path / "a.toml", tmp_path / "b.toml")
    assert_cannot_start(done, "T1:A-B", "b.toml")


def test_files_that_are_no_channel_files(tmp_path):
    assert_cannot_start(serve("mock", tmp_path / "not-there.toml"), "not-there.toml")
    assert_cannot_start(serve("mock", tmp_path), tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(bytes(range(256)) * 100)
    assert_cannot_start(serve("mock", binary), "binary.toml")


def test_directory_that_is_no_archive(tmp_path):
    assert_cannot_start(serve("archive", tmp_path), tmp_path)
    assert_cannot_start(serve("archive", tmp_path / "not-there"), "not-there")
    a_file = tmp_path / "file"
    a_file.write_text("hello")
    assert_cannot_start(serve("archive", a_file), a_file)


@pytest.mark.parametrize("text, named", [
    ("replays: [", "scopes.yaml:1"),
    ("replays:\n  R: {start: 1}\n", "R"),
    ("replays:\n  R: {start: 5, end: 5}\n", "R"),
    ("grpc://127.0.0.1:1:\n  scopes:\n    H1: [{all: false}]\n", "all"),
    ("a: &a [*a]\n", "scopes.yaml"),
    ("\t- x", "scopes.yaml:1"),
], ids=["syntax", "half-replay", "empty-replay", "all-false", "cycle", "tab"])
def test_bad_scope_map_is_named(tmp_path, text, named):
    path = tmp_path / "scopes.yaml"
    path.write_text(text)
    done = serve("--scope-map", path, "mock", servers.FIXTURES / "CF.toml")
    assert_cannot_start(done, "scopes.yaml", named)


def test_port_in_use():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run([servers.carryall(), "serve", "-u", f"grpc://127.0.0.1:{port}", "mock",
                    servers.FIXTURES / "CF.toml"], timeout=30)
    assert_cannot_start(done, port)


def test_port_of_another_server(pool):
    taken = pool.get("ours", servers.FIXTURES / "CF.toml").url
    done = run([servers.carryall(), "serve", "-u", taken, "mock",
                servers.FIXTURES / "CF.toml"], timeout=30)
    assert_cannot_start(done, taken.rsplit(":", 1)[1])


@pytest.mark.parametrize("argv", [
    ["--frobnicate"], ["--with-faults", "nonsense"], ["--fault-interval", "x"],
    ["--fault-interval", "0"],
], ids=" ".join)
def test_wrong_options_are_usage_errors(argv):
    done = run([servers.carryall(), "serve", "-u", "0", "mock", *argv], timeout=30)
    assert done.status == 2 and argv[-1] in done.err, done


@pytest.mark.parametrize("url", ["grpc://127.0.0.1:99999", "grpc://127.0.0.1:x", "127.0.0.1:-1"])
def test_wrong_addresses_are_usage_errors(url):
    done = run([servers.carryall(), "serve", "-u", url, "mock"], timeout=30)
    assert done.status == 2 and url in done.err, done


def test_unknown_backend_is_a_usage_error():
    done = run([servers.carryall(), "serve", "frobnicator"], timeout=30)
    assert done.status == 2 and "frobnicator" in done.err, done
