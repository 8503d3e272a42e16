"""Stock's own integration tests, taken from its source distribution when this runs, against
the stock server (which proves the set-up) and against ours."""

import collections
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tomllib

import pytest

from harness import servers
from harness.processes import clean_environment, run

ARCHIVE = "arrakis-0.21.0.tar.gz"
SHA256 = "1c278e36db82d3b09f37f7a91bae0aeae0df6c2d2840ac8bbb5097f03d39fa4f"
WORK = servers.ROOT / "build" / "stock-suite"
EXCEPTIONS = pathlib.Path(__file__).with_name("stock_exceptions.toml")
SIZE = 86

SCOPES = """\
replays:
  FAKE_REPLAY: {{start: 1000000000, end: 1000086400}}
{url}:
  scopes:
    H1: [{{all: true}}]
    L1: [{{all: true}}]
  retention: {{newest: 0, oldest: .inf}}
  replay_ids: [FAKE_REPLAY]
"""


@pytest.fixture(scope="session")
def suite():
    """The folder with the stock tests, made to import the installed package."""
    WORK.mkdir(parents=True, exist_ok=True)
    archive = WORK / ARCHIVE
    if not archive.exists():
        done = run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary",
                    "arrakis", "--disable-pip-version-check", "-d", WORK, "arrakis==0.21.0"],
                   timeout=300)
        if done.status != 0:
            servers.missing(f"the stock source distribution cannot be fetched: {done}")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256
    folder = WORK / "suite"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with tarfile.open(archive) as tar:
        inside = "arrakis-0.21.0/arrakis/tests/integration/"
        for member in tar.getmembers():
            if member.isfile() and member.name.startswith(inside):
                target = folder / member.name.removeprefix(inside)
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(tar.extractfile(member).read())
    # Inside their tree the tests import what lies around them; here, what is installed.
    for module in folder.glob("*.py"):
        text = re.sub(r"from \.\.\.([a-z]+) import", r"from arrakis.\1 import",
                      module.read_text())
        module.write_text(text.replace("from ... import", "from arrakis import"))
    shutil.copy(pathlib.Path(__file__).with_name("stock_suite_conftest.py"),
                WORK / "conftest.py")
    (WORK / "pytest.ini").write_text("[pytest]\nmarkers = integration\n")
    return folder


@pytest.fixture(scope="session")
def channel_files():
    import pytest_arrakis
    data = pathlib.Path(pytest_arrakis.__file__).parent / "data"
    return [data / f"FAKE_{n}.toml" for n in ("H1", "L1", "DYNAMIC", "REPLAY_H1")]


def run_suite(kind, suite, files, tmp_path):
    """Outcomes by (file, test name without parameters), and what pytest printed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"grpc://127.0.0.1:{probe.getsockname()[1]}"
    scopes = tmp_path / "scopes.yaml"
    scopes.write_text(SCOPES.format(url=url))
    results = tmp_path / "results.json"
    with servers.start(kind, *files, url=url, scope_map=scopes) as server:
        environment = clean_environment(
            ARRAKIS_SERVER=server.url, STOCK_SUITE_KIND=kind, STOCK_SUITE_RESULTS=results,
            STOCK_SUITE_SCOPES=SCOPES, STOCK_SUITE_FILES=os.pathsep.join(map(str, files)),
            PYTHONPATH=servers.ROOT / "tests")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-ra", "--import-mode=importlib", "-p",
             "no:cacheprovider", "-c", WORK / "pytest.ini", suite],
            cwd=WORK, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=560)
    outcomes = collections.defaultdict(list)
    if results.exists():
        for node, outcome in json.loads(results.read_text()):
            path, *_, name = node.split("::")
            outcomes[pathlib.PurePath(path).name, name.split("[")[0]].append(outcome)
    return outcomes, done.stdout + done.stderr


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["stock", "ours"])
def test_integration_suite_of_the_stock_client(kind, suite, channel_files, tmp_path):
    outcomes, said = run_suite(kind, suite, channel_files, tmp_path)
    assert sum(map(len, outcomes.values())) == SIZE, said
    expected = {}
    for entry in tomllib.loads(EXCEPTIONS.read_text()).get("exception", []):
        assert entry["reason"] and entry["date"]
        if kind == "ours":
            expected |= {(entry["file"], test): entry["outcome"] for test in entry["tests"]}
    unexpected = {test: found for test, found in outcomes.items()
                  if set(found) != {expected.get(test, "passed")}}
    gone = set(expected) - set(outcomes)
    assert not unexpected and not gone, f"{unexpected}\nnot in the suite: {gone}\n{said}"
