"""Ours, through the Python package."""

from carryall.block import SeriesBlock
from carryall.channel import Channel

from harness import convert, inputs


def to_numpy(batch, touch=False):
    block = SeriesBlock.from_column_batch(batch, channels)
    if timed.one:
        arrays = {names[0]: block[names[0]].data}
    else:
        arrays = block.data
    if touch:
        inputs.touch(arrays.values())
        return arrays, block
    return list(arrays.items())


def prepare(case):
    global timed, names, channels
    count, length, _ = inputs.parse(case["case"])
    names = inputs.names(count)
    channels = {name: Channel(name, "float64", inputs.rate(length)) for name in names}
    timed = convert.Conversion(inputs.column_batch, case, to_numpy)
    return timed.answer()


def measure():
    return timed.measure()


def release():
    global timed
    timed = None
