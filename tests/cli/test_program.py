"""The program's own manners: options, formats, exit statuses, signals, completion."""

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import time

import h5py
import pyarrow.parquet
import pytest
from pyarrow import ipc

from harness import servers
from harness.processes import Program, clean_environment, run

TYPES = servers.FIXTURES / "types.toml"
I32, FAST, SLOW = "T1:INT-I32", "T1:MIX-FAST", "T1:MIX-SLOW"
SPAN = ["--start", "1000000000", "--end", "1000000001"]


def carryall(*argv, **how):
    return run([servers.carryall(), *argv], **how)


def ok(*argv, **how):
    done = carryall(*argv, **how)
    assert (done.status, done.err) == (0, ""), done
    return done.out


def refused(status, *argv, **how):
    """What the program says when it refuses: one line, and nothing on standard output."""
    done = carryall(*argv, **how)
    assert done.status == status and done.out == "", done
    assert re.fullmatch(r"carryall: [^\n]+\n", done.err), done
    return done.err


@pytest.fixture
def url(pool):
    return pool.get("ours", TYPES).url


@pytest.fixture(scope="module")
def crowd(pool, tmp_path_factory):
    """A server of 2500 channels."""
    path = tmp_path_factory.mktemp("crowd") / "crowd.toml"
    names = "".join(f'["C1:CRW-{n:04}"]\n' for n in range(2500))
    path.write_text('[common]\nstride = 62_500_000\nmax_latency = 1_000_000_000\n'
                    f'sample_rate = 16\ndata_type = "float32"\n{names}')
    return pool.get("ours", path).url


# -- options -------------------------------------------------------------------------------


def test_version_and_help_may_stand_anywhere():
    version = ok("--version")
    assert re.fullmatch(r"carryall \d+\.\d+\.\d+\n", version)
    assert ok("find", "X", "--version") == version
    assert "fetch" in ok() and ok() == ok("--help")
    assert "--min-rate" in ok("find", "--help") and "--min-rate" in ok("search", "-h")
    assert "31206" in ok("--url-help")


@pytest.mark.parametrize("argv", [
    ["-u", "{url}", "count", "T1:INT"], ["count", "T1:INT", "--url", "{url}"],
    ["count", "-u", "{url}", "T1:INT"], ["-q", "count", "T1:INT", "-u", "{url}"],
    ["count", "T1:INT", "-q", "-u", "{url}"]], ids=" ".join)
def test_global_options_stand_before_and_after_the_verb(url, argv):
    assert ok(*(word.format(url=url) for word in argv)) == "8\n"


@pytest.mark.parametrize("argv, word", [
    (["frobnicate"], "frobnicate"),
    (["find"], "PATTERN"),
    (["fetch"], "CHANNEL"),
    (["find", "X", "--json", "--csv"], "--csv"),
    (["find", "X", "--no-such-option"], "--no-such-option"),
    (["find", "X", "--min-rate", "fast"], "fast"),
    (["find", "X", "--min-rate", "-1"], "--min-rate"),
    (["find", "X", "--data-type", "float99"], "float99"),
    (["find", "X", "--data-type", "int8"], "int8"),
    (["find", "X", "--time", "yesterday-ish"], "yesterday-ish"),
    (["fetch", "X:Y", "--start", "1", "--end", "2", "--duration", "1"], "--duration"),
    (["fetch", "X:Y", "--start", "some day"], "--start"),
    (["fetch", "X:Y", "--start", "1", "--end", "2", "-o", "x.docx"], ".parquet"),
    (["fetch", "X:Y", "--replay-start", "1"], "--replay-end"),
    (["stream", "X:Y", "--on-gap", "panic"], "panic"),
    (["stream", "X:Y", "--stride", "often"], "--stride"),
    (["count", "--timeout", "0"], "--timeout"),
    (["count", "-q", "-v"], "--verbose"),
    (["count", "-u", "http://x"], "http"),
    (["completion", "tcsh"], "tcsh"),
    (["describe", "-"], "standard input"),
], ids=" ".join)
def test_wrong_words_are_named(argv, word):
    assert word in refused(2, *argv)


def test_environment_is_read_and_checked(url):
    assert ok("count", "T1:INT", ARRAKIS_SERVER=url) == "8\n"
    assert "ARRAKIS_SERVER" in refused(2, "count", ARRAKIS_SERVER="http://x")
    assert "ARRAKIS_LOG_LEVEL" in refused(2, "count", ARRAKIS_LOG_LEVEL="LOUD")
    assert "ARRAKIS_ONGAP" in refused(2, "-u", url, "fetch", I32, *SPAN, ARRAKIS_ONGAP="cry")
    assert ok("-u", url, "count", "T1:INT", ARRAKIS_LOG_LEVEL="error") == "8\n"


# -- formats -------------------------------------------------------------------------------


def test_channels_as_csv(url):
    rows = list(csv.DictReader(io.StringIO(ok("-u", url, "find", "T1:INT", "--csv"))))
    found = [json.loads(line) for line in ok("-u", url, "find", "T1:INT", "--json").splitlines()]
    assert len(rows) == 8
    for row, channel in zip(rows, found):
        assert {k: v for k, v in row.items() if v} == {k: str(v) for k, v in channel.items()}


def test_samples_as_csv(url):
    lines = ok("-u", url, "fetch", FAST, SLOW, *SPAN, "--csv").splitlines()
    block = json.loads(ok("-u", url, "fetch", FAST, SLOW, *SPAN, "--json"))
    assert lines[0] == f"time,{FAST},{SLOW}"
    cells = [line.split(",") for line in lines[1:]]
    assert float(cells[0][0]) == 1e9 and float(cells[-1][0]) < 1e9 + 1
    for column, name in ((1, FAST), (2, SLOW)):
        values = [float(row[column]) for row in cells if row[column]]
        assert values == pytest.approx(block["data"][name], rel=1e-6)
    assert all(row[1] for row in cells) and len(cells) == len(block["data"][FAST])


def test_tables_of_many_channels_are_streamed(crowd):
    lines = ok("-u", crowd, "find", "C1").splitlines()
    assert len(lines) == 2501
    assert lines[0] == "name         data_type  sample_rate       stride"
    assert lines[2500] == "C1:CRW-2499  float32             16     62500000"


def test_pretty_json_is_the_same_json(url):
    for verb in (["find", "T1:INT-I8"], ["fetch", I32, *SPAN]):
        plain, pretty = (ok("-u", url, *verb, form) for form in ("--json", "--json-pp"))
        assert len(plain.splitlines()) == 1 < len(pretty.splitlines())
        assert json.loads(plain) == json.loads(pretty)


def test_names_are_taken_once_and_in_order(url):
    said = ok("-u", url, "describe", "--str", SLOW, "-", FAST, SLOW,
              input=f"# chosen\n\n  {I32}\n{FAST}\n")
    assert said.split() == [SLOW, I32, FAST]


# -- files ---------------------------------------------------------------------------------


def read(path):
    if path.suffix == ".arrow":
        with ipc.open_file(path) as file:
            rows = file.read_all()[I32].to_pylist()
        return [value for row in rows for value in row]
    if path.suffix == ".parquet":
        rows = pyarrow.parquet.read_table(path)[I32].to_pylist()
        return [v for row in rows for v in (row if isinstance(row, list) else [row])]
    with h5py.File(path) as file:
        return file[I32][:].tolist()


@pytest.mark.parametrize("verb", ["fetch", "stream"])
@pytest.mark.parametrize("name", ["x.arrow", "x.parquet", "x.h5"])
def test_files_hold_what_json_shows(url, tmp_path, verb, name):
    assert ok("-u", url, verb, I32, *SPAN, "-o", tmp_path / name) == ""
    block = json.loads(ok("-u", url, "fetch", I32, *SPAN, "--json"))
    assert read(tmp_path / name) == block["data"][I32]
    assert [p.name for p in tmp_path.iterdir()] == [name]


# -- exit statuses and signals -------------------------------------------------------------


def test_what_the_server_refuses_exits_with_its_status(url, free_port):
    for verb in (["describe"], ["fetch", *SPAN], ["stream", *SPAN]):
        said = refused(1, "-u", url, *verb, "T9:NOPE")
        assert said.startswith(f"carryall: {url}: ") and "T9:NOPE" in said
    assert str(free_port) in refused(1, "-u", f"127.0.0.1:{free_port}", "count")
    assert "(" in refused(2, "-u", url, "find", "(")
    assert "no-such-replay" in refused(1, "-u", url, "count", "--replay-id", "no-such-replay")
    refused(2, "-u", url, "fetch", I32, "--start", "1000000001", "--end", "1000000000")
    assert "0.001 s" in refused(2, "-u", url, "stream", I32, "--latency-tolerance", "0.001")
    assert "--reconnect" in refused(2, "-u", url, "stream", I32, "--reconnect", "soon")
    assert "reconnect" in refused(2, "-u", url, "stream", I32, "--reconnect", "0")
    assert "integer multiple" in refused(
        2, "-u", url, "stream", I32, *SPAN, "--stride", "0.1")


def test_a_gap_that_is_not_wanted_exits_with_3():
    with servers.start("ours", TYPES, faults=("stall", 4, 30)) as server:
        done = carryall("-u", server.url, "stream", I32, "--on-gap", "raise", "--json")
        assert done.status == 3 and server.url in done.err, done
        assert len(done.out.splitlines()) >= 1


def test_silence_beyond_the_timeout_exits_with_4():
    with servers.start("ours", TYPES, faults=("stall", 4, 60)) as server:
        done = carryall("-u", server.url, "fetch", I32, *SPAN, "--timeout", "1",
                        timeout=30)
        assert done.status == 4 and server.url in done.err, done


def test_a_reader_that_goes_away_is_no_error(crowd, url):
    for argv in (["-u", crowd, "find", "."], ["-u", url, "stream", I32, "--json"]):
        with subprocess.Popen([servers.carryall(), *argv], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=clean_environment()) as program:
            assert program.stdout.readline()
            program.stdout.close()
            assert program.stderr.read() == b""
            assert program.wait(20) == 0


def test_output_that_is_full_is_an_error(url):
    with open("/dev/full", "w") as full:
        done = subprocess.run([servers.carryall(), "-u", url, "find", "."], stdout=full,
                              stderr=subprocess.PIPE, text=True, env=clean_environment(),
                              timeout=30)
    assert done.returncode == 1 and "No space left" in done.stderr


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_live_streams_end_on_signals(url, number, status):
    with Program([servers.carryall(), "-u", url, "stream", I32, "--json"]) as program:
        program.wait_for_line(re.compile(I32), program.out)
        program.signal(number)
        assert program.wait(10) == status, program.describe()
        assert program.err == []
    assert all(json.loads(line)["time_ns"] for line in program.out)


def test_an_interrupted_recording_is_a_file(url, tmp_path):
    path = tmp_path / "x.arrow"
    with Program([servers.carryall(), "-u", url, "stream", I32, "-o", path]) as program:
        deadline = time.monotonic() + 20
        while not list(tmp_path.iterdir()):
            assert time.monotonic() < deadline, program.describe()
            time.sleep(0.05)
        program.signal(signal.SIGINT)
        assert program.wait(10) == 0, program.describe()
    assert [p.name for p in tmp_path.iterdir()] == ["x.arrow"]
    read(path)


@pytest.mark.parametrize("output", [[], ["-o", "x.h5"]], ids=["json", "file"])
def test_an_interrupted_fetch_leaves_nothing(tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    with servers.start("ours", TYPES, faults=("stall", 4, 60)) as server:
        with Program([servers.carryall(), "-u", server.url, "fetch", I32, *SPAN,
                      *output]) as program:
            server.program.wait_for_line(re.compile("request=Stream"), server.program.err)
            program.signal(signal.SIGINT)
            assert program.wait(10) == 130, program.describe()
            assert program.out == [] and program.err == []
    assert list(tmp_path.iterdir()) == []


# -- terminals -----------------------------------------------------------------------------


def on_terminal(*argv):
    """What a program writes to standard error where that is a terminal, or where it is
    told so on a machine that has no terminals to give (a bare root without devpts)."""
    try:
        ours, theirs = pty.openpty()
    except OSError:
        done = subprocess.run(
            [servers.carryall(), *([] if "-q" in argv else ["--progress"]), *argv],
            stdin=subprocess.DEVNULL, capture_output=True, env=clean_environment(), timeout=60)
        assert done.returncode == 0, done
        return done.stderr.decode()
    try:
        done = subprocess.run([servers.carryall(), *argv], stdout=subprocess.DEVNULL,
                              stderr=theirs, env=clean_environment(), timeout=60)
        os.set_blocking(ours, False)
        try:
            text = os.read(ours, 1 << 16).decode()
        except BlockingIOError:
            text = ""
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0, text
    return text


def test_progress_is_for_terminals(url, tmp_path):
    argv = ["-u", url, "fetch", I32, "--start", "1000000000", "--duration", "3600", "-o",
            tmp_path / "x.arrow"]
    shown = on_terminal(*argv)
    assert re.search(r"B, [\d.]+ of 3600.0 s \(\d+ %\)", shown), shown
    assert shown.endswith("\r\x1b[K")
    assert on_terminal("-q", *argv) == ""
    assert ok(*argv) == ""
    told = run([servers.carryall(), "--progress", *argv])
    assert re.search(r"B, [\d.]+ of 3600.0 s \(\d+ %\)", told.err), told
    assert told.status == 0
    assert run([servers.carryall(), "--progress", "-q", *argv]).status == 2


def test_what_is_waited_for_is_said(tmp_path):
    with servers.start("ours", TYPES, faults=("stall", 10, 3)) as server:
        shown = on_terminal("-u", server.url, "fetch", I32, *SPAN, "-o", tmp_path / "x.arrow")
        assert f"waiting for {server.url}" in shown


# -- completion ----------------------------------------------------------------------------


def completed(*words):
    """What bash offers for the last of these words."""
    script = ('source <("$0" completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              '_carryall; printf "%s\\n" "${COMPREPLY[@]}"')
    done = run(["bash", "-c", script, servers.carryall(), *words])
    assert (done.status, done.err) == (0, ""), done
    return done.out.split()


def test_bash_completes_verbs_and_options():
    assert completed("carryall", "fe") == ["fetch"]
    assert completed("carryall", "-u", "U", "co") == ["count", "completion"]
    assert "mock" in completed("carryall", "serve", "")
    assert "--fault-value" in completed("carryall", "serve", "mock", "--f")
    assert completed("carryall", "list", "X", "--json-") == ["--json-pp", "--json-abrv"]
    assert "--url" in completed("carryall", "fetch", "A:B", "--u")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_verb(shell):
    script = ok("completion", shell)
    verbs = re.findall(r"^  ([a-z][a-z-]+)(?:,| )", ok("--help").split("Subcommands:")[1], re.M)
    assert len(verbs) >= 12
    for verb in verbs:
        assert re.search(rf"\b{verb}\b", script), verb
