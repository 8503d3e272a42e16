"""Stock's own tests, taken from its source distribution when this runs. The integration tests
run with the stock client against the stock server (which proves the set-up) and against ours,
and with our client in place of stock's; the unit tests with stock's package and with ours."""

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
SIZES = {"integration": 86, "unit": 721}
TIMEOUT = 560  # s, of one run of a suite

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
def suites():
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
    for name in SIZES:
        folder = WORK / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with tarfile.open(archive) as tar:
            inside = f"arrakis-0.21.0/arrakis/tests/{name}/"
            for member in tar.getmembers():
                if member.isfile() and member.name.startswith(inside):
                    target = folder / member.name.removeprefix(inside)
                    target.parent.mkdir(exist_ok=True)
                    target.write_bytes(tar.extractfile(member).read())
        # Inside their tree the tests import what lies around them; here, what is installed.
        for module in folder.glob("*.py"):
            text = re.sub(r"from \.\.\.([a-z_]+) import", r"from arrakis.\1 import",
                          module.read_text())
            module.write_text(text.replace("from ... import", "from arrakis import"))
    shutil.copy(pathlib.Path(__file__).with_name("stock_suite_conftest.py"),
                WORK / "conftest.py")
    (WORK / "pytest.ini").write_text("[pytest]\nmarkers = integration\n")
    return WORK


@pytest.fixture(scope="session")
def channel_files():
    import pytest_arrakis
    data = pathlib.Path(pytest_arrakis.__file__).parent / "data"
    return [data / f"FAKE_{n}.toml" for n in ("H1", "L1", "DYNAMIC", "REPLAY_H1")]


def run_suite(folder, results, package, **environment):
    """Outcomes by (file, test), and what pytest printed. `package`: whose `arrakis` it is."""
    path, options = [servers.ROOT / "tests"], []
    if package == "ours":
        # The program is none that could run inside of pytest.
        options.append("--script-launch-mode=subprocess")
        programs = WORK / "bin"
        programs.mkdir(exist_ok=True)
        (programs / "arrakis").unlink(missing_ok=True)
        (programs / "arrakis").symlink_to(servers.carryall())
        environment["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
        path.append(servers.ROOT / "build/release/python")
        environment["CARRYALL_AS_ARRAKIS"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-ra", "--import-mode=importlib", "-p",
         "no:cacheprovider", "--timeout=120", "--continue-on-collection-errors", "-c", WORK / "pytest.ini", *options,
         folder],
        cwd=WORK, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT,
        env=clean_environment(STOCK_SUITE_RESULTS=results, STOCK_SUITE_PACKAGE=package,
                              PYTHONPATH=os.pathsep.join(map(str, path)), **environment))
    outcomes = {}
    if results.exists():
        for node, outcome in json.loads(results.read_text()):
            path, _, test = node.partition("::")
            outcomes[pathlib.PurePath(path).name, test] = outcome
    return outcomes, done.stdout + done.stderr


def run_integration_suite(kind, package, folder, files, directory):
    """The integration tests against a server of a kind."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"grpc://127.0.0.1:{probe.getsockname()[1]}"
    scopes = directory / "scopes.yaml"
    scopes.write_text(SCOPES.format(url=url))
    with servers.start(kind, *files, url=url, scope_map=scopes) as server:
        return run_suite(
            folder, directory / "results.json", package, ARRAKIS_SERVER=server.url,
            STOCK_SUITE_KIND=kind, STOCK_SUITE_SCOPES=SCOPES,
            STOCK_SUITE_FILES=os.pathsep.join(map(str, files)))


def exceptions(suite, run):
    """What is known not to pass in a run: outcomes by (file, test)."""
    expected = {}
    for entry in tomllib.loads(EXCEPTIONS.read_text()).get("exception", []):
        assert entry["reason"] and entry["date"]
        if (entry["suite"], entry["run"]) == (suite, run):
            expected |= {(entry["file"], test): entry["outcome"] for test in entry["tests"]}
    return expected


def check(suite, outcomes, expected, said):
    """All tests passed but those expected not to, of which none passed. An exception without
    parameters is for all of a test's; one without a name for a file that cannot be loaded."""
    if not any(test == "" for _, test in outcomes):
        assert len(outcomes) == SIZES[suite], said
    unexpected, seen = {}, set()
    for (file, test), found in outcomes.items():
        known = {(file, test), (file, test.split("[")[0])} & set(expected)
        seen |= known
        if {found} != ({expected[entry] for entry in known} or {"passed"}):
            unexpected[file, test] = found
    gone = set(expected) - seen
    assert not unexpected and not gone, f"{unexpected}\nnot in the suite: {gone}\n{said}"


@pytest.mark.timeout(TIMEOUT + 40)
@pytest.mark.parametrize("kind", ["stock", "ours"])
def test_integration_suite_of_the_stock_client(kind, suites, channel_files, tmp_path):
    outcomes, said = run_integration_suite(kind, "stock", suites / "integration",
                                           channel_files, tmp_path)
    check("integration", outcomes,
          exceptions("integration", "server") if kind == "ours" else {}, said)


@pytest.mark.timeout(TIMEOUT + 40)
def test_integration_suite_with_our_client(suites, channel_files, tmp_path):
    outcomes, said = run_integration_suite("ours", "ours", suites / "integration",
                                           channel_files, tmp_path)
    check("integration", outcomes, exceptions("integration", "client"), said)


@pytest.mark.timeout(TIMEOUT + 40)
@pytest.mark.parametrize("package", ["stock", "ours"])
def test_unit_suite(package, suites, tmp_path):
    outcomes, said = run_suite(suites / "unit", tmp_path / "results.json", package)
    check("unit", outcomes, exceptions("unit", "client") if package == "ours" else {}, said)
