"""Ours."""

from tasks.python_import import timed


def prepare(case):
    return None


def measure():
    return timed.beyond_pyarrow("carryall")


def release():
    pass
