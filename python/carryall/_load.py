"""Loads the extension so that one process has one libarrow: the one `import pyarrow` loads."""

from __future__ import annotations

import atexit
import ctypes
import pathlib

import pyarrow


def _load_flight() -> None:
    # The loader takes a library that is there already by its name, wherever it came from; so
    # Flight, which `import pyarrow` leaves aside, has to come from the same folder.
    for folder in pyarrow.get_library_dirs():
        for path in sorted(pathlib.Path(folder).glob("libarrow_flight.so.*")):
            ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL)
            return


_load_flight()

try:
    from carryall import _core
except ImportError as error:
    raise ImportError(
        f"carryall was built for another pyarrow than {pyarrow.__version__}, which is "
        f"installed here: {error}") from error

# Before the interpreter goes: threads that wait in the core must not outlive it.
atexit.register(_core.end_all_calls)

__all__ = ["_core"]
