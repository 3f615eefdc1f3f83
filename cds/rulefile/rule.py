"""A rule after reading: frozen, settings filled in, ready to be compiled."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from cds.quantities import Quantity
from cds.rulefile.language import READS_TOO, VERBS
from cds.rulefile.source import Node


@dataclass(frozen=True, slots=True)
class Comparison:
    """`above 140 mmHg`: how (above, below, at least, at most) and the amount."""

    how: str
    amount: Quantity
    _limit: tuple[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_limit", self.amount.value.as_integer_ratio())

    def __str__(self) -> str:
        return f"{self.how} {self.amount}"

    def holds(self, left: Fraction | int) -> bool:
        """Whether an amount, in the internal unit of the same dimension, compares as said."""
        top, bottom = self._limit
        first, second = left.numerator * bottom, top * left.denominator  # several times as fast as comparing fractions
        if self.how == "above":
            return first > second
        if self.how == "below":
            return first < second
        return first >= second if self.how == "at least" else first <= second


Operand = str | Quantity | Comparison | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """One question to a chart or an order; equal clauses are asked once, so hash and words are kept ready.

    `keeps` lets a drug on hold or an exact single-ingredient name count in full.
    """

    verb: str
    head: Operand
    words: tuple[tuple[str, Operand], ...] = ()
    keeps: bool = False
    _hash: int = field(init=False, repr=False, compare=False)
    _words: dict[str, Operand] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.verb, self.head, self.words, self.keeps)))
        object.__setattr__(self, "_words", dict(self.words))

    def __hash__(self) -> int:
        return self._hash

    def word(self, name: str) -> Operand | None:
        """The operand of a further word, or None when the clause does not use it."""
        return self._words.get(name)


def lists_of(clause: Clause) -> frozenset[str]:
    """The lists of a chart that a clause reads."""
    shape = VERBS[clause.verb]
    found = {str(clause.head) if shape.of_list else shape.reads, *(READS_TOO.get(word, "") for word, _ in clause.words)}
    return frozenset(found - {""})


@dataclass(frozen=True, slots=True)
class Exempt:
    """What excuses one clause, and why."""

    question: Question
    because: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A clause where it stands in the file, with what excuses it."""

    clause: Clause
    node: Node
    unless: tuple[Exempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """`all`, `any` or `none` of some questions; `finding` names the rule it stands for, where it is what another rule asks."""

    kind: str
    parts: tuple[Question, ...]
    node: Node
    unless: tuple[Exempt, ...] = ()
    finding: str = ""


Question = Ask | Group


@dataclass(frozen=True, slots=True)
class Setting:
    """A number a site may change inside a range; `shipped` is the rulebook's own where a site did."""

    name: str
    amount: Quantity
    lowest: Quantity
    highest: Quantity
    what: str
    shipped: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What a clinician sees: severity, summary, advice, suggestions, override reasons, and the sources it rests on first."""

    show: str
    summary: str
    advice: str = ""
    suggest: tuple[str, ...] = ()
    override_reasons: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Level:
    """One severity of a met rule; `when` is None for the last, which shows whenever the rule is met."""

    when: Question | None
    message: Message
    keeps: bool
    node: Node


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Fold an unknown answer into the "not checked" card; `warning_at` names hooks where it makes that card a warning."""

    warning_at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """A source for a rule: its id in evidence.yaml, where in it, what it says, how strong, how it was verified."""

    source: str
    at: str
    says: str
    strength: str
    verified: str


@dataclass(frozen=True, slots=True)
class Example:
    """One worked case of a rule: the chart lines and the expected answer and, where there are several, level.

    `card` holds words that the summary of the card has; empty where any card of that level will do.  `settings` are
    values a site has set.
    """

    name: str
    hook: str
    chart: tuple[Node, ...]
    answer: str
    show: str | None
    node: Node
    card: str = ""
    settings: tuple[tuple[str, Quantity], ...] = ()


@dataclass(frozen=True, slots=True)
class AcceptedBreak:
    """A break of a rule, by its name, that truly changes nothing, and why."""

    name: str
    because: str
    node: Node


@dataclass(frozen=True, slots=True)
class Rule:
    """One clinical question with its criteria, cards, evidence and examples; a `silent` rule is evaluated and never shown."""

    id: str
    version: str
    status: str
    kind: str
    title: str
    why: str
    effective_from: date | None
    effective_until: date | None
    review_pending: bool
    settings: dict[str, Setting]
    hooks: tuple[str, ...]
    applies_when: Question
    met_when: Question
    keeps: bool
    levels: tuple[Level, ...]
    if_not_met: Message | None
    if_unknown: Message | NotChecked | None
    replaces: tuple[str, ...]
    evidence: tuple[Citation, ...]
    examples: tuple[Example, ...]
    node: Node
    accepted_breaks: tuple[AcceptedBreak, ...] = ()
    silent: bool = False

    @property
    def at_site(self) -> tuple[Setting, ...]:
        """The settings a site changed."""
        return tuple(setting for setting in self.settings.values() if setting.shipped is not None)

    def cited(self, message: Message) -> tuple[Citation, ...]:
        """The evidence of the rule, what a message cites first."""
        order = {source: place for place, source in enumerate(message.cites)}
        return tuple(sorted(self.evidence, key=lambda entry: order.get(entry.source, len(order))))

    @property
    def topic(self) -> str:
        """The id without hyphens, as feedback systems key on it."""
        return self.id.replace("-", "")


def asks(question: Question):
    """Every clause in a question, exceptions included, in the order written."""
    for exempt in question.unless:
        yield from asks(exempt.question)
    if isinstance(question, Ask):
        yield question
    else:
        for part in question.parts:
            yield from asks(part)
