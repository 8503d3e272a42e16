"""The relay on a real broker: its tests that need one, and a broker that is killed under it.

CARRYALL_OUTAGES="20 7" (kills, seed) says how often and when; CI does the full count.
"""

import json
import os
import random
import re
import time

import pytest

from harness import servers
from harness.kafka import Broker
from harness.processes import Program, run

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


@pytest.mark.timeout(900)
def test_a_killed_broker_is_declared_gaps_and_no_silent_ones():
    default = "20 1" if os.environ.get("CI") else "2 1"
    kills, seed = map(int, os.environ.get("CARRYALL_OUTAGES", default).split())
    moments = random.Random(seed)
    with Broker() as broker, Program([program_named("relay_outages"), broker.address,
                                      "outages-"]) as program:
        program.wait_for_line(re.compile("^running$"), program.out)
        for _ in range(kills):
            # When in the work it happens is chance; nothing is waited for here.
            time.sleep(moments.uniform(0.5, 2.5))
            broker.kill9()
            broker.start()
        program.signal()
        status = program.wait(300)
        assert status == 0, (kills, seed, program.describe())
    seen = json.loads(program.out[-1])
    print(seen)
    assert seen["wrong"] == seen["jumps"] == 0 and seen["well"], seen
    assert seen["right"] > 20 and seen["missing"] > 0, seen
