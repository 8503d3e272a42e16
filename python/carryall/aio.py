"""The client for event loops.

    async with AsyncClient() as client:
        block = await client.fetch(["X1:A"], start, end)
        async for block in client.stream(["X1:A"]):
            ...

No call holds up the loop, none polls: a thread waits in the core and wakes the loop when there
is an answer. Cancelling a task ends its call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from carryall._async import in_thread
from carryall._stream import Stream
from carryall.client import Client

if TYPE_CHECKING:
    from types import TracebackType

    from carryall.block import SeriesBlock
    from carryall.channel import Channel

__all__ = ["AsyncClient"]

class AsyncClient:
    """A Client whose methods are coroutines; arguments and results as there. `find` and
    `stream` are for `async for`."""

    def __init__(self, url: str | None = None, **options: Any) -> None:
        self.client = Client(url, **options)  #: the same connections, for threads

    def __repr__(self) -> str:
        return f"AsyncClient({self.client.initial_url!r})"

    async def find(self, *args: Any, **kwargs: Any) -> AsyncIterator[Channel]:
        """As Client.find."""
        for channel in await in_thread(lambda: list(self.client.find(*args, **kwargs))):
            yield channel

    async def count(self, *args: Any, **kwargs: Any) -> int:
        """As Client.count."""
        return await in_thread(self.client.count, *args, **kwargs)

    async def describe(self, *args: Any, **kwargs: Any) -> dict[str, Channel]:
        """As Client.describe."""
        return await in_thread(self.client.describe, *args, **kwargs)

    async def fetch(self, *args: Any, **kwargs: Any) -> SeriesBlock:
        """As Client.fetch."""
        return await in_thread(self.client.fetch, *args, **kwargs)

    def stream(self, *args: Any, **kwargs: Any) -> Stream:
        """As Client.stream, for `async for`."""
        return self.client.stream(*args, **kwargs)

    async def server_info(self) -> dict[str, Any]:
        """As Client.server_info."""
        return await in_thread(self.client.server_info)

    async def scope_map(self) -> dict[str, Any]:
        """As Client.scope_map."""
        return await in_thread(self.client.scope_map)

    async def replays(self) -> Mapping[str, Any]:
        """As Client.replays."""
        return await in_thread(self.client.replays)

    async def endpoints(self) -> list[str]:
        """As Client.endpoints."""
        return await in_thread(self.client.endpoints)

    async def domains(self) -> list[str]:
        """As Client.domains."""
        return await in_thread(self.client.domains)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        self.client.close()
