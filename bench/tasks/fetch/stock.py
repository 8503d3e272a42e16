"""Stock client 0.21.0 against stock server 0.17.2 (its mock), defaults."""

from arrakis import Client

from harness import serving
from tasks.fetch import cases
from tasks.fetch.timed import Fetch


def serve(timed):
    path = serving.write_channel_file(f"fetch-stock-{timed.count}x{timed.rate}",
                                      cases.channel_file(timed.count, timed.rate))
    return serving.stock_mock(path)


def connect(url):
    return Client(url, token=False)


def prepare(case):
    global timed
    timed = Fetch(case, serve, connect)
    return timed.answer()


def measure():
    return timed.measure()


def release():
    timed.release()
