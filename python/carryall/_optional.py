"""Packages that only some functions need."""

from __future__ import annotations

import importlib
from typing import Any


def need(module: str, what: str, extra: str) -> Any:
    """The module; an ImportError naming the extra to install where it is not there. `what`
    is the function that needs it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # the package is there, and lacks something itself
        raise ImportError(f"{what} needs the package {package}: "
                          f"pip install 'carryall[{extra}]'", name=package) from error
