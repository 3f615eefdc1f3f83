"""One list of a patient, page by page, as far as it can be had: what arrived is kept even where the rest did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cds.fhir import bases, read
from cds.fhir.access import Access
from cds.fhir.connections import Call
from cds.fhir.outbound import MOST_BYTES, Failed, Server

MOST_PAGES = 10
MOST_ENTRIES = 2000


@dataclass(slots=True)
class Listing:
    """The pages of one list that arrived, and why they are not all (empty where they are); filled while it is asked for.

    `status` is the HTTP status of the failure; `begun` and `ended` say how far asking went, `down` that the server is in trouble.
    """

    pages: list[Any] = field(default_factory=list)
    reason: str = ""
    status: int = 0
    begun: bool = False
    ended: bool = False
    down: bool = False
    call: Call = field(default_factory=Call, repr=False)


def fill(listing: Listing, key: str, paths: Sequence[str], server: Server, access: Access, until: float) -> None:
    """Ask for a list in the first of several ways that the server accepts, and follow its pages; never raises."""
    listing.begun = True
    try:
        _follow(listing, *_first(listing, key, paths, server, access, until), server, access, until)
    except Failed as failed:
        listing.reason, listing.status, listing.down = failed.what, failed.status, failed.down
    except Exception as error:  # whatever a server makes our libraries raise; its text may hold the token
        listing.reason = f"the EHR's answer could not be read ({type(error).__name__})"
    listing.ended = True


def _first(listing: Listing, key: str, paths: Sequence[str], server: Server, access: Access, until: float) -> tuple[str, int]:
    """The first page; a way that worked once is tried first from then on."""
    way = min(server.ways.get(key, 0), len(paths) - 1)
    while True:
        url = f"{server.base}/{paths[way]}"
        try:
            page, size = server.get(url, access, listing.call, until)
        except Failed as failed:
            if not _may_like_another(failed.status, paths[way:way + 2]):
                server.ways.pop(key, None)
                raise
            way += 1
            continue
        server.ways[key] = way
        listing.pages.append(page)
        return url, size


def _may_like_another(status: int, ways: Sequence[str]) -> bool:
    """400 and 422 refuse a parameter; 403 may mean that orders are only told by intent."""
    return len(ways) == 2 and (status in (400, 422) or status == 403 and "&intent=" in ways[1] and "&intent=" not in ways[0])


def _follow(listing: Listing, url: str, size: int, server: Server, access: Access, until: float) -> None:
    seen = {url}
    entries = _entries(listing.pages[0])
    while (link := _next(listing.pages[-1])) is not None:
        url = bases.page(server.base, link)
        if url is None:
            where = "outside its registered base" if bases.same_host(server.base, link) else "of another host"
            raise Failed(f"the EHR sent a page {where}")
        if url in seen:
            raise Failed("the EHR's pages go round in a circle")
        if len(listing.pages) >= MOST_PAGES or entries >= MOST_ENTRIES:
            raise Failed(f"the EHR sent more than {len(listing.pages)} pages; only the first {entries} entries were read")
        seen.add(url)
        page, more = server.get(url, access, listing.call, until, MOST_BYTES - size)
        size += more
        if not isinstance(page, dict) or page.get("resourceType") not in ("Bundle", "OperationOutcome"):
            raise Failed("the EHR sent a page in a form that is not FHIR")
        listing.pages.append(page)
        entries += _entries(page)


def _next(page: Any) -> str | None:
    if not isinstance(page, dict) or page.get("resourceType") != "Bundle":
        return None
    links = [one.get("url") for one in read.listed(page.get("link")) if one.get("relation") == "next"]
    if links and not all(isinstance(one, str) for one in links):
        raise Failed("the EHR sent a page without an address")
    return links[0] if links else None


def _entries(page: Any) -> int:
    entries = page.get("entry") if isinstance(page, dict) else None
    return len(entries) if isinstance(entries, list) else 0


def together(pages: Sequence[Any]) -> Any:
    """All pages as one Bundle with the total of the first, each record once; a lone answer of another form as it is.

    A record on two pages means that the list moved while it was read: where it has a total, another one is then seen to be missing.
    """
    if len(pages) == 1 and (not isinstance(pages[0], dict) or pages[0].get("resourceType") != "Bundle"):
        return pages[0]
    entries: list[Any] = []
    for page in pages:
        held = page.get("entry")
        if page.get("resourceType") == "OperationOutcome":
            entries.append({"resource": page})
        elif held is not None:
            entries += held if isinstance(held, list) else [None]
    links = [link for link in read.listed(pages[0].get("link")) if link.get("relation") != "next"]
    return {**pages[0], "entry": entries if len(pages) == 1 else _each_once(entries), "link": links}


def _each_once(entries: Sequence[Any]) -> list[Any]:
    seen: dict[str, Any] = {}
    kept = []
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        name = read.name(resource) if isinstance(resource, dict) and resource.get("id") else ""
        if not name or seen.setdefault(name, resource) is resource or seen[name] != resource:
            kept.append(entry)
    return kept
