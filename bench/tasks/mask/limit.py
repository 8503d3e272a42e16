"""Writing a million bytes to memory that is there."""

import numpy

from tasks.mask.cases import BITS, Timed

there = numpy.zeros(BITS, dtype=bool)


def mask(bitmap, offset, length):
    there.fill(True)
    return there


timed = Timed(mask)
prepare, measure, release = timed.prepare, timed.measure, timed.release
