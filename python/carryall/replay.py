"""Where in a replay's window a time is."""

from __future__ import annotations

from carryall._clock import gpsnow_ns
from carryall.block import Time
from carryall.errors import InvalidArgumentError

__all__ = ["calculate_offset", "translate_time"]


def calculate_offset(start: int, end: int, t_reference: int) -> int:
    """What lies between `t_reference` and the time in [start, end) that is replayed then: a whole
    number of windows. All in ns; ValueError if the window is empty."""
    window = end - start
    if window <= 0:
        raise InvalidArgumentError(f"a replay window must not be empty: [{start}, {end}) ns")
    return (t_reference - start) // window * window


def translate_time(t: int | None, start: int, end: int) -> int:
    """The time in [start, end) that is replayed at `t` (ns), by default now, to the second."""
    if t is None:
        t = gpsnow_ns() // int(Time.SECONDS) * int(Time.SECONDS)
    return t - calculate_offset(start, end, t)
