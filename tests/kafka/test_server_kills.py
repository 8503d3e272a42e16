"""Our server, killed at random moments while publishers register and publish: what was
acknowledged is there after the next start, as it was, and can be published.

CARRYALL_KILLS="200 7" (kills, seed) says how often and when; CI does the full count.
"""

import os
import random
import shutil
import signal
import sqlite3
import threading

import numpy as np
import pytest

from harness import clients, wire
from harness.sites import STRIDE
from harness.topics import Topics, rows

START = 1_400_000_000 * 10**9
# Each gets so many channels only; what lies in how many topics does not matter here.
PUBLISHERS = 8


def known(server):
    return {c["channel"]: c for c in wire.get(server, wire.find()).rows}


def check_file(catalogue, directory):
    """The file as the kill left it, looked at in a copy: the server is to find it so."""
    copy = directory / "copy.db"
    for end in ("", "-wal", "-shm"):
        source = catalogue.with_name(catalogue.name + end)
        if source.exists():
            shutil.copy(source, copy.with_name(copy.name + end))
    with sqlite3.connect(copy) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    for end in ("", "-wal", "-shm"):
        copy.with_name(copy.name + end).unlink(missing_ok=True)


class Publishers:
    """What publishers do with servers that die, and what they were told."""

    def __init__(self, package, ids, chance):
        self._package, self._ids, self._chance = package, ids, chance
        self._next = {publisher_id: START for publisher_id in ids}
        self._number = 0
        self.acknowledged = {}   # channel: the row of the answer
        self.published = {}      # topic: times

    def work(self, server):
        """Registers and publishes until the server is gone."""
        while True:
            publisher_id = self._chance.choice(self._ids)
            if self._chance.random() < 0.7:
                self._register(server, publisher_id)
            else:
                self._publish(server, publisher_id)

    def _register(self, server, publisher_id):
        channels = [(f"H1:S{self._chance.randrange(2)}-{self._number + i}",
                     self._chance.choice(["float32", "float64"]), 16)
                    for i in range(self._chance.randrange(1, 9))]
        self._number += len(channels)
        answer = wire.exchange(server, wire.request(
            "Partition", {"publisher_id": publisher_id, "replay_id": None}), channels)
        self.acknowledged.update(
            (row["channel"], {**row, "publisher": publisher_id}) for row in answer.rows)

    def _publish(self, server, publisher_id):
        if not any(row["publisher"] == publisher_id for row in self.acknowledged.values()):
            return
        with self._package.Publisher(publisher_id, server.url).register() as publisher:
            for _ in range(2):
                time_ns = self._next[publisher_id]
                self._next[publisher_id] += STRIDE
                publisher.publish(self._package.SeriesBlock(
                    time_ns, {name: np.array([1], channel.data_type)
                              for name, channel in publisher.channels.items()},
                    publisher.channels), timeout=60)
                for channel in publisher.channels.values():
                    topic = self.published.setdefault(f"arrakis-{channel.partition_id}", [])
                    topic += [time_ns] if topic[-1:] != [time_ns] else []


@pytest.mark.timeout(600)
def test_what_was_acknowledged_survives_kill_9(site, publisher_id, tmp_path):
    clients  # it puts our package on the path
    import carryall
    default = "200 1" if os.environ.get("CI") else "6 1"
    kills, seed = map(int, os.environ.get("CARRYALL_KILLS", default).split())
    chance = random.Random(seed)
    ids = [f"{publisher_id}N{n}" for n in range(PUBLISHERS)]
    for each in ids:
        site.publisher(each, dynamic=True)
    publishers = Publishers(carryall, ids, chance)

    def check(server):
        kept = known(server)
        for name, row in publishers.acknowledged.items():
            assert {key: kept[name][key] for key in row} == row, (seed, kill)
        places = [(c["partition_id"], c["partition_index"]) for c in kept.values()]
        assert len(set(places)) == len(places), (seed, kill)
        return {f"arrakis-{c['partition_id']}" for c in kept.values()}

    for kill in range(kills):
        with site.start("ours") as server:
            check(server)
            killed = threading.Event()

            def end():
                killed.set()
                server.program.signal(signal.SIGKILL)

            killer = threading.Timer(chance.uniform(0, 0.6), end)
            killer.start()
            try:
                publishers.work(server)
            except Exception:
                if not killed.is_set():
                    raise
            killer.join()
            assert server.program.wait() == -signal.SIGKILL, server.program.describe()
        check_file(site.catalogue, tmp_path)

    assert publishers.acknowledged and publishers.published
    with site.start("ours") as server:
        topics = Topics(site.brokers)
        assert check(server) <= topics.names()
    print(f"{len(publishers.acknowledged)} channels, {len(publishers.published)} topics")
    for topic in chance.sample(sorted(publishers.published), min(8, len(publishers.published))):
        times = [rows(message)[0] for message in topics.read(topic)]
        assert times == sorted(set(times)) and set(publishers.published[topic]) <= set(times)
