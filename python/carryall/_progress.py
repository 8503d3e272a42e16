"""How far a fetch or a stream is, told to tqdm or to a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from carryall._optional import need

if TYPE_CHECKING:
    from carryall.block import SeriesBlock


class Progress(NamedTuple):
    """How far a call is."""

    bytes: int  #: received so far (fetch), samples handed out (stream)
    complete_until_ns: int  #: GPS time up to which every channel is there, ns
    waiting_for: str  #: the server that is furthest behind, or ""


#: True for a bar of tqdm (which goes to stderr), or a function that is given each Progress
ProgressLike = Union[bool, Callable[[Progress], object], None]


class _Bar:
    """A bar of tqdm over seconds of data."""

    def __init__(self, what: str, start_ns: int | None, end_ns: int | None) -> None:
        tqdm = need("tqdm", f"{what}(progress=True)", "progress").tqdm
        self._start_ns = start_ns
        total = None if start_ns is None or end_ns is None else (end_ns - start_ns) / 1e9
        self._bar = tqdm(desc=what, total=total, unit="s", bar_format=(
            None if total is None else
            "{l_bar}{bar}| {n:.4g}/{total:.4g} s [{elapsed}<{remaining}{postfix}]"))

    def __call__(self, progress: Progress) -> None:
        if self._start_ns is None:
            self._start_ns = progress.complete_until_ns
        done = max(0.0, (progress.complete_until_ns - self._start_ns) / 1e9)
        if self._bar.total is not None:
            done = min(done, self._bar.total)
        # The name of a server that is waited for, so that a bar which stands still says why.
        waiting = f", waiting for {progress.waiting_for}" if progress.waiting_for else ""
        self._bar.set_postfix_str(f"{progress.bytes / 1e6:.1f} MB{waiting}", refresh=False)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _Function:
    def __init__(self, function: Callable[[Progress], object]) -> None:
        self._function = function

    def __call__(self, progress: Progress) -> None:
        self._function(progress)

    def close(self) -> None:
        pass


def listener(what: str, progress: ProgressLike, start_ns: int | None,
             end_ns: int | None) -> Any:
    """What is to be told of the progress of a call; None for nothing."""
    if progress is None or progress is False:
        return None
    if progress is True:
        return _Bar(what, start_ns, end_ns)
    return _Function(progress)


class BlockCounter:
    """Tells a listener of the blocks of a stream."""

    def __init__(self, told: Any) -> None:
        self._told = told
        self._bytes = 0

    def __call__(self, block: SeriesBlock) -> None:
        self._bytes += block.nbytes
        self._told(Progress(self._bytes, block.end_ns, ""))

    def close(self) -> None:
        self._told.close()
