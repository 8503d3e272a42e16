"""Bearer tokens: found, and put into the headers of Flight calls made with pyarrow."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from pyarrow import flight

from carryall.errors import UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Mapping

READ_SCOPE = "arrakis.read"
CREATE_SCOPE = "arrakis.create"

__all__ = ["CREATE_SCOPE", "READ_SCOPE", "BearerClientMiddleware",
           "BearerClientMiddlewareFactory", "build_auth_middleware", "resolve_token"]


class BearerClientMiddleware(flight.ClientMiddleware):
    """Sends a token with a call."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def sending_headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"}

    def received_headers(self, headers: Mapping[str, Any]) -> None:
        """Nothing is expected back."""


class BearerClientMiddlewareFactory(flight.ClientMiddlewareFactory):
    """Sends a token with every call of a client."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def start_call(self, info: flight.CallInfo) -> BearerClientMiddleware:
        return BearerClientMiddleware(self._token)


def _audience_from_url(url: str) -> str:
    return f"https://{urlparse(url).hostname}"


def resolve_token(token: str | bool | None, url: str, scope: str = READ_SCOPE) -> str | None:
    """The token to send: `token` itself if it is text, none if it is False; with True one that
    igwn-auth-utils finds for the server and scope (an IgwnAuthError without), and with None that
    one or none."""
    if token is False:
        return None
    if isinstance(token, str):
        return token
    try:
        found = find_token(_audience_from_url(url), scope)
    except (UnauthenticatedError, _igwn_auth_error()) as error:
        if not token:
            return None
        if not isinstance(error, _NothingFound):
            raise
        found = _find(_audience_from_url(url), scope)
    return token_authorization_header(found).removeprefix("Bearer ")


class _NothingFound(UnauthenticatedError):
    """There is no token, as can be told without igwn-auth-utils."""


def _igwn_auth_error() -> type[Exception]:
    # Whoever raises it has loaded it.
    module = sys.modules.get("igwn_auth_utils.error")
    return _NothingFound if module is None else module.IgwnAuthError


def _tokens_about() -> bool:
    """Whether there is anything where igwn-auth-utils looks for tokens: loading it takes longer
    than most calls do."""
    if any(name in os.environ for name in ("SCITOKEN", "SCITOKEN_FILE", "_CONDOR_CREDS",
                                           "BEARER_TOKEN", "BEARER_TOKEN_FILE")):
        return True
    name = f"bt_u{os.getuid()}"
    places = [os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"]
    return any(place and os.path.exists(os.path.join(place, name)) for place in places)


def find_token(audience: str, scope: str) -> Any:
    """The token that igwn-auth-utils finds; an error if there is none."""
    if not _tokens_about():
        raise _NothingFound("there is no token")
    return _find(audience, scope)


def _find(audience: str, scope: str) -> Any:
    try:
        from igwn_auth_utils import scitokens
    except ImportError as error:
        raise UnauthenticatedError("finding a token needs the package igwn-auth-utils") from error
    return scitokens.find_token(audience, scope)


def token_authorization_header(token: Any) -> str:
    """The header that such a token is sent in."""
    from igwn_auth_utils import scitokens
    return scitokens.token_authorization_header(token)


def build_auth_middleware(token: str | None) -> list[flight.ClientMiddlewareFactory]:
    """Middleware that sends the token; none without one."""
    return [] if token is None else [BearerClientMiddlewareFactory(token)]
