"""The seed's line, with the offset it leaves out applied in bits:
    mask = 1 - numpy.unpackbits(bitmap).reshape(shape)[:, ::-1].reshape(-1)[:length]
"""

import numpy

from tasks.mask.cases import Timed


def mask(bitmap, offset, length):
    shape = (len(bitmap), 8)
    return 1 - numpy.unpackbits(bitmap).reshape(shape)[:, ::-1].reshape(-1)[
        offset:offset + length]


timed = Timed(mask)
prepare, measure, release = timed.prepare, timed.measure, timed.release
