"""A clinic's own folder beside the shipped one adds terms, names and codes; what would change an earlier folder is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cds.rulefile import source
from cds.rulefile.problems import Place, Problem
from cds.rulefile.source import Node
from cds.terms.load import rows
from cds.terms.model import CONDITION, MEASUREMENT, Term
from cds.terms.words import tokens

Phrases = dict[tuple[str, ...], str]
"""The words of a name, and what it stands for."""


def check_beside(folders: Sequence[Path], terms: Mapping[str, Term], nodes: Mapping[str, Node], problems: list[Problem]) -> None:
    """Note everything by which a later folder would change what an earlier one finds in a chart; the tables must be whole."""
    for place, folder in enumerate(folders[1:], 1):
        earlier = folders[:place]
        _products(earlier, folder, problems)
        _names(earlier, folder, problems)
        _snomed(folder, nodes, problems)
        own = {name for name, node in nodes.items() if folder in node.place.path.parents}
        before = [term for name, term in terms.items() if any(one in nodes[name].place.path.parents for one in earlier)]
        for name in own:
            _term_names(terms[name], nodes[name], before, problems)


def _products(earlier: Sequence[Path], folder: Path, problems: list[Problem]) -> None:
    known = {row["rxcui"]: row for one in earlier for row in rows(one, "products.csv")}
    for file, named in (("products.csv", "ingredients"), ("ingredients.csv", "name")):
        for line, row in enumerate(rows(folder, file), 2):
            other = known.get(row["rxcui"]) if row["rxcui"] else None
            if other is not None and {**other, **row, "ingredients": row[named]} != {**row, **other}:
                problems.append(Problem(Place(folder / "terms" / file, line), "duplicate-key",
                                        f"the RxNorm code `{row['rxcui']}` already stands for {other['ingredients']}", "Delete the row."))


def _names(earlier: Sequence[Path], folder: Path, problems: list[Problem]) -> None:
    known: Phrases = {}
    for one in earlier:
        known |= {tokens(row["name"]): row["name"] for row in rows(one, "ingredients.csv")}
        known |= {tokens(row["name"]): row["ingredients"] for row in rows(one, "names.csv")}
    for file, stands_for in (("names.csv", "ingredients"), ("ingredients.csv", "name")):
        for line, row in enumerate(rows(folder, file), 2):
            for phrase in _inside(tokens(row["name"]), known):
                if not set(known[phrase].split("+")) <= set(row[stands_for].split("+")):
                    problems.append(_hidden(Place(folder / "terms" / file, line), row["name"], phrase, known[phrase]))


def _snomed(folder: Path, nodes: Mapping[str, Node], problems: list[Problem]) -> None:
    for path in sorted((folder / "terms" / "snomed").glob("*.yaml")):
        root = source.read(path, [])
        for name in root.mapping if root else ():
            if name in nodes and folder not in nodes[name].place.path.parents:
                problems.append(Problem(root.key_place(name), "duplicate-key", f"the term `{name}` belongs to {nodes[name].place.path}",
                                        "Write a term of your own that includes it."))


def _term_names(term: Term, node: Node, before: Iterable[Term], problems: list[Problem]) -> None:
    includes, others = node.mapping["includes"], [one for one in before if one.kind == term.kind]
    known = {tokens(name): one.name for one in others for name in (*one.names, *one.not_names)}
    for key in ("names", "not_names"):
        for entry in (includes.get(key) or Node([], includes.place)).items:
            words = tokens(entry.text)
            hidden = _inside(words, known) if term.kind == CONDITION else [words] if term.kind == MEASUREMENT and words in known else []
            problems += [_hidden(entry.place, entry.text, phrase, known[phrase]) for phrase in hidden]


def _inside(words: tuple[str, ...], known: Phrases) -> Iterator[tuple[str, ...]]:
    """Every known name that is part of a name; the longer one would win over it."""
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            if words[start:end] in known:
                yield words[start:end]


def _hidden(place: Place, name: str, phrase: tuple[str, ...], stands_for: str) -> Problem:
    return Problem(place, "duplicate-key", f"in `{name}` the name `{' '.join(phrase)}` of {stands_for} would no longer be found",
                   "Leave this name out, or use codes.")
