"""Running streams."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow

from carryall.errors import CancelledError

if TYPE_CHECKING:
    from types import TracebackType

    from carryall._load import _core
    from carryall.block import SeriesBlock


class Observer(Protocol):
    """Is told of the blocks of a stream as they are handed out."""

    def __call__(self, block: SeriesBlock) -> None: ...

    def close(self) -> None: ...


class Stream(Iterator["SeriesBlock"]):
    """The blocks of a stream, one after the other.

    Opened when the first block is asked for. What has not been asked for waits in the core, up
    to `max_queued_bytes`; beyond that the server is not read from. Closed by `close()`, which
    any thread may call and which ends a waiting `next` like the end of the stream, by leaving
    a `with`, and by being dropped. One thread at a time may wait for a block (ValueError).

    `async for` gives the same blocks to a running event loop. `__arrow_c_stream__` gives them
    to whoever reads Arrow, a row a block."""

    __slots__ = ("__weakref__", "_closed", "_lock", "_observer", "_open", "_running")

    def __init__(self, open_stream: Callable[[], _core.Stream],
                 observer: Observer | None = None) -> None:
        self._open = open_stream
        self._running: _core.Stream | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._observer = observer

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> SeriesBlock:
        if self._closed:
            raise StopIteration
        if not self._lock.acquire(blocking=False):
            raise ValueError("another thread is waiting for the next block of this stream")
        try:
            if self._running is None:
                self._running = self._open()
                if self._closed:  # meanwhile
                    raise StopIteration
            block = self._running.next()
            if block is None:
                raise StopIteration
            if self._observer is not None:
                self._observer(block)
            return block
        except CancelledError:
            closed = self._closed
            self.close()
            if closed:
                raise StopIteration from None
            raise
        except BaseException:
            self.close()
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        """Ends the stream; asking for more gives StopIteration."""
        self._closed = True
        if self._running is not None:
            self._running.cancel()
        if self._observer is not None:
            self._observer.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __aiter__(self) -> AsyncIterator[SeriesBlock]:
        from carryall._async import AsyncBlocks
        return AsyncBlocks(self)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """What is left of the stream as Arrow record batches of one row, a block each."""
        first = next(self, None)
        if first is None:
            raise ValueError("the stream is over: without a block it has no schema")
        schema = first.to_arrow().schema

        def batches() -> Iterator[pyarrow.RecordBatch]:
            yield first.to_arrow()
            for block in self:
                yield block.to_arrow()

        reader = pyarrow.RecordBatchReader.from_batches(schema, batches())
        return reader.__arrow_c_stream__(requested_schema)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a stream cannot be pickled, it is a connection: pickle the Client, "
                        "and open the stream where it is read")
