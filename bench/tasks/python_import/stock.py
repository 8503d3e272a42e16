"""The stock package arrakis 0.21.0."""

from tasks.python_import import timed


def prepare(case):
    timed.beyond_pyarrow("arrakis")  # reads the files
    return None


def measure():
    return timed.beyond_pyarrow("arrakis")


def release():
    pass
