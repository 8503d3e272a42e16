"""Stock and our own ends in every combination. Tests are named by client and server:
[stock-ours] is the stock client against our server; [stock-stock] proves the test."""

import pytest

from harness import clients, servers

PAIRS = [("stock", "stock"), ("stock", "ours"), ("python", "stock"), ("cli", "stock"),
         ("python", "ours"), ("cli", "ours")]
TYPES = servers.FIXTURES / "types.toml"


class Pair:
    """A client and where it finds its servers."""

    def __init__(self, client, server_kind, pool):
        self.client, self.server_kind, self._pool = client, server_kind, pool

    def url(self, *files, **how):
        return self._pool.get(self.server_kind, *(files or (TYPES,)), **how).url


def pytest_generate_tests(metafunc):
    if "pair" in metafunc.fixturenames:
        metafunc.parametrize("pair", PAIRS, ids=["-".join(p) for p in PAIRS], indirect=True)


@pytest.fixture
def pair(request, pool, tmp_path):
    client, server = request.param
    return Pair(clients.make(client, tmp_path), server, pool)


@pytest.fixture(scope="session")
def reference(pool):
    """What the stock client gets from the stock server; asked once per question."""
    stock = clients.make("stock", None)
    url = pool.get("stock", TYPES).url
    answers = {}

    def ask(what, *args, **how):
        key = repr((what, args, how))
        if key not in answers:
            answers[key] = getattr(stock, what)(url, *args, **how)
        return answers[key]

    return ask
