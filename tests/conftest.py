import socket

import pytest

from harness import servers

KINDS = ("stock", "ours")


def pytest_generate_tests(metafunc):
    """`@pytest.mark.case("F3")` on a test makes its `kind` run over the servers."""
    case = metafunc.definition.get_closest_marker("case")
    if case is not None and "kind" in metafunc.fixturenames:
        kinds = case.kwargs.get("servers", KINDS)
        metafunc.parametrize("kind", kinds, ids=[f"{case.args[0]}-{k}" for k in kinds])


@pytest.fixture(scope="session")
def pool():
    """Servers shared by the whole run; `pool.get(kind, files...)`."""
    pool = servers.Pool()
    yield pool
    pool.close()


@pytest.fixture
def free_port():
    """A loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]
