"""Checks of a discovery document: its services, and their prefetch templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from cds.selftest.seen import SHALL, SHOULD, Check, NotTried, Seen

_MEMBERS = {"hook", "title", "description", "id", "prefetch", "usageRequirements", "extension", "version", "hookVersion"}
_TOKEN = re.compile(r"\{\{(.*?)\}\}")
_USER = {"userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"}
_PATIENT = {"context.userId", "context.patientId", "context.encounterId"}
_FIELDS = {"patient-view": _PATIENT, "order-select": _PATIENT, "order-sign": _PATIENT, "encounter-start": _PATIENT, "encounter-discharge": _PATIENT,
           "appointment-book": _PATIENT}
_RESULTS = {"_count", "_sort", "_maxresults"}
_DEPRECATED = ("medication-prescribe", "order-review")
_NAMED = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+|[a-z0-9-]+(\.[a-z0-9-]+)+")


def _listed(seen: Seen) -> Iterator[str]:
    answer, document = seen.discovery, seen.discovery.document
    if answer.status != 200:
        yield f"GET /cds-services answers {answer}"
    elif not isinstance(document, dict) or not isinstance(document.get("services"), list):
        yield "the answer is not a JSON object with an array `services`"
    elif not answer.is_json:
        yield f"Content-Type is `{answer.headers.get('content-type', '')}`"


def _each(seen: Seen) -> Iterator[tuple[str, Mapping[str, Any]]]:
    found = seen.discovery.document
    listed = found.get("services") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not listed:
        raise NotTried("discovery lists no service")
    for number, one in enumerate(listed):
        yield f"services[{number}]", one if isinstance(one, dict) else {}


def _members(seen: Seen) -> Iterator[str]:
    for place, one in _each(seen):
        yield from (f"{place}.{key}: not a text" for key in ("hook", "description", "id") if not _text(one.get(key)))
        yield from (f"{place}.{key}: not a text" for key in ("title", "usageRequirements", "version",
                                                             "hookVersion") if key in one and not _text(one[key]))
        yield from (f"{place}.{key}: not a member of a service; put it under extension" for key in one if key not in _MEMBERS)
        if not isinstance(one.get("extension", {}), dict):
            yield f"{place}.extension: not an object"
        if not re.fullmatch(r"[A-Za-z0-9\-._~%]+", str(one.get("id"))):
            yield f"{place}.id: `{one.get('id')}` cannot stand in an address"


def _titled(seen: Seen) -> Iterator[str]:
    yield from (f"{place}: no title" for place, one in _each(seen) if not _text(one.get("title")))


def _told_apart(seen: Seen) -> Iterator[str]:
    known: set[tuple[str, str]] = set()
    for place, one in _each(seen):
        pair = (str(one.get("id")), str(one.get("hook")))
        if pair in known:
            yield f"{place}: `{pair[0]}` for `{pair[1]}` is listed twice"
        known.add(pair)


def _hooks(seen: Seen) -> Iterator[str]:
    for place, one in _each(seen):
        hook = str(one.get("hook"))
        if hook in _DEPRECATED:
            yield f"{place}.hook: `{hook}` is deprecated"
        elif not _NAMED.fullmatch(hook):
            yield f"{place}.hook: `{hook}` is neither noun-verb nor a reverse domain name"


def _nothing_empty(seen: Seen) -> Iterator[str]:
    for place, one in _each(seen):
        yield from (f"{place}.{key}: null or empty" for key, value in one.items() if value in (None, "", [], {}))


def _templates(seen: Seen) -> Iterator[tuple[str, str, str]]:
    found = False
    for place, one in _each(seen):
        prefetch = one.get("prefetch")
        for key, template in prefetch.items() if isinstance(prefetch, dict) else ():
            found = True
            yield f"{place}.prefetch.{key}", str(one.get("hook")), template
    if not found:
        raise NotTried("no service asks for prefetch")


def _relative(seen: Seen) -> Iterator[str]:
    for place, _, template in _templates(seen):
        path = template.partition("?")[0] if _text(template) else ""
        if not re.fullmatch(r"[A-Z][A-Za-z]+(/[^/?]+)?", path) or urlsplit(path).scheme or ("?" in template) == ("/" in path):
            yield f"{place}: not a FHIR read or search by a relative address"


def _tokens(seen: Seen) -> Iterator[str]:
    for place, hook, template in _templates(seen):
        text = str(template)
        if "{{" in _TOKEN.sub("", text) or "}}" in _TOKEN.sub("", text):
            yield f"{place}: {{{{ and }}}} do not match"
        for token in _TOKEN.findall(text):
            if token not in _USER and not re.fullmatch(r"context\.\w+", token):
                yield f"{place}: `{token}` is neither a field at the root of the context nor an id of the user"
            elif token not in _USER and token not in _FIELDS.get(hook, {token}):
                yield f"{place}: `{token}` may not be used with the hook {hook}"


def _queries(seen: Seen) -> Iterator[tuple[str, list[str]]]:
    for place, _, template in _templates(seen):
        query = str(template).partition("?")[2]
        if query:
            yield place, [part.partition("=")[0] for part in query.split("&") if part]


def _simple(seen: Seen) -> Iterator[str]:
    for place, names in _queries(seen):
        for name in names:
            word, _, modifier = name.partition(":")
            if "." in word or modifier not in ("", "in") or (word.startswith("_") and word not in (*_RESULTS, "_id", "_lastUpdated")):
                yield f"{place}: many servers do not know `{name}`"


def _once(seen: Seen) -> Iterator[str]:
    for place, names in _queries(seen):
        yield from (f"{place}: `{name}` stands twice" for name in dict.fromkeys(names) if names.count(name) > 1)


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


CHECKS = (
    Check("discovery", "Discovery", SHALL, "GET /cds-services answers 200 with an array of services", "without it no client can find the service",
          _listed),
    Check("service-members", "Discovery", SHALL, "Each service has hook, description and id, and no member of its own making",
          "clients refuse or ignore an entry they cannot read", _members),
    Check("service-title", "Discovery", SHOULD, "Each service has a title", "it is what an administrator reads in the EHR's list of services",
          _titled),
    Check("service-twice", "Discovery", SHALL, "No service is listed twice for one hook", "the EHR would call one and lose the other", _told_apart),
    Check("hook-names", "Discovery", SHOULD, "Hooks are named noun-verb, and none is deprecated", "no EHR fires a deprecated hook", _hooks),
    Check("discovery-empty", "Discovery", SHALL, "Nothing in discovery is null or empty", "a client may refuse the whole document", _nothing_empty),
    Check("prefetch-relative", "Prefetch", SHALL, "Templates are FHIR reads or searches by a relative address",
          "the client puts its own server in front; anything else cannot be fetched", _relative),
    Check("prefetch-tokens", "Prefetch", SHALL, "Tokens are fields of the context that may be used, or ids of the user",
          "a token that the client cannot fill makes the whole template go unanswered", _tokens),
    Check("prefetch-simple", "Prefetch", SHOULD, "Searches keep to widely supported parameters",
          "a server that does not know one answers with an error or with everything", _simple),
    Check("prefetch-once", "Prefetch", SHOULD, "No parameter stands twice in a template", "known clients drop one of the two", _once),
)
