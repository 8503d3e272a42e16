"""What calls raise: ours, and what users of the stock package catch."""

import pickle

import pytest
from pyarrow import flight

from carryall import _core, _stock_errors, errors

FLIGHT = {"UnavailableError": flight.FlightUnavailableError,
          "NoEndpointError": flight.FlightServerError,
          "InvalidReplayError": flight.FlightServerError,
          "InvalidRequestError": flight.FlightInternalError,
          "InvalidArgumentError": flight.FlightInternalError,
          "UnauthenticatedError": flight.FlightUnauthenticatedError,
          "PermissionDeniedError": flight.FlightUnauthorizedError,
          "CancelledError": flight.FlightCancelledError,
          "DeadlineError": errors.EndpointStalledError}


@pytest.mark.parametrize("name", [name for _, name in _core.error_table()])
def test_each_class_of_a_call(name):
    made = errors.raised(name)
    assert issubclass(made, getattr(errors, name)) and made.__name__ == name
    assert issubclass(made, FLIGHT.get(name, Exception))
    error = made("why")
    assert str(error) == "why" and error.args == ("why",)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is made and str(again) == "why"
    assert errors.raised(name) is made


def test_a_name_that_is_none():
    with pytest.raises(AttributeError):
        _stock_errors.SpamError
    with pytest.raises(KeyError):
        errors.raised("SpamError")


def test_errors_that_are_keys_have_plain_text():
    for made in (errors.UnknownChannelError, errors.UnknownPolicyError):
        assert isinstance(made("why"), KeyError) and str(made("why")) == "why"
    assert issubclass(errors.EmptySpanError, IndexError)


def test_empty_spans(client):
    for span in ((5, 5), (5, 4), {"duration": 0}, {"duration": -1}):
        how = span if isinstance(span, dict) else {"end": span[1]}
        with pytest.raises(errors.EmptySpanError, match="empty or inverted: \\[5"):
            client.fetch(["X1:PYT-COUNT"], 5, **how)
