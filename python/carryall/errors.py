"""Exceptions. Every error of the C++ side has a kind, and each kind one class here
(docs/errors.md has the table). All derive from CarryallError and, where Python has a word for
the matter, from that built-in exception too."""

from __future__ import annotations


class CarryallError(Exception):
    """Whatever Carryall reports."""


class InvalidArgumentError(CarryallError, ValueError, AssertionError):
    """A value that was given is wrong. (An AssertionError too, as the stock package raises.)"""


class EmptySpanError(InvalidArgumentError, IndexError):
    """A span without any time in it. (An IndexError too, as the stock package raises.)"""


class UnknownChannelError(InvalidArgumentError, KeyError):
    """A channel that nobody has registered. (A KeyError too, as the stock package raises.)"""

    __str__ = Exception.__str__  # a KeyError's is in quotes


class UnknownPolicyError(InvalidArgumentError, KeyError):
    """A policy that does not exist. (A KeyError too, as the stock package raises.)"""

    __str__ = Exception.__str__  # a KeyError's is in quotes


class InvalidRequestError(CarryallError, ValueError):
    """A server refuses the form of a request."""


class UnknownArgumentError(CarryallError, TypeError):
    """A request has arguments that its type does not have."""


class NoEndpointError(CarryallError, LookupError):
    """No server can serve the request."""


class InvalidReplayError(CarryallError, LookupError):
    """A replay id or window that cannot be resolved."""


class UnsupportedError(CarryallError, RuntimeError):
    """The operation is not available from this server or build."""


class UnavailableError(CarryallError, ConnectionError):
    """Channels, a span or a server that is not available (now)."""


class UnauthenticatedError(CarryallError, PermissionError):
    """A credential is needed and none was accepted."""


class PermissionDeniedError(CarryallError, PermissionError):
    """The credential does not suffice."""


class DeadlineError(CarryallError, TimeoutError):
    """A deadline passed: connecting, answering or silence."""


class EndpointStalledError(DeadlineError, RuntimeError):
    """A stream was silent for longer than it may be."""


class CancelledError(CarryallError, RuntimeError):
    """The call was stopped."""


class GapError(CarryallError):
    """Data are missing, and `on_gap="raise"` was asked for."""


class DroppedError(CarryallError, ValueError):
    """A block came too late, and drops were to be raised."""


class CorruptError(CarryallError, ValueError):
    """Bytes that are not what they claim to be."""


class ResourceExhaustedError(CarryallError, MemoryError):
    """A cap was hit: size, memory, admission."""


class NotFoundError(CarryallError, FileNotFoundError):
    """A file, directory or channel that does not exist."""


class InputOutputError(CarryallError, OSError):
    """The operating system refused: disk full, permission, port in use."""


class InternalError(CarryallError, RuntimeError):
    """A defect of Carryall."""


class PublishError(CarryallError, RuntimeError):
    """At least one message of a block could not be delivered."""


def raised(name: str) -> type[CarryallError]:
    """What a call to a server raises for one of the classes above: it, or a subclass that is
    also what the stock package raises."""
    from carryall import _stock_errors
    return getattr(_stock_errors, name, None) or globals()[name]
