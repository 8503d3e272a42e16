"""Our client (Python), our server (its mock)."""

from carryall import Client

from harness import serving
from tasks.python_stream.timed import Stream


def prepare(case):
    global timed
    timed = Stream(case, Client, serving.our_mock)
    return timed.answer()


def measure():
    return timed.measure()


def release():
    timed.release()
