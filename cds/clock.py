"""The only clock and the only randomness in the product."""

from __future__ import annotations

import uuid
from datetime import datetime, timezone


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(timezone.utc)


def new_identifier() -> str:
    """A fresh random UUID for a card or a suggestion."""
    return str(uuid.uuid4())
