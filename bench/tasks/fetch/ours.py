"""Our client against our server, from the archive or from the mock."""

from carryall import Client

from harness import serving
from tasks.fetch import cases
from tasks.fetch.timed import Fetch


def serve(timed):
    name = f"fetch-ours-{timed.count}x{timed.rate}"
    path = serving.write_channel_file(name, cases.channel_file(timed.count, timed.rate))
    if timed.source == "mock":
        return serving.our_mock(path)
    return serving.our_archive(serving.archive_of(
        path, f"{name}x{timed.seconds}", timed.channels, cases.START, timed.seconds))


def prepare(case):
    global timed
    timed = Fetch(case, serve, Client)
    return timed.answer()


def measure():
    return timed.measure()


def release():
    timed.release()
