import pytest

from harness.kafka import Broker


@pytest.fixture(scope="session")
def broker():
    """One broker for all tests that leave it as they found it."""
    with Broker() as broker:
        yield broker
