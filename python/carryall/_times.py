"""Times in whole nanoseconds, beside seconds."""

from __future__ import annotations


class Nanoseconds(int):
    """Marks a whole number as nanoseconds where seconds are taken otherwise: as a GPS time, a
    duration, a stride or a timeout, in every function of this package.

        client.fetch(names, Nanoseconds(block.end_ns), duration=Nanoseconds(62_500_000))

    Arithmetic gives a plain int, as `Time` does."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Nanoseconds({int(self)})"
