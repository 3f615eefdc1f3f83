"""What a request may look like before anything of it is read: size, type, time, how many at once."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from cds.hooks.request import RequestRefused

BODY_SECONDS = 10.0
MOST_AT_ONCE = 256
_JSON = ("application/json", "application/fhir+json", "text/json")


async def body(request: Request, most: int) -> bytes:
    """The request body; RequestRefused with 415, 413 or 408 where it is not JSON, too large or too slow."""
    kind = request.headers.get("content-type", "application/json").split(";", 1)[0].strip().lower()
    if kind not in _JSON and not kind.endswith("+json"):
        raise RequestRefused("Content-Type", f"`{kind[:60]}` is not JSON; send application/json", "not-supported", 415)
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise RequestRefused("$", f"the body has {length} bytes; at most {most} are accepted", "too-long", 413)
    try:
        return await asyncio.wait_for(_read(request, most), BODY_SECONDS)
    except asyncio.TimeoutError:
        raise RequestRefused("$", f"the body did not arrive within {BODY_SECONDS:.0f} seconds", "timeout", 408) from None


async def _read(request: Request, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise RequestRefused("$", f"the body has more than {most} bytes", "too-long", 413)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
