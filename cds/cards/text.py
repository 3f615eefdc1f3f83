"""Make chart text safe inside a card: it is data, also where a client renders raw HTML in GitHub-flavoured Markdown."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_SPACES = re.compile(r"\s+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]{0,30}\s*:(?=\s*//)|\b(?:javascript|data|vbscript|mailto|xmpp|tel)\s*:", re.I)
_WWW = re.compile(r"www\s*\.", re.I)
_INLINE = re.compile(r"([\\`*_\[\]|~<>&$])")
_LEADING = re.compile(r"^(?=[#+\-=>])|^(?P<number>[0-9]{1,9})(?=[.)])")
_HIDDEN = {0xAD, 0x61C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFFF9, 0xFFFC)}
_PLAIN = re.compile(r"[A-Za-z0-9 ,.;:%()+'-]*(?:/[A-Za-z0-9 ,.;:%()+'-]+)*")


@lru_cache(maxsize=4096)
def plain(text: str, most: int = 120) -> str:
    """One line of inert text: no control, bidirectional or invisible characters, no links, at most so many characters."""
    text = text[:4 * most]
    if _PLAIN.fullmatch(text) and "www" not in text.lower() and not (":" in text and _SCHEME.search(text)):
        cleaned = text
    else:
        cleaned = _clean(text)
    cleaned = _SPACES.sub(" ", cleaned).strip()
    return cleaned if len(cleaned) <= most else cleaned[:most - 1].rstrip() + "…"


def _clean(text: str) -> str:
    cleaned = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode("utf-8"))
    cleaned = "".join(" " if char.isspace() else char for char in cleaned)
    cleaned = "".join(char for char in cleaned if ord(char) not in _HIDDEN and unicodedata.category(char) not in ("Cc", "Cs", "Co", "Cn", "Cf"))
    for _ in range(5):
        shorter = _SCHEME.sub("", cleaned)
        if shorter == cleaned:
            break
        cleaned = shorter
    cleaned = cleaned.replace("//", " ").replace("@", " at ").replace("<", " ").replace(">", " ")
    return _WWW.sub("www ", cleaned)


@lru_cache(maxsize=4096)
def inline(text: str, most: int = 120) -> str:
    """The same inside a line of Markdown, with every character escaped that could be read as markup there."""
    return _INLINE.sub(r"\\\1", plain(text, most))


@lru_cache(maxsize=4096)
def markdown(text: str, most: int = 120) -> str:
    """The same at the start of a line, where more characters have a meaning."""
    return _LEADING.sub(lambda match: (match["number"] or "") + "\\", inline(text, most))


def shortened(text: str, most: int) -> str:
    """A sentence cut at a word so that it fits."""
    if len(text) <= most:
        return text
    return text[:most - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


@lru_cache(maxsize=4096)
def reference(ref: str) -> str:
    """A resource reference for people: type and id, long ids cut."""
    kind, _, identity = ref.partition("/")
    short = identity if len(identity) <= 24 else identity[:20] + "…"
    return inline(f"{kind} {short}".strip(), 60)
