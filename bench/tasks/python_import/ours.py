"""Ours."""

from tasks.python_import import timed


def prepare(case):
    timed.beyond_pyarrow("carryall")  # reads the files
    return None


def measure():
    return timed.beyond_pyarrow("carryall")


def release():
    pass
