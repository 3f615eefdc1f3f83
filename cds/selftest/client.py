"""Calls to the service under test: what came back, or why nothing did; redirects are not followed and no proxy is asked."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

TIMEOUT = 15.0
PATIENCE = 2.0
"""How long an answer to a body that is only announced is waited for."""


class Unreachable(Exception):
    """No CDS Hooks service answers; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, headers with small names, body, seconds; `fault` says why none came, and then the status is 0."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    fault: str = ""

    @property
    def document(self) -> Any:
        """The body as JSON, or None."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return None

    @property
    def is_json(self) -> bool:
        """Whether the answer says that it is JSON."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return kind == "application/json" or kind.endswith("+json")

    def __str__(self) -> str:
        return str(self.status) if self.status else f"no answer ({self.fault})"


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks to the service at one base address, with headers of the caller's own, such as an access token."""

    base: str
    headers: Mapping[str, str] = field(default_factory=dict)
    authority: str | None = None
    """File with the certificate authority that the service's certificate is checked against."""

    @property
    def local(self) -> bool:
        """Whether the service listens on this machine only."""
        return urlsplit(self.base).hostname in ("localhost", "127.0.0.1", "::1")

    def call(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """One call; a failure on the way is an answer with a fault."""
        given = {"Accept": "application/json", **self.headers, **(headers or {})}
        try:
            with requests.Session() as session:
                session.trust_env, session.verify = False, self.authority or True
                came = session.request(method, self.base + path, data=body, headers=given, timeout=TIMEOUT, allow_redirects=False)
        except (requests.RequestException, ValueError) as error:
            return Answer(0, fault=_reason(error))
        return Answer(came.status_code, {name.lower(): value for name, value in came.headers.items()}, came.content, came.elapsed.total_seconds())

    def announce(self, path: str, size: int) -> Answer | None:
        """The answer to a body of so many bytes that is announced and never sent; None where the service waits for all of it."""
        parts = urlsplit(self.base + path)
        if parts.scheme == "https":
            trusted = ssl.create_default_context(cafile=self.authority)
            line: http.client.HTTPConnection = http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=PATIENCE, context=trusted)
        else:
            line = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
        try:
            line.putrequest("POST", parts.path)
            for name, value in {**self.headers, "Content-Type": "application/json", "Content-Length": str(size)}.items():
                line.putheader(name, value)
            line.endheaders()
            came = line.getresponse()
            return Answer(came.status, {name.lower(): value for name, value in came.getheaders()}, came.read())
        except TimeoutError:
            return None
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, fault=_reason(error))
        finally:
            line.close()


def address(url: str) -> str:
    """The base address of a service from what was typed, also where that ends in /cds-services; raises Unreachable."""
    base = (url if "://" in url else f"http://{url}").rstrip("/").removesuffix("/cds-services")
    try:
        right = urlsplit(base).scheme in ("http", "https") and urlsplit(base).hostname and urlsplit(base).port != 0
    except ValueError:
        right = False
    if not right:
        raise Unreachable(f"`{url}` is not the address of a service; write for example http://127.0.0.1:8080")
    return base


def _reason(error: Exception) -> str:
    """The innermost reason of a failure on the way, in a few words."""
    causes = [error]
    while (inner := getattr(causes[-1], "reason", None) or next(iter(causes[-1].args), None)) and isinstance(inner, Exception):
        causes.append(inner)
    said = getattr(causes[-1], "strerror", None) or str(causes[-1]) or type(causes[-1]).__name__
    return re.sub(r"^.*\[Errno -?\d+\] |^\[[^]]*\] ", "", said).rstrip(")")[:200]
