"""Series and SeriesBlock as values."""

import copy
import dataclasses
import pickle

import numpy
import pytest

from carryall.block import (DataBlock, Freq, Series, SeriesBlock, Time, combine_blocks,
                            concatenate_blocks, time_as_ns)
from carryall.channel import Channel
from carryall.errors import InvalidArgumentError

TIME = 1_000_000_000_500_000_000
A = Channel("X1:A", "float64", 4)
B = Channel("X1:B", "int32", 2)
C = Channel("X1:C", "float32", 8)


def make(time_ns=TIME, first=0.0):
    return SeriesBlock(time_ns, {"X1:B": numpy.ma.array([1, 2], mask=[0, 1], dtype="int32"),
                                 "X1:A": first + numpy.arange(4.0)}, {"X1:A": A, "X1:B": B})


def test_a_block_is_a_mapping_in_the_order_of_its_data():
    block = make()
    assert list(block) == list(block.keys()) == list(block.data) == ["X1:B", "X1:A"]
    assert len(block) == 2
    assert "X1:A" in block and "X1:NO" not in block and 7 not in block
    assert block.get("X1:NO") is None and block.get("X1:NO", 5) == 5
    assert block.get("X1:A").name == "X1:A"
    assert [name for name, _ in block.items()] == [s.name for s in block.values()]
    assert dict(block.channels) == {"X1:A": A, "X1:B": B}
    with pytest.raises(KeyError, match="X1:NO"):
        block["X1:NO"]
    assert block[A].name == "X1:A" and A in block and block.get(B).name == "X1:B"
    assert block.data[A] is block.data["X1:A"] and list(block.filter([A])) == ["X1:A"]
    with pytest.raises(KeyError):
        block[7]


def test_times_of_a_block():
    block = make()
    assert (block.time_ns, block.start_ns, block.end_ns) == (TIME, TIME, TIME + 10**9)
    assert (block.time, block.t0, block.duration) == (1000000000.5, 1000000000.5, 1.0)


def test_data_is_a_mapping_of_the_arrays():
    from collections.abc import Mapping
    data = make().data
    assert isinstance(data, Mapping)
    assert data["X1:A"].tolist() == [0, 1, 2, 3]
    assert data.get("X1:NO") is None
    assert dict(data).keys() == data.copy().keys() == {"X1:A", "X1:B"}
    assert {**data}["X1:A"] is data["X1:A"]
    with pytest.raises(KeyError):
        data["X1:NO"]


def test_arrays_that_were_given_are_those_that_come_back():
    array = numpy.arange(4.0)
    block = SeriesBlock(0, {"X1:A": array}, {"X1:A": A})
    assert block.data["X1:A"] is array
    assert SeriesBlock(0, {"X1:A": [1, 2, 3, 4]}, {"X1:A": A})["X1:A"].dtype == numpy.int64


@pytest.mark.parametrize("data, channels", [
    ({"X1:A": numpy.zeros(4)}, {}), ({"X1:A": numpy.zeros(4)}, {"X1:B": B}),
    ({}, {"X1:A": A}), ({"X1:A": numpy.zeros(4)}, {"X1:A": A, "X1:B": B}),
    ({"X1:A": numpy.zeros(4), "X1:B": numpy.zeros(3)}, {"X1:A": A, "X1:B": B}),
    ({"X1:A": numpy.zeros((2, 2))}, {"X1:A": A}),
])
def test_blocks_that_do_not_fit_together_are_refused(data, channels):
    with pytest.raises(AssertionError):
        SeriesBlock(0, data, channels)
    with pytest.raises(ValueError):
        SeriesBlock(0, data, channels)


def test_an_empty_block():
    block = SeriesBlock(5, {})
    assert (len(block), block.duration_ns, block.has_gaps) == (0, 0, False)
    assert SeriesBlock.full_gap(5, 10**9, []) == block


def test_durations_round_down():
    thirds = Channel("X1:T", "float64", 3)
    assert SeriesBlock(0, {"X1:T": numpy.zeros(1)}, {"X1:T": thirds}).duration_ns == 333333333
    half = Channel("X1:H", "float64", 0.5)
    assert SeriesBlock(0, {"X1:H": numpy.zeros(3)}, {"X1:H": half}).duration_ns == 6 * 10**9


def test_series():
    series = make()["X1:B"]
    assert (series.time_ns, series.time, series.t0) == (TIME, 1000000000.5, 1000000000.5)
    assert (series.name, series.channel, series.sample_rate) == ("X1:B", B, 2)
    assert (series.duration_ns, series.duration, series.dt) == (10**9, 1.0, 0.5)
    assert series.dtype == series.data_type == numpy.int32
    assert len(series) == 2
    assert series.has_gaps and series.mask.tolist() == [False, True]
    assert type(series.array) is numpy.ndarray and series.array.tolist() == [1, 2]
    assert series.times.tolist() == [1000000000.5, 1000000001.0]
    plain = make()["X1:A"]
    assert not plain.has_gaps and plain.mask is None and plain.array is plain.data


def test_a_masked_array_without_a_masked_sample_is_no_gap():
    for mask in (False, [False] * 4, numpy.ma.nomask):
        series = Series(0, numpy.ma.array(numpy.arange(4.0), mask=mask), A)
        assert not series.has_gaps and series.mask is None


def test_values_are_equal_by_their_samples():
    assert make() == make()
    assert make() != make(first=1.0)
    assert make() != make(TIME + 1)
    assert make()["X1:B"] == make()["X1:B"] != make()["X1:A"]
    assert make() != 5 and make()["X1:A"] != 5
    for value in (make(), make()["X1:A"]):
        with pytest.raises(TypeError):
            hash(value)


def test_values_are_frozen():
    for value in (make(), make()["X1:A"]):
        with pytest.raises(dataclasses.FrozenInstanceError):
            value.time_ns = 7


@pytest.mark.parametrize("clone", [lambda x: pickle.loads(pickle.dumps(x)), copy.copy,
                                   copy.deepcopy, dataclasses.replace])
def test_values_are_cloned(clone):
    block = make()
    assert clone(block) == block and type(clone(block)) is SeriesBlock
    assert clone(block["X1:B"]) == block["X1:B"]


def test_replace_as_a_dataclass():
    moved = dataclasses.replace(make(), time_ns=7)
    assert moved.time_ns == 7 and moved.data["X1:A"].tolist() == [0, 1, 2, 3]
    assert dataclasses.replace(make()["X1:A"], time_ns=7).time_ns == 7
    assert dataclasses.is_dataclass(SeriesBlock)


def test_subclasses_stay_subclasses():
    class Mine(SeriesBlock):
        pass

    assert type(Mine.full_gap(0, 10**9, [A])) is Mine
    assert type(Mine(0, {"X1:A": numpy.zeros(4)}, {"X1:A": A}).filter(["X1:A"])) is Mine


def test_text_says_what_it_is():
    text = repr(make())
    assert text.startswith("SeriesBlock(time_ns=1000000000500000000, data={'X1:B': masked_array(")
    assert text.endswith(f"_duration_ns={make().duration_ns})") and "channels={'X1:B': <X1:B, " in text
    assert "X1:B" in repr(make()["X1:B"])


def test_channels_cannot_be_changed_and_copies_of_them_can():
    block = make()
    for change in (lambda c: c.update(x=A), lambda c: c.clear(), lambda c: c.pop("X1:A"),
                   lambda c: c.setdefault("x", A), lambda c: c.__setitem__("x", A),
                   lambda c: c.__delitem__("X1:A")):
        with pytest.raises(TypeError, match="cannot be changed"):
            change(block.channels)
    assert list(block.channels) == ["X1:B", "X1:A"] and isinstance(block.channels, dict)
    for copied in (block.channels.copy(), copy.copy(block.channels), dict(block.channels),
                   copy.deepcopy(block.channels), pickle.loads(pickle.dumps(block.channels))):
        copied["x"] = A
        assert type(copied) is dict and "x" not in block.channels


def test_a_block_is_the_dataclass_that_it_is_in_the_stock_package():
    block = make()
    assert [field.name for field in dataclasses.fields(block)] == [
        "time_ns", "data", "channels", "_duration_ns"]
    plain = dataclasses.asdict(block)
    assert type(plain["data"]) is dict and type(plain["channels"]) is dict
    assert plain["channels"]["X1:A"]["sample_rate"] == A.sample_rate
    assert plain["_duration_ns"] == block.duration_ns
    assert plain["data"]["X1:A"] is not block.data["X1:A"]


def test_filter():
    block = make()
    assert block.filter() is block and block.filter([]) is block
    part = block.filter(["X1:A"])
    assert list(part) == ["X1:A"] and part.data["X1:A"] is block.data["X1:A"]
    assert list(block.filter(["X1:A", "X1:B"])) == ["X1:A", "X1:B"]
    with pytest.raises(KeyError):
        block.filter(["X1:NO"])


def test_create_gaps_leaves_what_is_there_alone():
    block = make()
    more = block.create_gaps([A, C])
    assert list(more) == ["X1:B", "X1:A", "X1:C"] and list(block) == ["X1:B", "X1:A"]
    assert more.data["X1:A"] is block.data["X1:A"]
    assert more["X1:C"].data.mask.all() and len(more["X1:C"]) == 8
    assert more["X1:C"].dtype == numpy.float32
    assert block.create_gaps([A]) is block


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float16", "float64", "f4"])
def test_full_gap(dtype):
    gap = SeriesBlock.full_gap(TIME, 10**9, [Channel("X1:G", dtype, 16)])
    assert gap.has_gaps and gap["X1:G"].dtype == numpy.dtype(dtype)
    assert gap["X1:G"].data.tolist() == [None] * 16
    assert gap.to_column_batch().to_pylist()[0]["X1:G"] == [None] * 16


def test_concatenate():
    joined = concatenate_blocks(make(), make(TIME + 10**9, 4.0), make(TIME + 2 * 10**9, 8.0))
    assert (joined.time_ns, joined.duration_ns) == (TIME, 3 * 10**9)
    assert list(joined) == ["X1:B", "X1:A"]
    assert joined.data["X1:A"].tolist() == list(range(12))
    assert joined.data["X1:B"].tolist() == [1, None] * 3
    assert joined.channels["X1:A"] is A
    joined.data["X1:A"][0] = 5.0  # a copy of its own
    swapped = make(TIME + 10**9).filter(["X1:A", "X1:B"])
    assert list(concatenate_blocks(make(), swapped)) == ["X1:B", "X1:A"]


def test_concatenate_refuses_holes_overlaps_and_other_channels():
    with pytest.raises(IndexError):
        concatenate_blocks()
    for other in (make(), make(TIME + 1), make(TIME + 2 * 10**9),
                  make(TIME + 10**9).filter(["X1:A"])):
        with pytest.raises(AssertionError):
            concatenate_blocks(make(), other)


def test_combine():
    other = SeriesBlock(TIME, {"X1:C": numpy.zeros(8, "float32")}, {"X1:C": C})
    both = combine_blocks(make(), other)
    assert list(both) == ["X1:B", "X1:A", "X1:C"]
    assert both.data["X1:C"] is other.data["X1:C"]
    for wrong in (make(), dataclasses.replace(other, time_ns=7),
                  SeriesBlock(TIME, {"X1:C": numpy.zeros(4, "float32")}, {"X1:C": C})):
        with pytest.raises(AssertionError):
            combine_blocks(make(), wrong)
    with pytest.raises(IndexError):
        combine_blocks()


def test_time_units():
    assert 2 * Time.s == 2_000_000_000 and 1.5 * Time.ms == 1.5e6
    assert Time.s is Time.SECONDS and list(Time) == [
        Time.SECONDS, Time.MILLISECONDS, Time.MICROSECONDS, Time.NANOSECONDS]
    assert str(Time.s) == f"{Time.s}" == "Time.SECONDS"
    assert DataBlock is SeriesBlock


def test_freq_gives_periods():
    assert 64 * Freq.Hz == 64.0 * Freq.Hz == numpy.int64(64) * Freq.Hz == 15_625_000
    assert 3 * Freq.Hz == 333_333_333 and isinstance(64.0 * Freq.Hz, int)
    assert 16 * Freq.kHz == 62_500_000_000
    with pytest.raises(TypeError):
        Freq.Hz * 64
    with pytest.raises(ZeroDivisionError):
        0 * Freq.Hz


@pytest.mark.parametrize("seconds, ns", [
    (1187008882.443, 1187008882443000078), (1000000000.0625, 1000000000062500000),
    (0.1, 100000000), (5, 5000000000), (numpy.float64(2.5), 2500000000), (-0.5, -500000000),
    (-1.25, -1250000000), (0, 0)])
def test_seconds_to_nanoseconds(seconds, ns):
    assert time_as_ns(seconds) == ns and type(time_as_ns(seconds)) is int


def test_seconds_that_are_none():
    with pytest.raises(ValueError):
        time_as_ns(float("nan"))
    with pytest.raises(OverflowError):
        time_as_ns(float("inf"))
    with pytest.raises(TypeError):
        time_as_ns("1")


def test_errors_are_of_both_kinds():
    with pytest.raises(InvalidArgumentError):
        SeriesBlock(0, {"X1:A": numpy.zeros(4)}, {})
