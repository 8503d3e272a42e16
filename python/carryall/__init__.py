"""Carryall: high-rate timeseries over the Arrakis protocol, fast."""

from __future__ import annotations

import importlib
from types import ModuleType

# Before the function of its name: what is imported first is what a later import does not rebind.
import carryall.stream as _module  # isort: skip  # noqa: F401
from carryall._times import Nanoseconds
from carryall.api import (count, describe, domains, fetch, find, replays, scope_map,
                          server_info, stream)
from carryall.block import Freq, Series, SeriesBlock, Time
from carryall.channel import Channel
from carryall.client import Client
from carryall.errors import CarryallError, EndpointStalledError, PublishError
from carryall.publish import Publisher

__version__ = "0.1.0"

__all__ = [
    "CarryallError", "Channel", "Client", "EndpointStalledError", "Freq", "Nanoseconds",
    "PublishError",
    "Publisher", "Series", "SeriesBlock", "Time", "count", "describe", "domains", "fetch", "find",
    "replays", "scope_map", "server_info", "stream",
]

# Modules that are loaded when somebody asks for them, so that importing the package stays quick.
_LATER = ("assemble", "auth", "flight", "format", "kafka", "proxy", "replay", "schemas")


def __getattr__(name: str) -> ModuleType:
    if name in _LATER:
        return importlib.import_module(f"carryall.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
