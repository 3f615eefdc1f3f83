"""Which FHIR servers may be asked: registered base URLs, matched as exact text, and pages that lie on them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import unquote, urljoin, urlsplit

_PLAIN = re.compile(r"https?://[A-Za-z0-9.\-_]+(:[0-9]{1,5})?(/[A-Za-z0-9._~\-%]+)*|https?://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?(/[A-Za-z0-9._~\-%]+)*")
_PAGE = re.compile(r"[!-~]{1,8000}")


class BaseRefused(ValueError):
    """A URL cannot be registered as a FHIR base; the message names it and what to write instead."""


def registered(urls: Iterable[str], local: bool) -> tuple[str, ...]:
    """The bases as they will be used: https and public hosts only, unless local ones are allowed.  Raises BaseRefused."""
    return tuple(dict.fromkeys(_checked(url.strip(), local) for url in urls))


def matching(sent: str | None, bases: Iterable[str]) -> str | None:
    """The registered base that a request names, exactly but for one slash at its end; None where it is not registered."""
    named = sent.removesuffix("/") if sent else None
    return next((base for base in bases if base == named), None)


def page(base: str, link: str) -> str | None:
    """The URL of a further page where it lies on the registered base, None where it does not."""
    if not _PAGE.fullmatch(link) or "\\" in link:
        return None
    url = link if re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:", link) else urljoin(base + "/", link)
    rest = url[len(base):]
    if not url.startswith(base) or rest[:1] not in ("/", "?") or "#" in rest:
        return None
    steps = unquote(unquote(rest.split("?", 1)[0])).replace("\\", "/").split("/")
    return None if ".." in steps or "." in steps else url


def same_host(base: str, link: str) -> bool:
    """Whether a link names the scheme, host and port of the base; for saying what is wrong with it."""
    try:
        one, other = urlsplit(base), urlsplit(urljoin(base + "/", link))
        return (one.scheme, one.netloc) == (other.scheme, other.netloc)
    except ValueError:
        return False


def _checked(url: str, local: bool) -> str:
    base = url.removesuffix("/")
    if not _PLAIN.fullmatch(base) or {".", ".."} & set(unquote(base).split("/")):
        raise BaseRefused(f"`{url}` is not the base URL of a FHIR server; write it as the EHR's requests name it in `fhirServer`: "
                          "https, host and path, without user, query or fragment")
    try:
        parts = urlsplit(base)
        here = _is_local(parts.hostname or "") or parts.port == 0
    except ValueError:
        raise BaseRefused(f"`{url}` has a host or a port that cannot be one") from None
    if parts.scheme != "https" and not local:
        raise BaseRefused(f"`{url}` is not encrypted; register an https address, or allow local servers for development (--allow-local-fhir)")
    if here and not local:
        raise BaseRefused(f"`{url}` is a loopback or private address; register the EHR's host name, or allow local servers for "
                          "development (--allow-local-fhir)")
    if parts.scheme != "https" and not here:
        raise BaseRefused(f"`{url}` is not encrypted, which is allowed for loopback and private addresses only; register an https address")
    return base


def _is_local(host: str) -> bool:
    """Loopback, private or otherwise not public, as far as the text itself says; odd spellings of numbers count as local."""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or re.fullmatch(r"[0-9.]+|0[xX][0-9a-fA-F.xX]+", host):
        try:
            return not ipaddress.ip_address(host).is_global
        except ValueError:
            return True
    return ":" in host and not ipaddress.ip_address(host).is_global
