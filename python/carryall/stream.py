"""What a reader of streams is, and several readers as one.

The package has a function of this module's name, too: `carryall.stream(...)` is the function,
`from carryall.stream import StreamReader` the module."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, Protocol, Union, runtime_checkable

if TYPE_CHECKING:
    from types import TracebackType

    from pyarrow import RecordBatch

    from carryall.block import SeriesBlock
    from carryall.channel import Channel

    Item = tuple[str, Union[RecordBatch, SeriesBlock]]

__all__ = ["MultiStreamReader", "StreamReader"]


@runtime_checkable
class StreamReader(AbstractContextManager[Any], Protocol):
    """Gives the batches of several streams as they come. One thread at a time."""

    @property
    def streams(self) -> dict[str, list[Channel]]:
        """The channels of every stream, by the stream's name."""
        ...

    def enter(self) -> None:
        """Starts to receive."""
        ...

    def __enter__(self) -> StreamReader:
        self.enter()
        return self

    def read(self, *, convert_blocks: bool = False) -> Generator[Item, None, None]:
        """What has come since the last time, as (stream, batch), or (stream, block) with
        `convert_blocks`; does not wait for more."""
        ...

    def done(self) -> bool:
        """Whether no more will come."""
        return False

    def unpack(self) -> Generator[Any, None, None]:
        """The rows of all batches as dicts, until no more will come."""
        while not self.done():
            for _, batch in self.read():
                yield from batch.to_pylist()  # type: ignore[union-attr]

    def close(self) -> None:
        """Stops receiving."""
        ...

    def __exit__(self, exc_type: type[BaseException] | None, exc_value: BaseException | None,
                 traceback: TracebackType | None) -> Literal[False]:
        self.close()
        return False


class MultiStreamReader(StreamReader):
    """Several readers as one, in the order given. Where two have streams of one name the later
    one's counts."""

    def __init__(self, readers: Sequence[StreamReader]) -> None:
        self._readers = list(readers)

    @property
    def streams(self) -> dict[str, list[Channel]]:
        merged: dict[str, list[Channel]] = {}
        for reader in self._readers:
            merged.update(reader.streams)
        return merged

    def enter(self) -> None:
        entered: list[StreamReader] = []
        try:
            for reader in self._readers:
                reader.enter()
                entered.append(reader)
        except BaseException:
            for reader in reversed(entered):
                reader.close()
            raise

    def read(self, *, convert_blocks: bool = False) -> Generator[Item, None, None]:
        for reader in self._readers:
            yield from reader.read(convert_blocks=convert_blocks)

    def done(self) -> bool:
        return all(reader.done() for reader in self._readers)

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
