"""A pytest plugin (-p ours_as_arrakis): `import arrakis` yields ours in that run."""

import importlib
import pkgutil
import sys

import carryall

try:
    from carryall import as_arrakis
    as_arrakis.install()
except ImportError:  # a tree without as_arrakis: its place, until it is there
    for module in pkgutil.iter_modules(carryall.__path__):
        if not module.name.startswith("_"):
            name = f"carryall.{module.name}"
            sys.modules[name.replace("carryall", "arrakis")] = importlib.import_module(name)
    sys.modules["arrakis"] = carryall
