"""Waiting for what comes true by itself."""

import threading

_never = threading.Event()


def until(condition, timeout=60):
    """Looks until `condition()` is true, and gives what it gave."""
    for _ in range(timeout * 10):
        result = condition()
        if result:
            return result
        _never.wait(0.1)
    raise AssertionError(f"it did not come true within {timeout} s")
