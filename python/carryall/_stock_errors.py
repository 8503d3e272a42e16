"""What calls to a server raise, as users of the stock package catch it: each error is one of
pyarrow's or jsonschema's, too. Loaded when the first is raised, for that takes a while."""

from __future__ import annotations

from typing import Any

from pyarrow import ArrowInvalid, flight

from carryall import errors


class _OfACall(errors.CarryallError):
    # What pyarrow's own have.
    extra_info = b""


class InvalidArgumentError(_OfACall, errors.InvalidArgumentError, ArrowInvalid,
                           flight.FlightInternalError):
    """A value that was given is wrong."""


class UnknownArgumentError(_OfACall, errors.UnknownArgumentError, flight.FlightServerError):
    """A request has arguments that its type does not have."""


class NoEndpointError(_OfACall, errors.NoEndpointError, flight.FlightServerError):
    """No server can serve the request."""


class InvalidReplayError(_OfACall, errors.InvalidReplayError, flight.FlightServerError):
    """A replay id or window that cannot be resolved."""


class UnsupportedError(_OfACall, errors.UnsupportedError, flight.FlightServerError):
    """The operation is not available from this server or build."""


class UnavailableError(_OfACall, errors.UnavailableError, flight.FlightUnavailableError):
    """Channels, a span or a server that is not available (now)."""


class UnauthenticatedError(_OfACall, errors.UnauthenticatedError,
                           flight.FlightUnauthenticatedError):
    """A credential is needed and none was accepted."""


class PermissionDeniedError(_OfACall, errors.PermissionDeniedError,
                            flight.FlightUnauthorizedError):
    """The credential does not suffice."""


class DeadlineError(_OfACall, errors.EndpointStalledError, flight.FlightTimedOutError):
    """A deadline passed: connecting, answering or silence. (Also what the stock package raises
    for a stream that fell silent, which is the only deadline that it has.)"""


class CancelledError(_OfACall, errors.CancelledError, flight.FlightCancelledError):
    """The call was stopped."""


class CorruptError(_OfACall, errors.CorruptError, flight.FlightInternalError):
    """Bytes that are not what they claim to be."""


class ResourceExhaustedError(_OfACall, errors.ResourceExhaustedError,
                             flight.FlightUnavailableError):
    """A cap was hit: size, memory, admission."""


class NotFoundError(_OfACall, errors.NotFoundError, flight.FlightUnavailableError):
    """A file, directory or channel that does not exist."""


class InternalError(_OfACall, errors.InternalError, flight.FlightInternalError):
    """A defect of Carryall."""


def __getattr__(name: str) -> Any:
    if name != "InvalidRequestError":
        raise AttributeError(name)
    try:
        from jsonschema.exceptions import ValidationError
    except ImportError:  # then nobody can be catching it
        bases: tuple[Any, ...] = (flight.FlightInternalError,)
    else:
        bases = (flight.FlightInternalError, ValidationError)

    def initialize(error: Any, message: str = "") -> None:
        if len(bases) > 1:
            bases[1].__init__(error, message)
        error.args = (message,)

    made = type(name, (_OfACall, errors.InvalidRequestError, *bases),
                {"__doc__": errors.InvalidRequestError.__doc__, "__module__": __name__,
                 "__init__": initialize,
                 # jsonschema's placeholders do not survive pickling.
                 "__reduce__": lambda error: (type(error), error.args)})
    globals()[name] = made
    return made
