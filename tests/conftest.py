import pytest

from harness import servers


@pytest.fixture(scope="session")
def pool():
    """Servers shared by the whole run; `pool.get(kind, files...)`."""
    pool = servers.Pool()
    yield pool
    pool.close()
