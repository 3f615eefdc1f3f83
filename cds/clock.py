"""The only clock and the only randomness in the product."""

from __future__ import annotations

import os
from datetime import datetime, timezone

_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def now() -> datetime:
    """The present instant, in UTC."""
    return datetime.now(timezone.utc)


def new_identifier() -> str:
    """A fresh random UUID (RFC 9562, version 4) for a card or a suggestion."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"
