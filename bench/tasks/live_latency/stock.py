"""Stock server 0.17.2 with backend 0.14.0, and subscribers with the stock client 0.21.0, each a
process."""

import multiprocessing
import os

import numpy as np

from harness.brokers import Site
from tasks.live_latency import cases
from tasks.live_latency.timed import Contender, Published, Subscriber, gps_ns
from tasks.publish import cases as publish

# Subscribers are forked from a process that has the client's modules and nothing else.
forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["arrakis", "tasks.live_latency.stock"])


def answer_of(block) -> str:
    arrays = {name: np.asarray(series.data) for name, series in block.items()}
    values = np.concatenate([arrays[name] for name in sorted(arrays)])
    places = np.arange(1, len(values) + 1) % 1021
    return f"{len(values)} values, sum {int((values.astype(np.int64) * places).sum())}"


def subscribe(url: str, names: list[str], pipe) -> None:
    from arrakis import Client
    answered = False
    for block in Client(url, token=False).stream(names):
        now = gps_ns()
        whole = not any(np.ma.is_masked(series.data) for series in block.values())
        text = f"{int(block.time_ns)} {now} {int(whole)}\n"
        if whole and not answered:
            answered = True
            text = f"answer {answer_of(block)}\n"
        os.write(pipe.fileno(), text.encode())


class Stock(Published):
    def subscribers(self, wanted, count):
        return [self.subscriber(wanted) for _ in range(count)]

    def subscriber(self, wanted):
        ours, theirs = forks.Pipe(duplex=False)
        process = forks.Process(target=subscribe,
                                args=(self.site.server.url, cases.names(wanted), theirs))
        process.start()
        theirs.close()

        def kill():
            process.kill()
            process.join()
            ours.close()
        return Subscriber(ours.fileno(), kill, may_end=True)


contender = Contender(lambda: Stock(Site(publish.publisher_file())))
prepare, measure = contender.prepare, contender.measure
release, end = contender.release, contender.end
