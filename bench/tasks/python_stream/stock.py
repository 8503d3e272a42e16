"""Stock client 0.21.0, stock server 0.17.2 (its mock), defaults."""

from arrakis import Client

from harness import serving
from tasks.python_stream.timed import Stream


def prepare(case):
    global timed
    timed = Stream(case, lambda url: Client(url, token=False), serving.stock_mock)
    return timed.answer()


def measure():
    return timed.measure()


def release():
    timed.release()
