"""Every conformance case runs against the stock server, which proves the test, and against
ours. Test names end in the case and the server: test_prefix[F3-stock], test_prefix[F3-ours].
"""

import pytest

from harness import servers

CF = servers.FIXTURES / "CF.toml"


@pytest.fixture
def server(pool, kind):
    """A server of the conformance channels."""
    return pool.get(kind, CF)


@pytest.fixture(scope="session")
def registry_map(tmp_path_factory):
    """A scope map that registers a replay which no server lists."""
    path = tmp_path_factory.mktemp("registry") / "scopes.yaml"
    path.write_text("replays:\n  RUN1: {start: 1000000000, end: 1000086400}\n")
    return path


@pytest.fixture
def registry_server(pool, kind, registry_map):
    """The same channels on a server that knows the replay RUN1."""
    return pool.get(kind, CF, scope_map=str(registry_map))


@pytest.fixture(scope="session")
def wide_file(tmp_path_factory):
    """2500 channels W1:WID-C0000... of 16 Hz."""
    path = tmp_path_factory.mktemp("wide") / "wide.toml"
    names = "".join(f'["W1:WID-C{n:04}"]\n' for n in range(2500))
    path.write_text('[common]\nstride = 62_500_000\nmax_latency = 1_000_000_000\n'
                    f'sample_rate = 16\ndata_type = "float32"\n{names}')
    return path


@pytest.fixture
def wide_server(pool, kind, wide_file):
    return pool.get(kind, wide_file)
