"""Which terms a coded or named chart entry belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from cds.terms import load
from cds.terms.denial import affirmed
from cds.terms.labels import told_form, told_route
from cds.terms.model import CONDITION, MEASUREMENT, MEDICATION, PROCEDURE, REACTION, Lasting, Outcome, Product, Recognised, Term
from cds.terms.systems import ABSENT, ICD10, LOINC, RXNORM, SNOMED, UNII, system
from cds.terms.words import Words, readable

Coding = tuple[str, str, str]
"""System, code and display as sent, each perhaps empty."""

_NOTHING = Recognised({})
_MAX_REMEMBERED = 20_000
_ICD_CODE = re.compile(r"[A-TV-Z][0-9][0-9A-Z][0-9A-Z]{0,4}")


class Recogniser:
    """Everything needed to recognise entries; built once, read by all requests, answers remembered."""

    def __init__(self, terms: Mapping[str, Term], folders: Iterable[Path]) -> None:
        self._terms = terms
        self._above = _including(terms)
        self._products: dict[str, Product] = {}
        names: dict[str, str] = {}
        self._ingredient_codes: set[str] = set()
        for folder in folders:
            self._products |= load.products(folder)
            names |= {row["name"]: row["ingredients"] for row in load.rows(folder, "names.csv")}
            for row in load.rows(folder, "ingredients.csv"):
                names.setdefault(row["name"], row["name"])
                if row["rxcui"]:
                    self._ingredient_codes.add(row["rxcui"])
                    self._products.setdefault(row["rxcui"], Product((row["name"],), "", "", ""))
        self._words = Words(names)
        self.ingredient_names = frozenset(one for value in names.values() for one in value.split("+"))
        self._by_ingredient = _by_ingredient(terms)
        self._icd = _by_prefix(terms, lambda term: term.icd10cm)
        self._icd_except = _by_prefix(terms, lambda term: term.except_icd10cm)
        self._icd_acute = _by_prefix(terms, lambda term: term.acute_icd10cm)
        self._icd_by_name = {code for term in terms.values() for code in term.icd10cm_by_name}
        self._snomed = {kind: _by_code({name: term for name, term in terms.items() if term.kind == kind}, lambda term: term.snomed)
                        for kind in (CONDITION, MEDICATION, PROCEDURE, REACTION)}
        self._unii = _by_code(terms, lambda term: term.unii)
        self._kind_words = {kind: Words({name: term.name for term in terms.values() if term.kind == kind for name in term.names})
                            for kind in (PROCEDURE, REACTION)}
        self._loinc = _by_code(terms, lambda term: term.loinc)
        self._condition_words = Words({name: "" for term in terms.values() if term.kind == CONDITION for name in term.not_names}
                                      | {name: term.name for term in terms.values() if term.kind == CONDITION for name in term.names})
        self._measurement_names = {name.casefold(): term.name for term in terms.values() if term.kind == MEASUREMENT for name in term.names}
        self.results: dict[str, dict[str, Outcome]] = {term.name: term.results for term in terms.values() if term.results}
        self._lasting = [term for term in terms.values() if term.lasts is not None]
        self._medications: dict[tuple, Recognised] = {}
        self._conditions: dict[tuple, Recognised] = {}
        self._measurements: dict[tuple, tuple[str, ...]] = {}

    def including(self, name: str) -> tuple[str, ...]:
        """A term and every term that includes it."""
        return self._above[name]

    def members(self, name: str) -> set[str]:
        """The ingredients of a medication term, included terms counted in."""
        term = self._terms[name]
        return set(term.ingredients).union(*(self.members(other) for other in term.terms))

    def lasting(self, name: str) -> dict[str, Lasting]:
        """How long a term, and every term that includes it, stays true by itself."""
        return {one: Lasting(days) for one in self._above[name] if (days := self._terms[one].lasts) is not None}

    def loinc_codes(self, name: str) -> tuple[str, ...]:
        """The LOINC codes of a measurement term, included terms counted in."""
        term = self._terms[name]
        return tuple(dict.fromkeys([*term.loinc, *(code for other in term.terms for code in self.loinc_codes(other))]))

    def medication(self, codings: tuple[Coding, ...], text: str) -> Recognised:
        """What a drug is: known code, else product table, else name; remembered."""
        key = (codings, text)
        found = self._medications.get(key)
        if found is None:
            if len(self._medications) > _MAX_REMEMBERED:
                self._medications.clear()
            found = self._medications[key] = self._medication(codings, text)
        return found

    def _medication(self, codings: tuple[Coding, ...], text: str) -> Recognised:
        hits: list[tuple[Product, str]] = []
        for spelled, code, _ in codings:
            coded_in, code = system(spelled), code.strip()
            product = self._products.get(code) if coded_in == RXNORM else self._substance(coded_in, code)
            if product is not None:
                hits.append((product, "code" if code in self._ingredient_codes or coded_in != RXNORM else "expanded"))
        labels = _labels(codings, text)
        label = readable(labels)
        named = [self._words.find(said) for said in labels]
        each = [dict.fromkeys(one for value in found.values for one in value.split("+")) for found in named]
        by_name = dict.fromkeys(one for names in each for one in names)
        terms: dict[str, str] = {}
        for ingredient in by_name:
            self._add(terms, Product((ingredient,), told_route(label), told_form(label), ""), "text")
        ingredients = dict.fromkeys(one for product, _ in hits for one in product.ingredients)
        for product, how in hits:
            self._add(terms, product, how)
        odd = [names for names in each if names and ingredients and names.keys().isdisjoint(ingredients)]
        conflict = f"code says {' + '.join(ingredients)}, name says {' + '.join(odd[0])}" if odd else ""
        if conflict:
            label = next((said for said, names in zip(labels, each) if not names.keys().isdisjoint(ingredients)), label)
        first = next((product for product, _ in hits if product.route or product.strength), Product((), "", "", ""))
        exact = not ingredients and len(by_name) == 1 and all(found.only for found in named)
        return Recognised(terms, tuple(ingredients or by_name), first.route, first.form or told_form(label), first.strength,
                          label or " + ".join(ingredients), exact, bool(hits or label), conflict=conflict)

    def _substance(self, coded_in: str, code: str) -> Product | None:
        """The ingredients a SNOMED CT or UNII code of a substance stands for, as allergy lists name them."""
        table = self._snomed[MEDICATION] if coded_in == SNOMED else self._unii if coded_in == UNII else {}
        found = dict.fromkeys(one for name in table.get(code, ()) for one in self._terms[name].ingredients)
        return Product(tuple(found), "", "", "") if found else None

    def procedure(self, codings: tuple[Coding, ...], text: str) -> Recognised:
        """What a procedure is: SNOMED CT by code, else by name."""
        terms: dict[str, str] = {}
        for spelled, code, _ in codings:
            for name in self._snomed[PROCEDURE].get(code.strip(), ()) if system(spelled) == SNOMED else ():
                self._raise(terms, name, "code")
        labels = _labels(codings, text)
        if not terms:
            for name in (name for said in labels for name in self._kind_words[PROCEDURE].find(said).values):
                self._raise(terms, name, "text")
        label = readable(labels)
        return Recognised(terms, name=label or next((code for _, code, _ in codings if code), ""), named=bool(label) or any(system(spelled) != ABSENT for spelled, _, _ in codings))

    def reaction(self, codings: tuple[Coding, ...], text: str) -> frozenset[str]:
        """The terms the manifestation of an allergy or an adverse event belongs to: SNOMED CT by code, and by name."""
        by_code = [name for spelled, code, _ in codings if system(spelled) == SNOMED
                   for name in self._snomed[REACTION].get(code.strip(), ())]
        by_name = [name for said in (text, *(display for _, _, display in codings)) for name in self._kind_words[REACTION].find(said).values]
        return frozenset(above for name in (*by_code, *by_name) for above in self._above[name])

    def _add(self, terms: dict[str, str], product: Product, how: str) -> None:
        for ingredient in product.ingredients:
            for term in self._by_ingredient.get(ingredient, ()):
                if ((term.only_routes and product.route not in term.only_routes) or product.route in term.except_routes
                        or (term.forms and product.form not in term.forms)):
                    continue
                for name in self._above[term.name]:
                    if terms.get(name) in (None, "text") or how == "code":
                        terms[name] = how

    def condition(self, codings: tuple[Coding, ...], text: str) -> Recognised:
        """What a problem is: ICD-10-CM by prefix, SNOMED CT by code, else by name where no ICD-10-CM code stands; remembered."""
        key = (codings, text)
        found = self._conditions.get(key)
        if found is None:
            if len(self._conditions) > _MAX_REMEMBERED:
                self._conditions.clear()
            found = self._conditions[key] = self._condition(codings, text)
        return found

    def _condition(self, codings: tuple[Coding, ...], text: str) -> Recognised:
        terms: dict[str, str] = {}
        acute: set[str] = set()
        settled = says_little = history = False
        past: list[bool] = []
        for spelled, code, _ in codings:
            coded_in = system(spelled)
            if coded_in == ICD10:
                plain = load.undotted(code)
                settled = settled or (_ICD_CODE.fullmatch(plain) is not None and plain not in self._icd_by_name)
                says_little = says_little or plain in self._icd_by_name
                history = history or (plain[:1] in ("S", "T") and len(plain) == 7 and plain[6] == "S")
                excepted = set(_prefixed(self._icd_except, plain))
                for name in _prefixed(self._icd, plain):
                    if name not in excepted:
                        self._raise(terms, name, "code")
                acute.update(_prefixed(self._icd_acute, plain))
            elif coded_in == SNOMED:
                for name in self._snomed[CONDITION].get(code.strip(), ()):
                    self._raise(terms, name, "code")
        labels = _labels(codings, text)
        label = readable(labels)
        if not settled and (says_little or not terms):
            for said in labels:
                for one in affirmed(said, self._condition_words):
                    self._raise(terms, one.value, "text")
                    past.append(one.past)
            history = history or (bool(past) and all(past))
        known_system = any(code and system(spelled) in (ICD10, SNOMED) for spelled, code, _ in codings)
        return Recognised(terms, name=label or next((code for _, code, _ in codings if code), ""), named=bool(label) or known_system,
                          history=history, acute=frozenset(acute), lasts=self._lasts(terms, codings))

    def _lasts(self, terms: Mapping[str, str], codings: tuple[Coding, ...]) -> dict[str, Lasting]:
        """How long the terms of a problem stay true: as its most telling code says, else as the term says."""
        found = {}
        for term in self._lasting:
            if term.name in terms:
                own = [term.lasts_less[prefix] for _, code, _ in codings for prefix in _prefixes(load.undotted(code)) if prefix in term.lasts_less]
                found[term.name] = Lasting(min(own), own=True) if own else Lasting(term.lasts)
        return found

    def _raise(self, terms: dict[str, str], name: str, how: str) -> None:
        for above in self._above[name]:
            terms.setdefault(above, how)

    def measurement(self, codings: tuple[Coding, ...], text: str) -> tuple[str, ...]:
        """The measurement terms of an observation: by LOINC code, else by a name that says nothing more; remembered."""
        key = (codings, text)
        found = self._measurements.get(key)
        if found is None:
            if len(self._measurements) > _MAX_REMEMBERED:
                self._measurements.clear()
            found = self._measurements[key] = self._measurement(codings, text)
        return found

    def _measurement(self, codings: tuple[Coding, ...], text: str) -> tuple[str, ...]:
        coded = False
        for spelled, code, _ in codings:
            if system(spelled) == LOINC:
                coded = True
                if code.strip() in self._loinc:
                    return tuple(name for direct in self._loinc[code.strip()] for name in self._above[direct])
        if coded:
            return ()
        for label in (text, *(display for _, _, display in codings)):
            direct = self._measurement_names.get(" ".join(label.casefold().split()))
            if direct:
                return self._above[direct]
        return ()


def _labels(codings: tuple[Coding, ...], text: str) -> list[str]:
    """The text and the displays that say what an entry is, each once; not those that say why there is no code."""
    return [said for said in dict.fromkeys((text, *(shown for spelled, _, shown in codings if not shown or system(spelled) != ABSENT))) if said]


def _including(terms: Mapping[str, Term]) -> dict[str, tuple[str, ...]]:
    parents: dict[str, list[str]] = {name: [] for name in terms}
    for term in terms.values():
        for child in term.terms:
            if child in parents:
                parents[child].append(term.name)
    above: dict[str, tuple[str, ...]] = {}
    for name in terms:
        seen, todo = {name: None}, list(parents[name])
        while todo:
            parent = todo.pop()
            if parent not in seen:
                seen[parent] = None
                todo += parents[parent]
        above[name] = tuple(seen)
    return above


def _by_ingredient(terms: Mapping[str, Term]) -> dict[str, list[Term]]:
    found: dict[str, list[Term]] = {}
    for term in terms.values():
        if term.kind == MEDICATION:
            for ingredient in term.ingredients:
                found.setdefault(ingredient, []).append(term)
    return found


def _by_prefix(terms, pick) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for term in terms.values():
        for prefix in pick(term):
            found.setdefault(prefix, []).append(term.name)
    return found


def _by_code(terms, pick) -> dict[str, list[str]]:
    return _by_prefix(terms, pick)


def _prefixed(table: dict[str, list[str]], code: str):
    for prefix in _prefixes(code):
        yield from table.get(prefix, ())


def _prefixes(code: str):
    return (code[:length] for length in range(3, len(code) + 1))
