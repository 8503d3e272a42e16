"""Carryall: high-rate timeseries over the Arrakis protocol, fast."""

from __future__ import annotations

from carryall.api import (count, describe, domains, fetch, find, replays, scope_map,
                          server_info, stream)
from carryall.block import Freq, Series, SeriesBlock, Time
from carryall.channel import Channel
from carryall.client import Client
from carryall.errors import CarryallError, EndpointStalledError, PublishError
from carryall.publish import Publisher

__version__ = "0.1.0"

__all__ = [
    "CarryallError", "Channel", "Client", "EndpointStalledError", "Freq", "PublishError",
    "Publisher", "Series", "SeriesBlock", "Time", "count", "describe", "domains", "fetch", "find",
    "replays", "scope_map", "server_info", "stream",
]
