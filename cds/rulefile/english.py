"""A rule in plain English, laid out so that every "any" and "unless" has one reading."""

from __future__ import annotations

from collections.abc import Mapping

from cds.rulefile.language import NOT_STATED
from cds.rulefile.rule import Ask, Clause, Comparison, Group, Message, NotChecked, Question, Rule

Says = Mapping[str, str]


def aloud(rule: Rule, says: Says, sources: Says) -> str:
    """The whole rule; `says` gives the words for each term, `sources` the short label of each source."""
    pending = ", awaiting clinical sign-off" if rule.review_pending else ""
    lines = [f"{rule.title} ({rule.kind}, {rule.id} {rule.version}, {rule.status}{pending})", "", rule.why.strip(), "",
             f"It runs at: {', '.join(rule.hooks)}.", "It speaks about a request when", *bullets(rule.applies_when, says, 1),
             "It is met when", *bullets(rule.met_when, says, 1), ""]
    if len(rule.levels) == 1:
        lines += ["If it is met:", *_message(rule.levels[0].message, 1)]
    elif rule.levels:
        lines.append("If it is met, the most severe of these that holds shows:")
        for number, level in enumerate(rule.levels, 1):
            lines += [f"  {number}. when", *bullets(level.when, says, 3)] if level.when else [f"  {number}. in all other cases"]
            lines += _message(level.message, 2)
            if level.keeps and not rule.keeps:
                lines.append("    A drug on hold, or known only by its exact name, counts in full here.")
    if rule.keeps:
        lines.append("A drug on hold, or known only by its exact name, counts in full.")
    lines += ["If it is not met:", *(_message(rule.if_not_met, 1) if rule.if_not_met else ["  nothing is shown"])]
    lines += ["If that cannot be told:", *_unknown(rule)]
    if rule.settings:
        lines += ["", "Numbers a site may change:"]
        lines += [f"  {one.name} = {one.amount} (from {one.lowest} to {one.highest}): {one.what}" for one in rule.settings.values()]
    lines += ["", "Evidence:"]
    lines += [f"  {sources.get(one.source, one.source)}, {one.at}: {one.says} [{one.strength}, {one.verified}]" for one in rule.evidence]
    return "\n".join(lines)


def _unknown(rule: Rule) -> list[str]:
    if isinstance(rule.if_unknown, Message):
        return _message(rule.if_unknown, 1)
    if isinstance(rule.if_unknown, NotChecked):
        warns = f", as a warning at {' and '.join(rule.if_unknown.warning_at)}" if rule.if_unknown.warning_at else ""
        return [f"  the “not checked” card names what is missing{warns}"]
    return ["  nothing is shown"]


def _message(message: Message, depth: int) -> list[str]:
    indent = "  " * depth
    lines = [f"{indent}{message.show}: {message.summary}"]
    return [*lines, f"{indent}options: {message.advice}"] if message.advice else lines


def bullets(question: Question, says: Says, depth: int) -> list[str]:
    """A question as bullets, one per clause, deeper for groups."""
    indent = "  " * depth
    if isinstance(question, Group):
        lead = {"all": "all of these:", "any": "any of these:", "none": "none of these:"}[question.kind]
        lines = [f"{indent}- {lead}"]
        for part in question.parts:
            lines += bullets(part, says, depth + 1)
    else:
        lines = [f"{indent}- {spoken(question.clause, says)}"]
    for exempt in question.unless:
        lines.append(f"{indent}  unless")
        lines += bullets(exempt.question, says, depth + 2)
        lines.append(f"{indent}    because {exempt.because[0].lower()}{exempt.because[1:]}")
    return lines


def spoken(clause: Clause, says: Says) -> str:
    """One clause as a phrase."""
    said = _SPOKEN[clause.verb](clause, says)
    return f"{said} (counted as no where it is not recorded)" if clause.word("if_absent") else said


def _name(clause: Clause, says: Says) -> str:
    return says.get(str(clause.head), str(clause.head))


def _within(clause: Clause, word: str, before: str) -> str:
    found = clause.word(word)
    return f"{before} {found}" if found is not None else ""


def _ordering(clause: Clause, says: Says) -> str:
    route, reason = clause.word("by_route"), clause.word("for")
    return (f"the order is for {_name(clause, says)}" + (f", {route}" if route else "") + (f", because of {says.get(str(reason), reason)}" if reason else ""))


def _dose(what: str):
    def phrase(clause: Clause, says: Says) -> str:
        head = clause.head if isinstance(clause.head, (str, Comparison)) else ""
        return (f"the {what} is {head}" + _within(clause, "by_more_than", " by more than")
                + _within(clause, "weight_within", ", with a weight of the last"))
    return phrase


def _recorded(clause: Clause, says: Says) -> str:
    """How an allergy or adverse event is recorded, as further words say."""
    said = {"over": "inactive or resolved", NOT_STATED: "neither allergy nor intolerance"}
    phrases = {"recorded_as": f"recorded as {said.get(str(clause.word('recorded_as')), '{}')}",
               "seriousness": "seriousness {}", "reaction": "with {}",
               "reaction_other_than": "with a reaction other than {}", "criticality": "criticality {}"}
    if clause.verb == "allergic_to":
        phrases["reaction_other_than"] += ", or none stated"
    return "".join(f", {phrase.format(says.get(str(clause.word(word)), clause.word(word)))}"
                   for word, phrase in phrases.items() if clause.word(word) is not None)


def _classes(clause: Clause, says: Says) -> str:
    wanted = clause.word("at_least")
    return f"the patient takes {wanted} of: {', '.join(says.get(term, term) for term in clause.head)}"


_SPOKEN = {
    "ordering": _ordering,
    "taking": lambda c, s: (f"the patient takes {_name(c, s)}" + _within(c, "daily_dose", ", daily dose")
                            + _within(c, "or_stopped_within", ", or stopped it within")),
    "taking_classes": _classes,
    "has": lambda c, s: (f"the patient has {_name(c, s)}" + _within(c, "began_within", " that began within")
                         + (", not in remission" if c.word("not_in_remission") else "")),
    "has_had": lambda c, s: (f"the patient has, or has had, {_name(c, s)}" + _within(c, "within", " that began within")
                             + _within(c, "longer_ago_than", " longer ago than")),
    "allergic_to": lambda c, s: f"the patient is allergic to {_name(c, s)}{_recorded(c, s)}",
    "had_procedure": lambda c, s: f"the patient has had {_name(c, s)}" + _within(c, "within", " within"),
    "had_adverse_event": lambda c, s: f"an adverse event is laid to {_name(c, s)}{_recorded(c, s)}",
    "changed": lambda c, s: f"the newest {_name(c, s)} changed over the last {c.word('within')}, by {c.word('by')}",
    "two_values_of": lambda c, s: (f"the newest {_name(c, s)} and another no more than {c.word('within')} older differ"
                                   f" by a factor, {c.word('at_least')} and {c.word('at_most')}"),
    "measured": lambda c, s: f"the newest {_name(c, s)} of the last {c.word('within')} is {c.word('is')}",
    "not_measured": lambda c, s: f"no {_name(c, s)} was measured in the last {c.word('within')}",
    "age": lambda c, s: f"the patient's age is {c.head}",
    "sex": lambda c, s: f"the patient is {c.head}",
    "at": lambda c, s: f"the hook is {c.head}",
    "order_dose": _dose("ordered dose"), "order_rate": _dose("ordered rate"),
    "order_duration": _dose("infusion time"), "order_strength": _dose("strength of the product, undiluted,"),
}


def asked(question: Question, says: Says) -> str:
    """One question as a short phrase for an answer tree."""
    return spoken(question.clause, says) if isinstance(question, Ask) else f"{question.kind} of these"
