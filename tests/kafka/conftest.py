import itertools

import pytest

from harness.kafka import Broker
from harness.sites import Site


@pytest.fixture(scope="session")
def broker():
    """One broker for all tests that leave it as they found it."""
    with Broker() as broker:
        yield broker


_numbers = itertools.count(1)


@pytest.fixture
def publisher_id():
    """A publisher that no other test has."""
    return f"PUB{next(_numbers)}"


@pytest.fixture
def site(broker, tmp_path):
    """A site of its own on the shared broker."""
    return Site(tmp_path / "site", broker.address)


class _Registrars:
    """Servers of both kinds on one broker, started when first asked for, with the
    publishers DYN_<kind> (dynamic), FIX_<kind> and REP_<kind> (dynamic, replay RUN1)."""

    def __init__(self, broker, directory):
        self._broker, self._directory, self._servers = broker, directory, {}

    def get(self, kind):
        if kind not in self._servers:
            site = Site(self._directory / kind, self._broker.address)
            site.publisher(f"DYN_{kind}", dynamic=True)
            site.publisher(f"FIX_{kind}", [("F1:FIX-A", "float32", 64)])
            site.publisher(f"REP_{kind}", dynamic=True, replay_id="RUN1")
            replays = self._directory / f"{kind}.yaml"
            replays.write_text("replays:\n  RUN1: {start: 1000000000, end: 1000086400}\n"
                               "  RUN2: {start: 1100000000, end: 1100086400}\n")
            self._servers[kind] = site.start(kind, scope_map=replays)
        return self._servers[kind]

    def close(self):
        for server in self._servers.values():
            server.stop()


@pytest.fixture(scope="session")
def registrars(broker, tmp_path_factory):
    registrars = _Registrars(broker, tmp_path_factory.mktemp("registrars"))
    yield registrars
    registrars.close()


@pytest.fixture
def registrar(registrars, kind):
    return registrars.get(kind)
