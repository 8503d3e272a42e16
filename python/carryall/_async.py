"""Blocks and answers for event loops: threads wait for them in the core."""

from __future__ import annotations

import asyncio
import functools
import queue
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from carryall._load import _core

if TYPE_CHECKING:
    from carryall._stream import Stream
    from carryall.block import SeriesBlock

_T = TypeVar("_T")


def _answer(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():  # nobody waits any more
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


async def in_thread(call: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    """The result of a blocking call, on a thread of its own. Cancelling the task ends it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()
    cancellation = _core.Cancellation()

    def run() -> None:
        result, failure = None, None
        try:
            result = cancellation.run(functools.partial(call, *args, **kwargs))
        except BaseException as error:  # noqa: BLE001: it is the asking task's
            failure = error
        try:
            loop.call_soon_threadsafe(_answer, future, result, failure)
        except RuntimeError:  # the loop is closed
            pass

    threading.Thread(target=run, name="carryall-call", daemon=True).start()
    try:
        return await future
    finally:
        cancellation.cancel()  # of no effect on what has returned


_Request = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


def _pump(stream: Stream, requests: queue.SimpleQueue[_Request | None]) -> None:
    """Takes a block for each request until there are no more."""
    while (request := requests.get()) is not None:
        loop, future = request
        result, failure = None, None
        try:
            result = next(stream, None)
        except BaseException as error:  # noqa: BLE001: it is the asking task's
            failure = error
        try:
            loop.call_soon_threadsafe(_answer, future, result, failure)
        except RuntimeError:  # the loop is closed
            stream.close()
        del request, loop, future, result, failure


class AsyncBlocks(AsyncIterator["SeriesBlock"]):
    """The blocks of a stream for an event loop, which is woken when one is there. A thread of
    its own waits for them. A task that is cancelled while it waits closes the stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._requests: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def __aiter__(self) -> AsyncBlocks:
        return self

    async def __anext__(self) -> SeriesBlock:
        if self._thread is None:
            self._thread = threading.Thread(target=_pump, args=(self._stream, self._requests),
                                            name="carryall-stream", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[SeriesBlock | None] = loop.create_future()
        self._requests.put((loop, future))
        try:
            block = await future
        except BaseException:
            self._end()
            raise
        if block is None:
            self._end()
            raise StopAsyncIteration
        return block

    async def aclose(self) -> None:
        """Closes the stream."""
        self._end()

    def _end(self) -> None:
        self._stream.close()
        self._requests.put(None)

    def __del__(self) -> None:
        self._end()
