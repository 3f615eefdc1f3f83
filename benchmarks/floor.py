"""The floor: the least a server can do with a request, which is read it, parse it, decide three things and answer.

`python -m benchmarks.floor PORT` serves it on the loopback address with the settings of the product's own server.
"""

from __future__ import annotations

import sys
from typing import Any

import orjson
import uvicorn

from cds.web.server import calm_collector

_HEADERS = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


async def floor(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """A bare ASGI application that finds nothing to say in any request."""
    if scope["type"] != "http":
        return
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    content = orjson.dumps({"cards": _decided(orjson.loads(b"".join(parts)))})
    await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, (b"content-length", b"%d" % len(content))]})
    await send({"type": "http.response.body", "body": content})


def _decided(asked: dict[str, Any]) -> list[Any]:
    if asked["hook"] != "order-sign":
        return []
    order = asked["context"]["draftOrders"]["entry"][0]["resource"]
    if "ketamine" not in order["medicationCodeableConcept"]["text"]:
        return []
    taken = asked["prefetch"]["medicationstatements"]["entry"][0]["resource"]
    return [] if "theophylline" not in taken["medicationCodeableConcept"]["text"] else [{}]


def main() -> None:
    """Serve on the port named on the command line."""
    calm_collector()
    uvicorn.run(floor, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, server_header=False,
                timeout_keep_alive=30, lifespan="off")


if __name__ == "__main__":
    main()
