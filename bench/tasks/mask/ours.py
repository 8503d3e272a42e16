"""Our kernel, called from Python."""

from carryall import _core

from tasks.mask.cases import Timed

timed = Timed(_core.bitmap_to_mask)
prepare, measure, release = timed.prepare, timed.measure, timed.release
