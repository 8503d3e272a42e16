"""Carryall in place of the stock package: after `install()`, or with CARRYALL_AS_ARRAKIS=1 in the
environment, `import arrakis` and all its submodules yield carryall's."""

from __future__ import annotations

from _carryall_site import install, installed, uninstall

__all__ = ["install", "installed", "uninstall"]
