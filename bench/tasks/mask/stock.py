"""What the stock client 0.21 does: numpy's little-endian unpack, inverted."""

import numpy

from tasks.mask.cases import Timed


def mask(bitmap, offset, length):
    unpacked = numpy.unpackbits(bitmap, bitorder="little", count=offset + length)
    return ~unpacked[offset:].view(bool)


timed = Timed(mask)
prepare, measure, release = timed.prepare, timed.measure, timed.release
