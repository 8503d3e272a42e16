"""Every command, option and format of the stock program, put to it and to ours on the same
server. What differs on purpose stands in docs/cli.md and is in the tables here with both answers."""

import io
import json
import re

import numpy
import pytest

from harness import servers
from harness.processes import run

TYPES = servers.FIXTURES / "types.toml"
I32, FAST, SLOW = "T1:INT-I32", "T1:MIX-FAST", "T1:MIX-SLOW"
START = ["--start", "1000000000"]
SPAN = [*START, "--end", "1000000001"]
STRIDE = [*START, "--duration", "0.0625"]
LINES = "# chosen\n\nT1:INT-I8\n  T2:FUN-SIN  \n"
COLUMNS = 200  # of stock's tables, which are as wide as a terminal


@pytest.fixture
def url(pool):
    return pool.get("ours", TYPES).url


@pytest.fixture
def stock(script_runner, url, monkeypatch):
    """Runs the stock program, in this process."""
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.delenv("ARRAKIS_SERVER", raising=False)

    def ask(*argv, input=None):
        stdin = None if input is None else io.StringIO(input)
        # gwpy, which other tests load into this process, has arrays printed in narrower lines.
        with numpy.printoptions(linewidth=75, threshold=1000):
            done = script_runner.run(["arrakis", "--url", url, *argv], stdin=stdin)
        return done.returncode, done.stdout
    return ask


@pytest.fixture
def ours(url):
    def ask(*argv, input=None):
        done = run([servers.carryall(), "--url", url, *argv], input=input)
        return done.status, done.out
    return ask


@pytest.mark.parametrize("argv", [
    *[[verb, "T1:INT", form] for verb in ("find", "search", "list")
      for form in ("--table", "--table-full", "--str", "--repr", "--pprint", "--json", "--json-pp",
                   "--json-abrv")],
    *[[verb, I32, "T2:FUN-SIN", form] for verb in ("describe", "show")
      for form in ("--table", "--table-full", "--str", "--repr", "--pprint", "--json", "--json-pp",
                   "--json-abrv")],
    *[["count", "T1", form] for form in ("--table", "--str", "--repr", "--json", "--json-pp",
                                         "--json-abrv")],
    ["find", "."], ["find", "nothing"], ["count"], ["count", "."], ["count", "nothing"],
    ["find", "T1", "--data-type", "int32", "--dtype", "float64", "--str"],
    ["find", "T1", "--min-rate", "100", "--max-rate", "1000", "--str"],
    ["find", "T1", "--publisher", "TYPES", "--publisher", "OTHER", "--str"],
    ["find", "T1", "--publisher", "OTHER", "--str"],
    ["find", "T1:INT", "--time", "1000000000", "--str"],
    ["count", "T1", "--time", "Sep 14 2011 01:46:25 UTC"],
    ["find", "T1", "--min", "100", "--str"], ["find", "T1", "--min-rate=100", "--str"],
    ["find", "T1", "--min-rate", "1", "--min-rate", "100", "--str"],
    ["describe", I32, "--time", "now", "--json"],
    ["domains"], ["scope-map"], ["replays"], ["server-info"], ["server-info", "-e"],
    ["server-info", "--endpoints"],
    ["stream", I32, *STRIDE, "--str"], ["stream", I32, *STRIDE, "--repr"],
    ["stream", I32, *STRIDE, "--pprint"], ["stream", I32, *SPAN, "--json"],
    ["stream", I32, *SPAN, "--json-pp"], ["stream", I32, *SPAN, "--json-abrv"],
    ["stream", I32, *START, "--dur", "0.5", "--json"],
    ["stream", I32, *SPAN, "--stride", "0.5", "--json"],
    ["stream", I32, *SPAN, "--on-gap", "skip", "--json"],
    ["stream", I32, *SPAN, "--on-gap=raise", "--json"],
    ["stream", I32, *SPAN, "--no-fast-forward", "--json"],
    ["stream", I32, *SPAN, "--latency", "--json"],
    ["fetch", I32, *START, "--json"], ["fetch", I32, *STRIDE, "--str"],
    ["fetch", I32, *STRIDE, "--pprint"], ["fetch", I32, *SPAN, "--json-abrv"],
    ["fetch", I32, *SPAN, "--start", "1000000000.5", "--json"],
    ["fetch", I32, "--start", "Sep 14 2011 01:46:25 UTC", "--end",
     "Wed, 14 Sep 2011 01:46:26 GMT", "--json"],
    ["fetch", *START, I32, "--duration", "1", "--json"],
], ids=" ".join)
def test_both_print_the_same(stock, ours, argv):
    said = stock(*argv)
    assert said[0] == 0
    assert ours(*argv) == said


@pytest.mark.parametrize("argv", [
    ["fetch", I32, FAST, SLOW, *SPAN, "--json"], ["stream", I32, SLOW, *SPAN, "--json"],
    ["fetch", "T1:FLT-F32", "T1:FLT-F64", *SPAN, "--json"]], ids=" ".join)
def test_both_give_the_same_json(stock, ours, argv):
    """Of several channels the order differs: stock's is any."""
    (status, theirs), (own_status, own) = stock(*argv), ours(*argv)
    assert status == own_status == 0
    assert [json.loads(line) for line in own.splitlines()] == [
        json.loads(line) for line in theirs.splitlines()]


@pytest.mark.parametrize("argv", [["describe", "-", "--json"], ["fetch", "-", *SPAN, "--json"],
                                  ["stream", "-", *STRIDE, "--json"]], ids=" ".join)
def test_both_read_names_from_standard_input(stock, ours, argv):
    (status, theirs), (own_status, own) = stock(*argv, input=LINES), ours(*argv, input=LINES)
    assert status == own_status == 0
    assert json.loads(own.splitlines()[0]) == json.loads(theirs.splitlines()[0])


@pytest.mark.parametrize("argv", [["fetch", I32, FAST, *STRIDE], ["fetch", I32, *START, "--table"]],
                         ids=" ".join)
def test_tables_of_blocks_have_the_same_lines(stock, ours, argv):
    lines = [[line.rstrip() for line in text.splitlines()]
             for _, text in (stock(*argv), ours(*argv))]
    assert lines[0] == lines[1] and len(lines[0]) > 2


def test_tables_of_streams_say_how_old_a_block_is(stock, ours):
    for status, text in (stock("stream", I32, *STRIDE), ours("stream", I32, *STRIDE)):
        assert status == 0
        assert re.search(r"time: 1000000000\.0000 s, duration: 0\.0625 s, latency: \d+\.\d{6} s",
                         text)


@pytest.mark.parametrize("argv, status, own", [
    (["nosuch"], 2, 2), (["-q", "-v", "count"], 2, 2), (["find", ".", "--json", "--str"], 2, 2),
    (["find", ".", "--no-such"], 2, 2), (["describe"], 2, 2), (["fetch"], 2, 2),
    (["stream"], 2, 2), (["find", ".", "--min-rate", "1.5"], 2, 2),
    (["find", ".", "--time", "some day"], 2, 2), (["find", ".", "--data-type", "float99"], 2, 2),
    (["fetch", I32, *SPAN, "--duration", "1"], 2, 2), (["fetch", I32, *SPAN, "--stride", "1"], 2, 2),
    (["fetch", I32, "--replay-id", "x", "--replay-start", "1"], 2, 2),
    (["stream", I32, *SPAN, "--on-gap", "x"], 2, 2), (["stream", I32, *SPAN, "--dur", "1"], 2, 2),
    (["find", ".", "--js"], 2, 2), (["domains", "x"], 2, 2),
    (["count", "--replay-id", "X"], 1, 1), (["describe", "T9:X"], 1, 1),
    (["fetch", "T9:X", *SPAN], 1, 1),
    # Wrong values: usage errors of ours.
    (["find"], 1, 2), (["find", "("], 1, 2), (["find", ".", "--data-type", "int8"], 1, 2),
    (["find", ".", "--min-rate", "-1"], 1, 2), (["fetch", I32, "--end", "1000000001"], 1, 2),
    (["fetch", I32, *START, "--end", "1000000000"], 1, 2),
    (["fetch", I32, *SPAN, "--replay-start", "1"], 1, 2),
    (["stream", I32, *SPAN, "--stride", "0.1", "--json"], 1, 2),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_statuses(stock, ours, argv, status, own):
    assert stock(*argv)[0] == status
    assert ours(*argv) == (own, "")


@pytest.mark.parametrize("words, status", [
    (["true"], 0), (["exit", "3"], 3), (["exit 4"], 4), (["carryall-no-such-program"], 127)])
@pytest.mark.parametrize("verb", ["exec", "proxy"])
def test_exec_ends_with_the_status_of_the_command(stock, ours, verb, words, status):
    assert stock(verb, "--bind", "localhost:0", "--", *words)[0] == status
    assert ours(verb, "--bind", "localhost:0", "--", *words)[0] == status


def test_every_option_of_stock_is_ours(stock, ours):
    """Whatever its help names is known, with the values it takes."""
    verbs = ["find", "count", "describe", "stream", "fetch", "server-info", "domains",
             "scope-map", "replays", "exec"]
    for argv in ([], *[[verb] for verb in verbs]):
        pages = [page(*argv, "--help") for page in (stock, ours)]
        assert [status for status, _ in pages] == [0, 0]
        named = [set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text.split("options:", 1)[-1]))
                 for _, text in (pages[0], (0, pages[1][1].replace("Options:", "options:")))]
        assert named[0] - named[1] == set(), argv
        assert len(named[0]) >= 2
