"""The loop that the seed profiled (block.py:409):
    series_dict[channel] = _arrow_to_numpy_array(pyarrow.array(data[idx]))
with its mask line:
    mask = 1 - numpy.unpackbits(bitmap).reshape(shape)[:, ::-1].reshape(-1)[:length]
"""

import numpy
import pyarrow

from harness import convert, inputs


def arrow_to_numpy(array):
    values = numpy.frombuffer(array.buffers()[1], dtype=numpy.float64)[:len(array)]
    if array.null_count == 0:
        return values
    bitmap = numpy.frombuffer(array.buffers()[0], dtype=numpy.uint8)
    shape = (len(bitmap), 8)
    mask = 1 - numpy.unpackbits(bitmap).reshape(shape)[:, ::-1].reshape(-1)[:len(array)]
    return numpy.ma.MaskedArray(values, mask=mask)


def to_numpy(batch, touch=False):
    series = {}
    data = batch.column("data")
    wanted = [names[0]] if timed.one else names
    for idx, channel in enumerate(names):
        series[channel] = arrow_to_numpy(pyarrow.array(data[idx]))
    series = {channel: series[channel] for channel in wanted}
    if touch:
        inputs.touch(series.values())
        return series
    return list(series.items())


def prepare(case):
    global timed, names
    count, _, _ = inputs.parse(case["case"])
    names = inputs.names(count)
    timed = convert.Conversion(inputs.row_batch, {**case, "iterations": 1}, to_numpy)
    return timed.answer()


def measure():
    return timed.measure()


def release():
    global timed
    timed = None
