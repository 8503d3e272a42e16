"""Our client and our server."""

from carryall import Client

from tasks.live_history.timed import History


def prepare(case):
    global timed
    timed = History(Client, ours=True)
    return timed.answer()


def measure():
    return timed.measure()


def release():
    timed.release()
