"""The transport library against a real broker: runs its tests that need one."""

import pytest

from harness import servers
from harness.processes import run

TESTS = servers.ROOT / "build/release/tests"


@pytest.mark.timeout(600)
def test_library(broker):
    program = TESTS / "kafka_broker_test"
    if not program.exists():
        servers.missing(f"there is no {program}; run `make build`")
    done = run([program], timeout=500, CARRYALL_KAFKA=broker.address)
    assert done.status == 0, done
    print(done.out)
