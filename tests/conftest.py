import socket

import pytest

from harness import servers


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
