"""The relay on a real broker: runs its tests that need one."""

import pytest

from harness import servers
from harness.processes import run

TESTS = servers.ROOT / "build/release/tests"


def program_named(name):
    program = TESTS / name
    if not program.exists():
        servers.missing(f"there is no {program}; run `make build`")
    return program


@pytest.mark.timeout(600)
def test_streams_of_a_real_broker(broker):
    done = run([program_named("relay_broker_test")], timeout=500, CARRYALL_KAFKA=broker.address)
    assert done.status == 0, done
