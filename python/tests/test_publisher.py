"""The publisher as far as it goes without brokers (tests/kafka has the rest)."""

from datetime import timedelta

import pyarrow
import pytest

import carryall
from carryall.errors import (CarryallError, InvalidArgumentError, UnavailableError,
                             UnauthenticatedError)
from carryall.publish import Publisher, serialize_batch


def block_of(channel, samples):
    return carryall.SeriesBlock(10**18, {channel.name: samples}, {channel.name: channel})


def test_it_is_what_the_stock_package_has(monkeypatch):
    monkeypatch.setenv("ARRAKIS_SERVER", "elsewhere:7")
    publisher = carryall.Publisher("PUB")
    assert publisher.initial_url == "grpc://elsewhere:7"
    assert (publisher.publisher_id, publisher.replay_id) == ("PUB", None)
    assert (publisher.channels, publisher.stride, publisher.confirmed) == ({}, None, 0)
    assert Publisher("PUB", "h", "RUN1").replay_id == "RUN1"
    assert repr(Publisher("PUB", "h")) == "Publisher('PUB', 'grpc://h:31206')"
    publisher.close()  # nothing is open


def test_wrong_arguments():
    with pytest.raises(InvalidArgumentError, match="ID"):
        Publisher("")
    with pytest.raises(InvalidArgumentError, match="ftp"):
        Publisher("PUB", "ftp://h")
    with pytest.raises(InvalidArgumentError, match="delivery timeout"):
        Publisher("PUB", delivery_timeout=0)
    with pytest.raises(UnauthenticatedError, match="token"):
        Publisher("PUB", token=True)
    channel = carryall.Channel("X1:PUB-A", "float64", 16)
    publisher = Publisher("PUB", "grpc://127.0.0.1:1")
    with pytest.raises(RuntimeError, match="publisher PUB is not open"):
        publisher.publish(block_of(channel, [1.0] * 16))
    with pytest.raises(TypeError, match="SeriesBlock"):
        publisher.publish({"X1:PUB-A": [1.0]})
    with pytest.raises(ValueError, match="negative"):
        publisher.publish(block_of(channel, [1.0] * 16), timeout=timedelta(seconds=-1))
    with pytest.raises(UnavailableError, match="127.0.0.1:1"):
        publisher.register()
    with pytest.raises(ValueError, match="complex|type"):
        publisher.publish(block_of(channel, [1j] * 16))


def test_a_server_that_cannot_publish(server):
    publisher = Publisher("TEST", server.url)
    with pytest.raises(ValueError, match="X1:PYT-.* is assigned to no partition"):
        publisher.register()
    with pytest.raises(ValueError, match="no channels registered for publisher ID 'NOBODY'"):
        Publisher("NOBODY", server.url).register()
    with pytest.raises(CarryallError):
        publisher.register([carryall.Channel("X1:PUB-A", "float64", 16)])
    with pytest.raises(ValueError, match="partition_index"):
        publisher.register([carryall.Channel("X1:PUB-A", "float64", 16, partition_index=-1)])
    with pytest.raises(ValueError, match="12.5"):
        publisher.register([carryall.Channel("X1:PUB-A", "float64", 12.5)])


def test_a_batch_as_a_stream():
    batch = pyarrow.record_batch({"time": [1, 2], "data": [[1.0], [2.0, 3.0]]})
    with pyarrow.ipc.open_stream(serialize_batch(batch)) as reader:
        assert reader.read_all() == pyarrow.table(batch)
