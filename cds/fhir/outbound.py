"""All outgoing HTTP: one GET at a time to a registered FHIR server, ended in time, and every failure in words.

No redirect is followed; cookies, proxies, `.netrc` and the environment play no part; nothing but a GET is ever sent.
"""

from __future__ import annotations

import logging
import time
from http.client import HTTPException
from typing import Any

import orjson
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ProtocolError

from cds.fhir.access import Access
from cds.fhir.breaker import Breaker
from cds.fhir.connections import Call, Pools

MOST_BYTES = 4 * 1024 * 1024
"""Bytes of one list, over all of its pages."""
_PIECE = 65_536
_TOGETHER = 64
_HEADERS = {"Accept": "application/fhir+json", "Accept-Encoding": "identity", "User-Agent": "ketamine-cds"}
LATE = "the EHR did not answer in time"
_EXPIRED = "the EHR sent an access token that has expired"
for _name in ("urllib3", "requests"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # they would log addresses, which hold the patient's id


class Failed(Exception):
    """An answer that cannot be used; `what` says why in words, `status` is that of HTTP (0 without one), `down` means that the server is."""

    def __init__(self, what: str, status: int = 0, down: bool = False) -> None:
        super().__init__(what)
        self.what, self.status, self.down = what, status, down


def running() -> float:
    """The running clock, in seconds; deadlines are instants on it."""
    return time.monotonic()


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **named: Any) -> None:
        self.poolmanager = Pools(num_pools=connections, maxsize=maxsize, block=block, **named)


class Server:
    """One registered FHIR base: its connections, shared by all requests of the process, and whether it has failed of late.

    `ways` remembers for every list which way of asking it accepted.
    """

    def __init__(self, base: str, breaker: Breaker | None = None) -> None:
        self.base, self.breaker = base, breaker or Breaker()
        self.ways: dict[str, int] = {}
        self._adapter = _Adapter(pool_connections=1, pool_maxsize=_TOGETHER, max_retries=0)

    def get(self, url: str, access: Access, call: Call, until: float, most: int = MOST_BYTES) -> tuple[Any, int]:
        """The JSON of one answer and its bytes; Failed otherwise.  What failed at once and may be repeated is asked once more."""
        with call:
            try:
                return self._once(url, access, call, until, most)
            except _Again as again:
                if running() + again.after >= until or call.was_cut.wait(again.after):
                    raise again.failed from None
            try:
                return self._once(url, access, call, until, most)
            except _Again as again:
                raise again.failed from None

    def close(self) -> None:
        """End all idle connections."""
        self._adapter.poolmanager.end()

    def _once(self, url: str, access: Access, call: Call, until: float, most: int) -> tuple[Any, int]:
        now = running()
        left = until - now
        if left <= 0:
            raise Failed(LATE, down=True)
        if now >= access.until:
            raise Failed(_EXPIRED)
        asked = requests.Request("GET", url, headers=_HEADERS | ({"Authorization": access.header} if access.header else {})).prepare()
        try:
            answer = self._adapter.send(asked, stream=True, timeout=(left, left), verify=True)
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            if call.was_cut.is_set():
                raise Failed(LATE, down=True) from None
            if _cut_off_at_once(error):
                raise _Again(_unreached(error), 0) from None
            raise _unreached(error) from None  # what it came from holds the token
        try:
            _refuse_status(answer.status_code, answer.headers.get("Retry-After", ""))
            content = _body(answer, call, until, most)
        finally:
            answer.close()  # a connection whose body was not read to its end is not used again
        return _json(content, answer.headers.get("Content-Type", "")), len(content)


class _Again(Exception):
    """A failure that came quickly and left nothing behind: worth one more try after some seconds."""

    def __init__(self, failed: Failed, after: float) -> None:
        super().__init__(failed.what)
        self.failed, self.after = failed, after


def _unreached(error: Exception) -> Failed:
    if isinstance(error, requests.exceptions.SSLError):
        return Failed("no secure connection to the EHR's server could be made", down=True)
    if isinstance(error, requests.Timeout):
        return Failed(LATE, down=True)
    if isinstance(error, requests.ConnectionError) and not _cut_off_at_once(error):
        return Failed("the EHR's server could not be reached", down=True)
    return Failed("the EHR's server ended the connection", down=True)


def _cut_off_at_once(error: Exception) -> bool:
    """Whether a connection ended before the first byte of an answer, as one does that was kept open too long or closed as it was picked up."""
    if isinstance(error, ValueError) and not isinstance(error, requests.RequestException):
        return True
    return isinstance(error, requests.ConnectionError) and bool(error.args) and isinstance(error.args[0], (ProtocolError, ConnectionResetError))


def _refuse_status(status: int, retry_after: str) -> None:
    if status == 200:
        return
    if 300 <= status < 400:
        raise Failed(f"the EHR answered with a redirect ({status})", status)
    failed = Failed(f"the EHR answered {status}", status, down=status >= 500 or status == 429)
    if status == 503 and retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 4:
        raise _Again(failed, int(retry_after))
    raise failed


def _body(answer: requests.Response, call: Call, until: float, most: int) -> bytes:
    """The whole body; the connection is cut from outside when time is up, and what came before counts for nothing."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Failed("the EHR answered in a compressed form that was not asked for")
    parts, size = [], 0
    try:
        for part in answer.raw.stream(_PIECE, decode_content=False):
            size += len(part)
            if size > most:
                raise Failed(f"the EHR answered with more than {MOST_BYTES // 1024 // 1024} MB")
            parts.append(part)
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        late = isinstance(error, TimeoutError) or call.was_cut.is_set() or running() >= until
        raise Failed(LATE if late else "the EHR's server ended the connection", down=True) from None
    if call.was_cut.is_set():
        raise Failed(LATE, down=True)
    return b"".join(parts)


def _json(content: bytes, kind: str) -> Any:
    begins = content[:200].lstrip().lower()
    if not begins:
        raise Failed("the EHR answered with an empty body")
    if begins.startswith((b"<!doctype html", b"<html")) or "text/html" in kind.lower():
        raise Failed("the EHR answered with HTML")
    if begins.startswith(b"<"):
        raise Failed("the EHR answered with XML")
    try:
        found = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
        orjson.dumps(found)  # refuses what is nested too deeply for what comes next
    except orjson.JSONDecodeError:
        raise Failed("the EHR answered with something that is not JSON") from None
    except TypeError:
        raise Failed("the EHR answered with JSON that is nested too deeply") from None
    return found

