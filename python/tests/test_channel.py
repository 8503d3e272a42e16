"""Channels and their names."""

import dataclasses
import json
import pickle

import numpy
import pyarrow
import pytest

from carryall.channel import Channel, ParsedChannelName


@pytest.mark.parametrize("name, parts", [
    ("H1:CAL-STRAIN", ("H1", "CAL", "-", "STRAIN")), ("H1:CAL_A-B", ("H1", "CAL", "_", "A-B")),
    ("A:B:C-D", ("A:B", "C", "-", "D")), (":", ("", "", None, None)),
    ("H1:X", ("H1", "X", None, None)), ("H1:-X", ("H1", "", "-", "X"))])
def test_names_are_taken_apart(name, parts):
    assert dataclasses.astuple(ParsedChannelName.parse(name)) == parts
    assert Channel(name, "f4", 1).domain == parts[0]
    assert Channel(name, "f4", 1).subsystem == parts[1]


def test_a_name_needs_a_colon():
    with pytest.raises(ValueError, match="Invalid channel name format: 'nothing'"):
        Channel("nothing", "float32", 16)


def test_data_types():
    assert Channel("X1:A", numpy.float32, 16).data_type == "float32"
    assert Channel("X1:A", numpy.dtype("i2"), 16).data_type == "int16"
    assert Channel("X1:A", "f4", 16).data_type == "f4"
    with pytest.raises(TypeError):
        Channel("X1:A", object(), 16)
    with pytest.raises(AssertionError):
        Channel("X1:A", None, 16)


def test_text():
    channel = Channel("H1:T", "int32", 16, publisher="P", stride=62_500_000, partition_index=0)
    assert str(channel) == "H1:T"
    assert repr(channel) == ("<H1:T, 16 Hz, 'int32', publisher='P', partition_index=0, "
                             "stride=62_500_000>")


def test_equal_where_both_say_the_same():
    a = Channel("X1:A", "int32", 16)
    assert a == Channel("X1:A", "int32", 16, stride=5, publisher="P")
    assert hash(a) == hash(Channel("X1:A", "int32", 16, stride=5))
    assert Channel("X1:A", "int32", 16, stride=5) != Channel("X1:A", "int32", 16, stride=6)
    assert Channel("X1:A", "int32", 16, publisher="P") != Channel("X1:A", "int32", 16,
                                                                  publisher="Q")
    assert Channel("X1:A", "int32", 16, publisher="") == Channel("X1:A", "int32", 16,
                                                                 publisher="Q")
    assert a != Channel("X1:A", "int64", 16) and a != Channel("X1:A", "int32", 17)
    assert a != None and a != "X1:A"  # noqa: E711


def test_clones_and_dicts():
    channel = Channel("X1:A", "int32", 16, None, "P", "id", 3, 5, 7, "r")
    assert pickle.loads(pickle.dumps(channel)) == channel
    assert Channel(**channel.as_dict()).as_dict() == channel.as_dict()
    assert Channel.from_validated(**channel.as_dict()).parsed_name == channel.parsed_name
    assert Channel.from_json(json.dumps(channel.as_dict())).as_dict() == channel.as_dict()
    assert Channel.fields() == ("name", "data_type", "sample_rate", "time", "publisher",
                                "partition_id", "partition_index", "stride", "max_latency",
                                "replay_id")
    assert dataclasses.replace(channel, name="X1:B").domain == "X1"
    with pytest.raises(dataclasses.FrozenInstanceError):
        channel.name = "X1:B"
    with pytest.raises(TypeError):
        Channel.from_json('{"nothing": 1}')


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float16", "float32", "float64"])
def test_from_a_field(dtype):
    field = pyarrow.field("X1:A", pyarrow.list_(pyarrow.from_numpy_dtype(numpy.dtype(dtype))),
                          metadata={"rate": "16"})
    channel = Channel.from_field(field)
    assert (channel.name, channel.data_type, channel.sample_rate) == ("X1:A", dtype, 16.0)
    with pytest.raises(AssertionError):
        Channel.from_field(field.remove_metadata())
    with pytest.raises(KeyError):
        Channel.from_field(field.with_metadata({"other": "1"}))
