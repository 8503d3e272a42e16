"""The stock command line says the same about our server as about stock's, and our command
line gives programs that read its JSON the same as stock's does."""

import json

import pytest

from harness import servers
from harness.processes import run
from integration.conftest import TYPES

SPAN = ["--start", "1000000000", "--end", "1000000001"]

QUESTIONS = [
    ["find", "."],
    ["find", "--json", "T1:INT"],
    ["find", "--table-full", "T1:FLT"],
    ["find", "--repr", "T2:.*SIN"],
    ["find", "--str", "--min-rate", "65", "."],
    ["search", "--pprint", "--data-type", "int64", "--data-type", "uint64", "."],
    ["count"],
    ["count", "--publisher", "TYPES", "--max-rate", "8"],
    ["count", "nothing"],
    ["describe", "--json", "T1:MIX-SLOW"],
    ["show", "T1:FLT-F16"],
    ["fetch", "--json", "T1:INT-I16", "T1:FLT-F64", *SPAN],
    ["fetch", "--json-abrv", "T1:MIX-FAST", *SPAN],
    ["fetch", "T1:INT-U8", *SPAN],
    ["stream", "--json", "T1:INT-U64", *SPAN],
    ["domains"],
    ["replays"],
]


@pytest.fixture
def stock_cli(script_runner):
    """Runs the stock program in this process."""
    def ask(url, *argv):
        done = script_runner.run(["arrakis", "--quiet", "--url", url, *argv])
        assert done.returncode == 0, done.stderr
        return done.stdout
    return ask


@pytest.fixture
def ours(pool):
    return pool.get("ours", TYPES).url


@pytest.fixture
def stock(pool):
    return pool.get("stock", TYPES).url


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_stock_program_says_the_same_about_our_server(stock_cli, stock, ours, question):
    said = stock_cli(stock, *question)
    assert said
    assert stock_cli(ours, *question) == said


def test_stock_program_describes_our_server(stock_cli, ours):
    said = dict(line.split(": ", 1) for line in stock_cli(ours, "server-info").splitlines())
    assert said["arrakis_schema_version"] == "0.5.0"
    assert said["capabilities"] == "find, count, describe, stream"
    assert said["domains"] == "T1, T2, T3"
    assert said["endpoints"] == ours
    assert json.loads(stock_cli(ours, "scope-map"))["local_endpoint"]


@pytest.mark.parametrize("kind", ["stock", "ours"])
@pytest.mark.parametrize("question", [q for q in QUESTIONS if "--json" in q], ids=" ".join)
def test_our_json_is_stocks_json(stock_cli, pool, kind, question):
    url = pool.get(kind, TYPES).url
    done = run([servers.carryall(), "--url", url, *question])
    assert done.status == 0, done
    theirs = [json.loads(line) for line in stock_cli(url, *question).splitlines()]
    assert [json.loads(line) for line in done.out.splitlines()] == theirs


@pytest.mark.parametrize("kind", ["stock", "ours"])
@pytest.mark.parametrize(
    "question", [["domains"], ["count"], ["count", "T1:INT"], ["replays"],
                 ["find", "--str", "T1:"]], ids=" ".join)
def test_our_plain_answers_are_stocks(stock_cli, pool, kind, question):
    url = pool.get(kind, TYPES).url
    done = run([servers.carryall(), "--url", url, *question])
    assert done.status == 0, done
    assert done.out == stock_cli(url, *question)


@pytest.mark.parametrize("kind", ["stock", "ours"])
@pytest.mark.parametrize("question", ["scope-map", "server-info"])
def test_our_program_shows_what_the_server_says(stock_cli, pool, kind, question):
    server = pool.get(kind, TYPES)
    done = run([servers.carryall(), "--url", server.url, question])
    assert done.status == 0, done
    if question == "scope-map":
        assert json.loads(done.out) == server.action("scope-map")
    else:
        for line in ("arrakis_schema_version: 0.5.0", f"endpoints: {server.url}"):
            assert line in done.out.splitlines()


@pytest.mark.parametrize("kind", ["stock", "ours"])
def test_names_come_from_standard_input(pool, kind):
    url = pool.get(kind, TYPES).url
    done = run([servers.carryall(), "describe", "--url", url, "--json", "-"],
               input="# chosen\n\nT1:INT-I8\n  T2:FUN-SIN  \n")
    assert done.status == 0, done
    assert [json.loads(line)["name"] for line in done.out.splitlines()] == [
        "T1:INT-I8", "T2:FUN-SIN"]


@pytest.mark.parametrize("kind", ["stock", "ours"])
def test_server_comes_from_the_environment(pool, kind):
    url = pool.get(kind, TYPES).url
    for spelled in (url, url.removeprefix("grpc://"), ":" + url.rsplit(":", 1)[1]):
        done = run([servers.carryall(), "count", "T1:INT"], ARRAKIS_SERVER=spelled)
        assert (done.status, done.out) == (0, "8\n"), done


@pytest.mark.parametrize("kind", ["stock", "ours"])
def test_dates_are_times(pool, kind):
    """GPS 1000000000 is 2011-09-14 01:46:25 UTC."""
    url = pool.get(kind, TYPES).url
    done = run([servers.carryall(), "-u", url, "fetch", "T1:INT-I32", "--json",
                "--start", "2011-09-14 01:46:25", "--end", "2011-09-14T01:46:26"])
    assert done.status == 0, done
    block = json.loads(done.out)
    assert block["time_ns"] == 10**18 and len(block["data"]["T1:INT-I32"]) == 64
