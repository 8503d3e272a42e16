"""Copied above the stock tests: gives them servers of the kind under test in place of those
that their own fixtures would start, and writes down every outcome."""

import json
import os
from types import SimpleNamespace

import pytest

from harness import servers

KIND = os.environ["STOCK_SUITE_KIND"]
FILES = os.environ["STOCK_SUITE_FILES"].split(os.pathsep)
_outcomes = {}


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


def _needs_kafka():
    pytest.skip("needs a Kafka broker")


arrakis_publish_server = pytest.fixture(_needs_kafka, name="arrakis_publish_server")
arrakis_publisher = pytest.fixture(_needs_kafka, name="arrakis_publisher")
arrakis_replay_publisher = pytest.fixture(_needs_kafka, name="arrakis_replay_publisher")
arrakis_direct_read_server = pytest.fixture(_needs_kafka, name="arrakis_direct_read_server")


def pytest_runtest_logreport(report):
    # A test has passed when its call has and neither set-up nor tear-down failed.
    if report.when == "call" or report.outcome != "passed":
        _outcomes[report.nodeid] = report.outcome


def pytest_sessionfinish():
    with open(os.environ["STOCK_SUITE_RESULTS"], "w") as file:
        json.dump(list(_outcomes.items()), file)
