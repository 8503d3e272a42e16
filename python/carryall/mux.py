"""What becomes of gaps and of blocks that cannot be used."""

from __future__ import annotations

import os
from enum import Enum

from carryall.errors import GapError, InvalidArgumentError


class OnGap(Enum):
    """What to do with a stride for which no source has data."""

    FILL = "fill"
    SKIP = "skip"
    RAISE = "raise"


class OnDrop(Enum):
    """What to do with blocks that come too late."""

    IGNORE = "ignore"
    WARN = "warn"
    RAISE = "raise"


ONGAP_DEFAULT = os.environ.get("ARRAKIS_ONGAP", "fill")
ONDROP_DEFAULT = os.environ.get("ARRAKIS_ONDROP", "ignore")

__all__ = ["ONDROP_DEFAULT", "ONGAP_DEFAULT", "GapError", "OnDrop", "OnGap", "policy"]


def policy(kind: type[OnGap] | type[OnDrop], value: str | OnGap | OnDrop) -> str:
    """The name of a policy given as text, in any case, or as a member."""
    if isinstance(value, kind):
        return value.value
    name = str(value).lower()
    if name not in [member.value for member in kind]:
        choices = ", ".join(member.value for member in kind)
        raise InvalidArgumentError(f"{kind.__name__} must be one of {choices}: {value!r}")
    return name
