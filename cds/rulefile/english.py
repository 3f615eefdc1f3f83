"""A rule in plain English, laid out so that every "any", "none" and exception has one reading.

Terms stand in quotation marks, because their words may hold commas and "or" of their own; what belongs together is told by
depth alone, one bullet per clause.
"""

from __future__ import annotations

from collections.abc import Mapping

from cds.quantities import Quantity, decimal
from cds.rulefile.language import NOT_READABLE, NOT_STATED
from cds.rulefile.rule import Ask, Clause, Comparison, Group, Message, NotChecked, Question, Rule

Says = Mapping[str, str]
GROUPS = {"all": "all of these:", "any": "any of these:", "none": "none of these:"}
"""How the bullet over a group reads."""
COUNTS_IN_FULL = "A drug on hold, or known only by its exact name, counts in full"
_LISTED = {"medications": "medication list", "conditions": "problem list", "allergies": "allergy list"}
_WHOLE = {**_LISTED, "medications": "medication list (ketamine apart)"}
_HOOKS = {"patient-view": "a chart is opened", "order-select": "an order is selected", "order-sign": "an order is signed"}


def aloud(rule: Rule, says: Says, sources: Says, reasons: Says) -> str:
    """The whole rule; `says` gives the words for each term, `sources` the short label of each source, `reasons` override reasons."""
    pending = ", awaiting clinical sign-off" if rule.review_pending else ""
    lines = [f"{rule.title} ({rule.kind}, {rule.id} {rule.version}, {rule.status}{pending})", "", line(rule.why), "",
             f"It runs when {moments(rule)}{days(rule)}.", "It speaks about a request when", *bullets(rule.applies_when, says, 1),
             "It is met when", *bullets(rule.met_when, says, 1), ""]
    if len(rule.levels) == 1:
        lines += ["If it is met:", *_message(rule.levels[0].message, reasons, 1)]
    elif rule.levels:
        lines.append("If it is met, the most severe of these that holds shows, of equally severe ones the first:")
        for number, level in enumerate(rule.levels, 1):
            lines += [f"  {number}. when", *bullets(level.when, says, 3)] if level.when else [f"  {number}. in all other cases"]
            lines += _message(level.message, reasons, 2)
            if level.keeps and not rule.keeps:
                lines.append(f"    {COUNTS_IN_FULL} here.")
    else:
        lines += ["If it is met:", "  nothing is shown"]
    lines += ["If it is not met:", *(_message(rule.if_not_met, reasons, 1) if rule.if_not_met else ["  nothing is shown"])]
    lines += ["If that cannot be told:", *_unknown(rule, reasons)]
    lines += [f"{COUNTS_IN_FULL}."] if rule.keeps else []
    if rule.replaces:
        lines.append(f"Where it is met, it takes the place of less or equally severe findings of: {', '.join(rule.replaces)}.")
    if rule.settings:
        lines += ["", "Numbers a site may change:"]
        lines += [f"  {one.name} = {one.amount} (from {one.lowest} to {one.highest}): {one.what}" for one in rule.settings.values()]
    lines += ["", "Evidence:"]
    lines += [f"  {sources.get(one.source, one.source)}, {one.at}: {one.says} [{one.strength}, {one.verified}]" for one in rule.evidence]
    return "\n".join(lines)


def moments(rule: Rule) -> str:
    """The moments at which a rule runs, in words."""
    return " or ".join(f"{_HOOKS[hook]} ({hook})" for hook in rule.hooks)


def days(rule: Rule) -> str:
    """From and until when a rule applies, as the end of a sentence; empty where nothing is said."""
    found = f", from {rule.effective_from}" if rule.effective_from else ""
    return f"{found}, until {rule.effective_until}" if rule.effective_until else found


def line(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def _unknown(rule: Rule, reasons: Says) -> list[str]:
    return _message(rule.if_unknown, reasons, 1) if isinstance(rule.if_unknown, Message) else [f"  {untold(rule)}"]


def untold(rule: Rule) -> str:
    """What shows where a rule cannot be answered and has no card of its own for that."""
    if isinstance(rule.if_unknown, NotChecked):
        warns = f", as a warning when {' or '.join(_HOOKS[hook] for hook in rule.if_unknown.warning_at)}" if rule.if_unknown.warning_at else ""
        return f"the “not checked” card names what is missing{warns}"
    return "nothing is shown"


def _message(message: Message, reasons: Says, depth: int) -> list[str]:
    indent = "  " * depth
    lines = [f"{indent}{message.show}: {line(message.summary)}"]
    if message.advice:
        lines.append(f"{indent}options: {line(message.advice)}")
    if message.suggest:
        lines.append(f"{indent}it offers: {', '.join(OFFERS.get(one, one) for one in message.suggest)}")
    if message.override_reasons:
        lines.append(f"{indent}reasons to go on: {'; '.join(reasons.get(one, one) for one in message.override_reasons)}")
    return lines


OFFERS = {"delete-order": "remove the draft order"}
"""What a suggestion does, in words."""


def bullets(question: Question, says: Says, depth: int) -> list[str]:
    """A question as bullets, one per clause; deeper for the parts of a group and for what makes an answer count as no."""
    return _bullets(question, says, depth, "")


def _bullets(question: Question, says: Says, depth: int, said: str) -> list[str]:
    indent = "  " * depth
    if isinstance(question, Group) and question.finding:
        lines = [f"{indent}- the rule {question.finding} is met"]
        what = "this counts as no"
    elif isinstance(question, Group):
        lines = [f"{indent}- {GROUPS[question.kind]}"]
        for part in question.parts:
            lines += _bullets(part, says, depth + 1, "")
        what = "the whole list counts as no"
    else:
        because = question.node.get("because")
        reason = because.text if because and because.text != said and question.clause.word("if_absent") else ""
        lines = [f"{indent}- {spoken(question.clause, says)}{_reason(reason)}"]
        what = "this counts as no"
    for exempt in question.unless:
        lines.append(f"{indent}  - {what} where the following holds{_reason(exempt.because)}:")
        lines += _bullets(exempt.question, says, depth + 2, exempt.because)
    return lines


def _reason(text: str) -> str:
    return f" (reason: {line(text).rstrip('.')})" if text else ""


def spoken(clause: Clause, says: Says) -> str:
    """One clause as a phrase."""
    said = _SPOKEN[clause.verb](clause, says)
    said += "; where that is not recorded, this counts as no" if clause.word("if_absent") else ""
    return f"{said}; what a list cut off at its oldest entries leaves out counts as no" if clause.word("if_cut_off") else said


def quoted(name: object, says: Says) -> str:
    """The words of a term in quotation marks."""
    return f"“{says.get(str(name), str(name))}”"


def _name(clause: Clause, says: Says) -> str:
    return quoted(clause.head, says)


def _within(clause: Clause, word: str, before: str, after: str = "") -> str:
    found = clause.word(word)
    return f"{before} {found}{after}" if found is not None else ""


def _ordering(clause: Clause, says: Says) -> str:
    route, reason = clause.word("by_route"), clause.word("for")
    return (f"the order is for {_name(clause, says)}" + (f" by the route “{route}”" if route else "")
            + (f" with {quoted(reason, says)} as its reason" if reason else ""))


def _taking(clause: Clause, says: Says) -> str:
    both = " in both cases" if clause.word("or_stopped_within") is not None else ""
    return (f"the patient takes {_name(clause, says)}" + _within(clause, "or_stopped_within", " or stopped it within the last")
            + _within(clause, "daily_dose", f",{both} with a daily dose of")
            + (f", and the problem list holds in no state {_either('without_diagnosis', clause, says)}" if clause.word("without_diagnosis") else ""))


def _has_had(clause: Clause, says: Says) -> str:
    began = [_within(clause, "within", "it began within the last"), _within(clause, "longer_ago_than", "it began longer than", " ago")]
    return ", and ".join([f"the patient has or once had {_name(clause, says)}", *(one for one in began if one)])


def _dose(what: str):
    def phrase(clause: Clause, says: Says) -> str:
        if not isinstance(clause.head, Comparison):
            return f"the {what} cannot be read" if clause.head == NOT_READABLE else "the order gives a volume in mL without a strength"
        how, slack = clause.head.how, clause.word("by_more_than")
        share = 100 + slack.value * (1 if how in ("above", "at least") else -1) if isinstance(slack, Quantity) else None
        limit = clause.head.amount if share is None else f"{decimal(share)}% of {clause.head.amount}"
        return f"the {what} is {how} {limit}" + _within(clause, "weight_within", ", worked out with the newest body weight of the last")
    return phrase


def _recorded(clause: Clause, says: Says) -> str:
    """How an allergy or adverse event is recorded, as further words say."""
    said = {"over": "inactive or resolved", NOT_STATED: "neither allergy nor intolerance"}
    phrases = {"recorded_as": f"recorded as {said.get(str(clause.word('recorded_as')), '{}')}",
               "seriousness": "seriousness {}", "reaction": "with {}",
               "reaction_other_than": "with a reaction other than {}", "criticality": "criticality {}"}
    if clause.verb == "allergic_to":
        phrases["reaction_other_than"] += ", or none stated"
    named = ("reaction", "reaction_other_than")
    return "".join(f", {phrase.format(quoted(clause.word(word), says) if word in named else clause.word(word))}"
                   for word, phrase in phrases.items() if clause.word(word) is not None)


def _classes(clause: Clause, says: Says) -> str:
    wanted = clause.word("at_least")
    assert isinstance(wanted, Comparison)
    classes = "; ".join(quoted(one, says) for one in clause.head)
    if wanted.amount.unit == "drugs":
        return f"the patient takes {wanted}, each of one or more of these classes: {classes}"
    return f"the patient takes drugs of {wanted.how} {wanted.amount.number} of these classes, where one drug may count for several: {classes}"


def _has(clause: Clause, says: Says) -> str:
    began = _within(clause, "began_within", ", which began within the last")
    return f"the patient has {_name(clause, says)}{began}" + (", not in remission" if clause.word("not_in_remission") else "") + _later(clause, says)


def _left_to_the_day(clause: Clause) -> str:
    if clause.word("left_to_the_day"):
        return "; where it is missing, it is left to the day"
    return _within(clause, "left_to_the_day_within", "; where it is missing but there is one of the last", ", it is left to the day")


def _either(word: str, clause: Clause, says: Says) -> str:
    return " or ".join(quoted(term, says) for term in clause.word(word) or ())


def _updated(clause: Clause, says: Says) -> str:
    name = _WHOLE[str(clause.head)]
    return (f"the {name} has a dated entry" if len(clause.words) == 0 else
            f"the newest dated entry of the {name} is" + _within(clause, "within", " of the last") + _within(clause, "longer_ago_than", " older than")
            + (", or none is dated" if clause.word("longer_ago_than") else ""))


def _later(clause: Clause, says: Says) -> str:
    """What takes a record back again."""
    ended, refuted = clause.word("not_ended_by") or (), clause.word("not_refuted_by") or ()
    after = _within(clause, "refuted_after", ",", " or more after it")
    return ((f", not followed by {' or '.join(quoted(term, says) for term in ended)}" if ended else "")
            + (f", without a later negative {' or '.join(quoted(term, says) for term in refuted)}{after}" if refuted else ""))


_SPOKEN = {
    "ordering": _ordering,
    "taking": _taking,
    "taking_classes": _classes,
    "has": _has,
    "has_had": _has_had,
    "allergic_to": lambda c, s: f"the patient is allergic to {_name(c, s)}{_recorded(c, s)}",
    "had_procedure": lambda c, s: f"the patient has had {_name(c, s)}" + _within(c, "within", " within the last"),
    "had_adverse_event": lambda c, s: f"an adverse event is laid to {_name(c, s)}{_recorded(c, s)}",
    "changed": lambda c, s: f"the newest {_name(c, s)} changed over the last {c.word('within')}, by {c.word('by')}",
    "two_values_of": lambda c, s: (f"the newest {_name(c, s)} and another no more than {c.word('within')} older differ"
                                   f" by a factor, {c.word('at_least')} and {c.word('at_most')}"),
    "measured": lambda c, s: (f"the newest {_name(c, s)} of the last {c.word('within')} is {c.word('is')}"
                              + _left_to_the_day(c)
                              + _later(c, s)),
    "not_measured": lambda c, s: f"no {_name(c, s)} was measured in the last {c.word('within')}",
    "age": lambda c, s: f"the patient's age is {c.head}",
    "sex": lambda c, s: f"the patient's sex is {c.head}",
    "at": lambda c, s: f"{_HOOKS[str(c.head)]} ({c.head})",
    "nothing_recorded": lambda c, s: (f"the {_WHOLE[str(c.head)]} is empty, and nothing says that there are none"
                                      + (", not even a refuted entry" if c.word("not_even") else "")),
    "list_updated": _updated,
    "records_contradict": lambda c, s: (f"two entries of the {_LISTED[str(c.head)]} from different sources contradict each other"
                                        + _within(c, "within", ", both of the last") + f", about {_either('about', c, s)}"),
    "finding": lambda c, s: f"the rule {c.head} is met",
    "order_dose": _dose("ordered dose"), "order_rate": _dose("ordered rate"),
    "order_duration": _dose("infusion time"),
    "order_strength": lambda c, s: f"the product has a strength of {c.head} and the order names no diluent",
}


def asked(question: Question, says: Says) -> str:
    """One question as a short phrase for an answer tree."""
    if isinstance(question, Group) and question.finding:
        return f"the rule {question.finding} is met"
    return spoken(question.clause, says) if isinstance(question, Ask) else GROUPS[question.kind]
