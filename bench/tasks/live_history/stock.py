"""Stock client 0.21.0 against stock server 0.17.2 with backend 0.14.0, defaults."""

from arrakis import Client

from tasks.live_history.timed import History


def connect(url):
    return Client(url, token=False)


def prepare(case):
    global timed
    timed = History(connect, ours=False)
    return timed.answer()


def measure():
    return timed.measure()


def release():
    timed.release()
