"""Our clients (Python) against our server (its mock)."""

from harness import serving
from tasks.four_clients import cases
from tasks.four_clients.timed import Four


def prepare(case):
    global timed
    path = serving.write_channel_file("four-ours", cases.channel_file())
    timed = Four("ours", case, serving.our_mock(path))
    return timed.answer()


def measure():
    return timed.measure()


def release():
    timed.release()
