"""Writing a million bytes."""

import numpy

from tasks.mask.cases import Timed


def mask(bitmap, offset, length):
    out = numpy.empty(length, dtype=bool)
    out.fill(True)
    return out


timed = Timed(mask)
prepare, measure, release = timed.prepare, timed.measure, timed.release
