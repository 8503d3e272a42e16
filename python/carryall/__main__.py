"""`python -m carryall`: the program, as a process of its own."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Sequence

from carryall._load import _core


def _program() -> str:
    places = [pathlib.Path(sysconfig.get_path("scripts"), "carryall"),
              pathlib.Path(_core.__file__).parents[2] / "carryall"]  # in a build directory
    for place in places:
        if os.access(place, os.X_OK) and place.is_file():
            return str(place)
    found = shutil.which("carryall")
    if found is None:
        sys.exit(f"the program carryall is not installed: not at {places[0]}, nor on the PATH")
    return found


def main(args: Sequence[str] | None = None) -> int:
    """Runs the program with these arguments (those of this process), and returns its status."""
    argv = [_program(), *(sys.argv[1:] if args is None else args)]
    with subprocess.Popen(argv) as program:
        if threading.current_thread() is threading.main_thread():
            # Ctrl-C reaches both; the program decides what comes of it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, lambda *_: program.terminate())
        status = program.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    _argv = [_program(), *sys.argv[1:]]
    os.execv(_argv[0], _argv)
