"""Stock clients 0.21.0 against the stock server 0.17.2 (its mock), defaults."""

from harness import serving
from tasks.four_clients import cases
from tasks.four_clients.timed import Four


def prepare(case):
    global timed
    path = serving.write_channel_file("four-stock", cases.channel_file())
    timed = Four("stock", case, serving.stock_mock(path))
    return timed.answer()


def measure():
    return timed.measure()


def release():
    timed.release()
