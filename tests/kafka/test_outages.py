"""A broker that is killed again and again under load: nothing that was acknowledged is lost,
nothing comes twice.

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
from harness.processes import Program

PROGRAM = servers.ROOT / "build/release/tests/kafka_outages"


@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_or_comes_twice():
    if not PROGRAM.exists():
        servers.missing(f"there is no {PROGRAM}; run `make build`")
    default = "20 1" if os.environ.get("CI") else "3 1"
    kills, seed = map(int, os.environ.get("CARRYALL_OUTAGES", default).split())
    moments = random.Random(seed)
    with Broker() as broker, Program([PROGRAM, broker.address, "outages"]) as program:
        program.wait_for_line(re.compile("^running$"), program.out)
        for _ in range(kills):
            # When in the work it happens is chance; nothing is waited for here.
            time.sleep(moments.uniform(0.1, 1.5))
            broker.kill9()
            broker.start()
        program.signal()
        status = program.wait(300)
        assert status == 0, (kills, seed, program.describe())
    seen = json.loads(program.out[-1])
    print(seen)
    assert seen["read"] == seen["confirmed"] == seen["sent"] > 100 * kills, seen
