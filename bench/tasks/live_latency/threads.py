"""Where the time of live_latency goes: processor time, time waiting for a core, and switches of
each thread, a stride, while `carryall serve kafka` streams WANTED channels to SUBS processes.

In bench/, once `make bench` has built: ../build/peers/bin/python -m
tasks.live_latency.threads WANTED SUBS"""

import os
import pathlib
import subprocess
import sys
import time
from typing import NamedTuple

from tasks.live_latency import cases, ours
from tasks.live_latency.timed import gps_ns
from tasks.publish import cases as publish

BEGIN_S, LOOK_S = 4, 5  # from the first block; what is summed


class Thread(NamedTuple):
    run_ms: float
    wait_ms: float
    switches: int

    def since(self, before: "Thread") -> "Thread":
        return Thread(*(now - then for now, then in zip(self, before)))


def threads(pid: int) -> dict[tuple[int, str], Thread]:
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            status = dict(line.split(":", 1) for line in
                          (task / "status").read_text().splitlines())
            run, wait, _ = map(int, (task / "schedstat").read_text().split())
        except OSError:
            continue  # has ended
        found[int(task.name), status["Name"].strip()] = Thread(
            run / 1e6, wait / 1e6, int(status["voluntary_ctxt_switches"]))
    return found


def children(pid: int) -> list[int]:
    return [int(word) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()]


def command(pid: int) -> str:
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return " ".join([pathlib.Path(words[0]).name, *words[1:2]])


def report(what: str, before: dict, after: dict, strides: float) -> None:
    rows = [(name, thread.since(before.get((number, name), Thread(0, 0, 0))))
            for (number, name), thread in after.items()]
    rows.sort(key=lambda row: -row[1].run_ms)
    print(f"{what}: {sum(t.run_ms for _, t in rows) / strides:.2f} ms a stride")
    for name, thread in rows[:8]:
        print(f"  {name:16} runs {thread.run_ms / strides:6.3f} ms, waits for a core "
              f"{thread.wait_ms / strides:6.3f} ms, sleeps {thread.switches / strides:5.2f} times")


def main(wanted: int, count: int) -> None:
    live = ours.contender.make()
    subscribers = live.subscribers(wanted, count)
    strides = 60 * 10**9 // publish.STRIDE
    source = subprocess.Popen(live.source(gps_ns() // publish.STRIDE * publish.STRIDE, strides),
                              stdout=subprocess.DEVNULL)
    try:
        for subscriber in subscribers:
            assert subscriber.answer(gps_ns() + cases.READY_S * 10**9), "got nothing"
        time.sleep(BEGIN_S)
        looked_at = children(os.getpid())
        before = {pid: threads(pid) for pid in looked_at}
        time.sleep(LOOK_S)
        after = {pid: threads(pid) for pid in looked_at}
        seen = set()
        for pid in looked_at:  # one of the subscribers stands for all
            if (what := command(pid)) not in seen:
                seen.add(what)
                report(what, before[pid], after[pid], LOOK_S * 10**9 / publish.STRIDE)
    finally:
        for process in (source, *subscribers):
            process.kill()
        source.wait()
        live.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
