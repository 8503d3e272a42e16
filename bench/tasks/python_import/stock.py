"""The stock package arrakis 0.21.0."""

from tasks.python_import import timed


def prepare(case):
    return None


def measure():
    return timed.beyond_pyarrow("arrakis")


def release():
    pass
