"""The timed operations: contenders differ in the package."""

import functools
import statistics
import time

import numpy as np
import pyarrow as pa

from harness import inputs
from tasks.python_block import cases

RATE = cases.SAMPLES * 16
STRIDE = 62_500_000
LEAST_S = 0.03  # of one measurement
MOST_S = 0.5  # with making what operations are given


def clock_ns() -> float:
    """What reading the clock adds to what is timed: up to a tenth of the shortest operations."""
    times = []
    for _ in range(1000):
        began = time.perf_counter_ns()
        times.append(time.perf_counter_ns() - began)
    return statistics.median(times)


def column_batch(names, gaps: bool, part: int) -> pa.RecordBatch:
    rng = np.random.default_rng(part)
    offsets = pa.array(np.array([0, cases.SAMPLES], dtype=np.int32))
    columns = [pa.array([inputs.TIME + part * STRIDE], pa.int64())]
    for i in range(len(names)):
        missing = rng.random(cases.SAMPLES) < 0.3 if gaps and i % 4 == 0 else None
        values = pa.array(rng.standard_normal(cases.SAMPLES), mask=missing)
        columns.append(pa.ListArray.from_arrays(offsets, values))
    return pa.record_batch(columns, names=["time", *names])


@functools.lru_cache(maxsize=8)
def kept_batch(names: tuple[str, ...], gaps: bool, part: int) -> pa.RecordBatch:
    """The same for blocks made again and again, whose arrays are what is timed."""
    return column_batch(names, gaps, part)


def flat(batches) -> list:
    return [(p, b.schema.names, [c.to_pylist() for c in b.columns]) for p, b in batches]


class Operation:
    """One case: `package` has the modules block and channel."""

    def __init__(self, package, case: dict) -> None:
        self.block_module = package.block
        self.SeriesBlock, Channel = package.block.SeriesBlock, package.channel.Channel
        operation, count, self.gaps = cases.parse(case["case"])
        self.names = cases.names(count)
        self.channels = {
            name: Channel(name, "float64", RATE, partition_id=f"P{i % 4}", partition_index=i,
                          stride=STRIDE) for i, name in enumerate(self.names)}
        self.by_index = dict(enumerate(self.channels.values()))
        self.run = getattr(self, operation)
        self.prepare = getattr(self, "for_" + operation, self.for_one)

    def block(self, names=None, part: int = 0):
        batch = kept_batch(tuple(names or self.names), self.gaps, part)
        return self.SeriesBlock.from_column_batch(batch, self.channels)

    # What each operation needs, made before it is timed, and anew now and then.
    def for_one(self):
        return self.block()

    def for_construct(self):
        return dict(self.block().data.items())

    def for_concatenate(self):
        return [self.block(part=i) for i in range(4)]

    def for_combine(self):
        quarter = len(self.names) // 4
        return [self.block(self.names[i * quarter:(i + 1) * quarter]) for i in range(4)]

    def for_create_gaps(self):
        if not hasattr(self, "more"):
            self.more = [type(c)("X2" + c.name[2:], "float64", RATE)
                         for c in self.channels.values()]
        return self.block()

    def for_full_gap(self):
        return list(self.channels.values())

    def for_from_column(self):
        return column_batch(self.names, self.gaps, 0)

    def for_from_row(self):
        columns = column_batch(self.names, self.gaps, 0)
        flat_values = pa.concat_arrays([c.values for c in columns.columns[1:]])
        count = len(self.names)
        lists = pa.ListArray.from_arrays(
            pa.array(np.arange(count + 1, dtype=np.int32) * cases.SAMPLES), flat_values)
        return pa.record_batch([pa.array(np.full(count, inputs.TIME)),
                                pa.array(np.arange(count, dtype=np.uint32)), lists],
                               names=["time", "id", "data"])

    def construct(self, data):
        return self.SeriesBlock(inputs.TIME, data, self.channels)

    def index(self, block):
        return [block[name] for name in self.names]

    def items(self, block):
        return list(block.items())

    def filter(self, block):
        return block.filter(self.names[::2])

    def concatenate(self, blocks):
        joined = self.block_module.concatenate_blocks(*blocks)
        return joined, list(joined.data.values())

    def combine(self, blocks):
        return self.block_module.combine_blocks(*blocks)

    def full_gap(self, channels):
        return self.SeriesBlock.full_gap(inputs.TIME, STRIDE, channels)

    def create_gaps(self, block):
        return block.create_gaps(self.more)

    def to_column(self, block):
        return block.to_column_batch()

    def from_column(self, batch):
        return self.SeriesBlock.from_column_batch(batch, self.channels)

    def to_row(self, block):
        return list(block.to_row_batches(self.channels))

    def from_row(self, batch):
        return self.SeriesBlock.from_row_batch(batch, self.by_index)

    def answer(self) -> str:
        import hashlib
        result = self.run(self.prepare())
        if self.run == self.concatenate:
            result = result[0]
        if self.run == self.index:
            result = {series.name: series for series in result}
        if self.run == self.items:
            result = dict(result)
        if isinstance(result, pa.RecordBatch):
            return hashlib.sha256(str(flat([("", result)])).encode()).hexdigest()
        if isinstance(result, list):
            return hashlib.sha256(str(flat(result)).encode()).hexdigest()
        return inputs.digest((name, series.data) for name, series in result.items())

    def measure(self) -> float:
        """Microseconds an operation: the median, as the first after its inputs were made waits
        for memory that making them has pushed out of the caches."""
        clock = clock_ns()
        times = []
        end = time.monotonic() + MOST_S
        while len(times) < 2 or (sum(times) < LEAST_S * 1e9 and len(times) < 200 and
                                 time.monotonic() < end):
            if len(times) % 8 == 0:
                given = self.prepare()
            began = time.perf_counter_ns()
            result = self.run(given)
            times.append(time.perf_counter_ns() - began - clock)
            del result
        return statistics.median(times) / 1000
