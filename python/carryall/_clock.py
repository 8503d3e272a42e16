"""GPS time by Python's clock, which tests and simulations can freeze or replace."""

from __future__ import annotations

import time

from carryall._load import _core


def gpsnow() -> float:
    """Now, GPS s, by time.time()."""
    unix = time.time()
    whole = int(unix) * 1_000_000_000
    return unix + (_core.gps_from_unix(whole) - whole) / 1e9


def gpsnow_ns() -> int:
    """The same in ns."""
    return int(gpsnow() * 1e9)
