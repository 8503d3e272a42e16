"""The broker that tests run against keeps its address and its data, however it ends."""

import os

import pytest

from harness.kafka import Broker, answers


@pytest.mark.timeout(400)
def test_a_broker_comes_back_where_it_was():
    with Broker() as broker:
        address, data = broker.address, broker._directory
        for end in (broker.stop, broker.kill9):
            end()
            assert not answers(broker.port)
            broker.start()
            assert broker.address == address and answers(broker.port)
    assert not broker.program.running and not os.path.exists(data)
