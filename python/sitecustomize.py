"""For the build directory on PYTHONPATH, where .pth files are not read: what
carryall_as_arrakis.pth does, then the sitecustomize that this one hides, if there is one."""

import importlib.machinery
import importlib.util
import os
import sys

import _carryall_site

_carryall_site.install_if_asked()

_here = os.path.dirname(os.path.abspath(__file__))
_hidden = importlib.machinery.PathFinder.find_spec(
    "sitecustomize", [path for path in sys.path if os.path.abspath(path) != _here])
if _hidden is not None and _hidden.loader is not None:
    _hidden.loader.exec_module(importlib.util.module_from_spec(_hidden))
