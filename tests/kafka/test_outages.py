"""A broker that is killed again and again under load: nothing that was acknowledged is lost,
nothing comes twice, and whoever reads live sees every span that is missing as a gap.

CARRYALL_OUTAGES="20 7" (kills, seed) says how often and when; CI does the full count.
"""

import contextlib
import itertools
import json
import os
import random
import re
import threading
import time

import numpy as np
import pytest

from harness import clients, servers, wire
from harness.kafka import Broker
from harness.processes import Program
from harness.sites import STRIDE, Site
from harness.topics import Topics, rows
from harness.waiting import until

TESTS = servers.ROOT / "build/release/tests"
CHANNELS = [("X1:OUT-A", "float32", 256), ("X1:OUT-B", "float32", 64), ("Y1:OUT-C", "int32", 16)]
NAMES = [name for name, _, _ in CHANNELS]


def samples(name, time_ns):
    data_type, rate = next((t, r) for n, t, r in CHANNELS if n == name)
    count = rate * STRIDE // 10**9
    return np.arange(count).astype(data_type) + time_ns // STRIDE % 10_000


def letter(block):
    """What a reader got of a stride: '.' all, 'g' nothing, '/' some, 'x' something wrong."""
    seen = set()
    for name in NAMES:
        got = block[name].data
        mask = np.ma.getmaskarray(got)
        right = samples(name, block.time_ns)
        if len(got) != len(right) or not np.array_equal(np.asarray(got)[~mask], right[~mask]):
            return "x"
        seen |= {"g"} if mask.all() else {"."} if not mask.any() else {".", "g"}
    return "/" if len(seen) > 1 else seen.pop()


class Worker(threading.Thread):
    """Runs until told to end; what goes wrong comes out of end()."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ending, self._error = threading.Event(), None
        self.start()

    def run(self):
        try:
            self.work()
        except BaseException as error:
            self._error = error

    def end(self):
        self.ending.set()
        self.join(120)
        if self._error is not None:
            raise self._error
        assert not self.is_alive(), "it does not end"


class Publishing(Worker):
    """A block a stride, each until it is acknowledged."""

    def __init__(self, package, url):
        self.package, self.url = package, url
        self.acknowledged, self.failures = [], 0
        super().__init__()

    def work(self):
        with self.package.Publisher("OUT", self.url).register() as publisher:
            for time_ns in itertools.count(wire.gps_now() // STRIDE * STRIDE, STRIDE):
                # The pace of a detector, not a condition waited for.
                time.sleep(max(0, time_ns + STRIDE - wire.gps_now()) / 10**9)
                if self.ending.is_set():
                    return
                block = self.package.SeriesBlock(
                    time_ns, {name: samples(name, time_ns) for name in NAMES},
                    publisher.channels)
                while not self._acknowledged(publisher, block):
                    self.failures += 1
                self.acknowledged.append(time_ns)

    def _acknowledged(self, publisher, block):
        try:
            publisher.publish(block, timeout=3)
            return True
        except (TimeoutError, self.package.PublishError):
            return False


class Reading(Worker):
    """What a live subscriber sees: a letter a stride."""

    def __init__(self, package, url):
        self.stream = package.Client(url).stream(NAMES)
        self.letters, self.times = "", []
        super().__init__()

    def well(self):
        return self.letters.endswith("." * 10)

    def work(self):
        for block in self.stream:
            self.times.append(block.time_ns)
            self.letters += letter(block)
            if self.ending.is_set():
                return


def program_named(name, broker):
    program = TESTS / name
    if not program.exists():
        servers.missing(f"there is no {program}; run `make build`")
    return Program([program, broker.address, "outages-"])


@pytest.mark.timeout(900)
def test_broker_that_is_killed_again_and_again(tmp_path):
    clients  # it puts our package on the path
    import carryall
    default = "20 1" if os.environ.get("CI") else "2 1"
    kills, seed = map(int, os.environ.get("CARRYALL_OUTAGES", default).split())
    moments = random.Random(seed)
    with contextlib.ExitStack() as running:
        broker = running.enter_context(Broker())
        programs = {name: running.enter_context(program_named(name, broker))
                    for name in ("kafka_outages", "relay_outages")}
        site = Site(tmp_path / "site", broker.address)
        site.publisher("OUT", CHANNELS)
        server = running.enter_context(site.start("ours"))
        publishing = Publishing(carryall, server.url)
        reading = Reading(carryall, server.url)
        for program in programs.values():
            program.wait_for_line(re.compile("^running$"), program.out)
        until(reading.well)
        for _ in range(kills):
            # When in the work it happens is chance; nothing is waited for here.
            time.sleep(moments.uniform(0.2, 2))
            broker.kill9()
            broker.start()
        until(reading.well)
        reading.end()
        publishing.end()
        for program in programs.values():
            program.signal()
        for program in programs.values():
            assert program.wait(300) == 0, (kills, seed, program.describe())

        # Through the server, and as it lies in the topics.
        first, last = publishing.acknowledged[0], publishing.acknowledged[-1]
        past = "".join(map(letter, carryall.Client(server.url).stream(
            NAMES, start=first / 10**9, end=(last + STRIDE) / 10**9)))
        topics = {f"arrakis-{channel.partition_id}"
                  for channel in carryall.Client(server.url).describe(NAMES).values()}
        lying = {topic: [rows(message)[0] for message in Topics(broker.address).read(topic)]
                 for topic in topics}

    sent = json.loads(programs["kafka_outages"].out[-1])
    relayed = json.loads(programs["relay_outages"].out[-1])
    live = {letter: reading.letters.count(letter) for letter in ".g/x"}
    print(sent, relayed, live, len(publishing.acknowledged), publishing.failures)
    assert sent["read"] == sent["confirmed"] == sent["sent"] > 100 * kills, sent
    assert relayed["wrong"] == relayed["jumps"] == 0 and relayed["well"], relayed
    assert relayed["right"] > 20 and relayed["missing"] > 0, relayed
    assert len(topics) == 2 and publishing.acknowledged == list(range(first, last + 1, STRIDE))
    for topic, times in lying.items():
        assert times == publishing.acknowledged, topic
    assert past == "." * len(publishing.acknowledged), past
    times = reading.times
    assert times == list(range(times[0], times[0] + len(times) * STRIDE, STRIDE))
    assert live["x"] == 0 and live["g"] > 0 and live["."] > 20, reading.letters
