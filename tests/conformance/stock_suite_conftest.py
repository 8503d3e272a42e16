"""Copied above the stock tests: gives them servers of the kind under test in place of those
that their own fixtures would start, and writes down every outcome."""

import json
import os
import shutil
from types import SimpleNamespace

import arrakis
import pytest

from harness import servers
from harness.kafka import Broker
from harness.ports import free_ports
from harness.sites import Site

# Without a server in the unit tests.
KIND = os.environ.get("STOCK_SUITE_KIND")
FILES = os.environ.get("STOCK_SUITE_FILES", "").split(os.pathsep)
assert (arrakis.Client.__module__.partition(".")[0]
        == {"stock": "arrakis", "ours": "carryall"}[os.environ["STOCK_SUITE_PACKAGE"]])
_outcomes = {}


def _absent(*_args, **_kwargs):
    pytest.fail("a private name of the stock package, which ours does not have")


# So that files load of which some tests use private names, and only those fail.
for _name in ("_construct_stream_reader", "_endpoint_is_kafka", "_kafka_endpoint_url",
              "_parse_data_types"):
    if not hasattr(arrakis.client, _name):
        setattr(arrakis.client, _name, _absent)


@pytest.fixture(scope="session")
def arrakis_server():
    return SimpleNamespace(url=os.environ["ARRAKIS_SERVER"])


@pytest.fixture
def arrakis_fault_server(monkeypatch):
    started = []

    def start(mode, *, interval=10, value=None):
        server = servers.start(KIND, *FILES, faults=(mode, interval, value))
        started.append(server)
        monkeypatch.setenv("ARRAKIS_SERVER", server.url)
        return SimpleNamespace(url=server.url)

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def kafka_broker():
    with Broker() as broker:
        yield SimpleNamespace(bootstrap_server=broker.address)


def _start_on(broker, directory, scope_map):
    """A server with the publishers of the suite and an empty catalogue. `scope_map` has
    {url} where the server's own address is needed."""
    site = Site(directory / "site", broker.bootstrap_server)
    for file in FILES:
        shutil.copy(file, site.configs)
    url = f"grpc://127.0.0.1:{free_ports(1)[0]}"
    path = directory / "scopes.yaml"
    path.write_text(scope_map.format(url=url))
    return site.start(KIND, url=url, scope_map=path)


# One server a purpose for the whole run: a stock one takes seconds to start.
@pytest.fixture(scope="session")
def arrakis_publish_server(kafka_broker, tmp_path_factory):
    directory = tmp_path_factory.mktemp("publish")
    with _start_on(kafka_broker, directory, os.environ["STOCK_SUITE_SCOPES"]) as server:
        yield SimpleNamespace(url=server.url)


@pytest.fixture(scope="session")
def arrakis_direct_read_server(kafka_broker, tmp_path_factory):
    scopes = ("{url}:\n  retention: {{newest: 0, oldest: .inf}}\n  scopes:\n"
              f"    H1: [{{{{all: true, direct_read: 'kafka://{kafka_broker.bootstrap_server}'"
              "}}]\n")
    with _start_on(kafka_broker, tmp_path_factory.mktemp("direct"), scopes) as server:
        yield SimpleNamespace(url=server.url)


def _publishing(server, *args, **how):
    publisher = arrakis.Publisher(*args, server.url, **how)
    publisher.register()
    with publisher:
        yield publisher


@pytest.fixture
def arrakis_publisher(arrakis_publish_server):
    yield from _publishing(arrakis_publish_server, "FAKE_H1")


@pytest.fixture
def arrakis_replay_publisher(arrakis_publish_server):
    yield from _publishing(arrakis_publish_server, "FAKE_REPLAY_H1", replay_id="FAKE_REPLAY")


def pytest_collectreport(report):
    if report.failed:
        _outcomes[report.nodeid] = "error"


def pytest_runtest_logreport(report):
    # A test has passed when its call has and neither set-up nor tear-down failed.
    if report.when == "call" or report.outcome != "passed":
        _outcomes[report.nodeid] = report.outcome


def pytest_sessionfinish():
    with open(os.environ["STOCK_SUITE_RESULTS"], "w") as file:
        json.dump(list(_outcomes.items()), file)
