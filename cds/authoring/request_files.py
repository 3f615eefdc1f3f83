"""The CDS Hooks requests among the JSON files of a folder, and the files that should be one and cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from cds.hooks.request import HookRequest, RequestRefused, parse, request


class NoRequest(Exception):
    """A JSON file that is something else than a CDS Hooks request."""


class Unreadable(Exception):
    """A file that cannot be used; the message says what is wrong and where."""


def json_files(folder: Path) -> Sequence[Path]:
    """Every JSON file below a folder, in the order of their paths; a file stands for itself."""
    return [folder] if folder.is_file() else sorted(path for path in folder.rglob("*.json") if path.is_file())


def read(path: Path) -> HookRequest:
    """The request in a file; NoRequest or Unreadable where there is none."""
    try:
        body = path.read_bytes()
        document = orjson.loads(body)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"not valid JSON: {error.msg}, line {error.lineno} column {error.colno}") from None
    if not isinstance(document, dict) or document.keys().isdisjoint(("hook", "hookInstance")):
        raise NoRequest
    try:
        return request(parse(body))
    except RequestRefused as refused:
        raise Unreadable(f"{refused.where}: {refused.what}") from None
