"""Things that rest on themselves over others: rules that ask for rules, terms that include terms."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping


def circles(asked: Mapping[str, Collection[str]]) -> Iterator[list[str]]:
    """Each circle once, from its first member by name, ending where it began; every member of a circle stands in one."""
    told: set[str] = set()
    for start in sorted(asked):
        circle = _way_back(start, asked)
        if circle and not told.issuperset(circle):
            told |= set(circle)
            yield circle


def said(circle: list[str], verb: str) -> str:
    """A circle in words, for example "`a` asks for `b`, which asks for `a`"."""
    rest = "itself" if len(circle) == 2 else f", which {verb} ".join(f"`{name}`" for name in circle[1:])
    return f"`{circle[0]}` {verb} {rest}"


def _way_back(start: str, asked: Mapping[str, Collection[str]]) -> list[str]:
    """The shortest way from a name back to itself; empty where there is none."""
    ways, seen = [[start]], set()
    for way in ways:
        for name in asked.get(way[-1], ()):
            if name == start:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
