"""Client's methods as functions, each with a client of the default server of its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from carryall.client import Client

Function = TypeVar("Function", bound=Callable[..., Any])


def _of_default_client(method: Function) -> Function:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(Client(), method.__name__)(*args, **kwargs)

    signature = inspect.signature(method)
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=list(signature.parameters.values())[1:])
    return cast(Function, call)


find = _of_default_client(Client.find)
count = _of_default_client(Client.count)
describe = _of_default_client(Client.describe)
stream = _of_default_client(Client.stream)
fetch = _of_default_client(Client.fetch)
server_info = _of_default_client(Client.server_info)
scope_map = _of_default_client(Client.scope_map)
replays = _of_default_client(Client.replays)
domains = _of_default_client(Client.domains)
