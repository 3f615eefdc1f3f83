"""The closed list of words a rule may use, and what each of them reads.

A new word is code, a test, the schema, the manual and its English.
"""

from __future__ import annotations

from dataclasses import dataclass, field

KINDS = ("contraindication", "precaution", "interaction", "eligibility", "dosing", "monitoring", "data-quality", "follow-up")
FOLDERS = {"contraindications": "contraindication", "precautions": "precaution", "interactions": "interaction",
           "eligibility": "eligibility", "dosing": "dosing", "monitoring": "monitoring",
           "data-quality": "data-quality", "follow-up": "follow-up"}
HOOKS = ("patient-view", "order-select", "order-sign")
ROUTES = ("intravenous", "intramuscular", "subcutaneous", "oral", "nasal", "topical", "rectal", "transdermal", "other")
SEXES = ("female", "male", "other")
GROUPS = ("all", "any", "none")
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Verb:
    """One clause word: what follows it, which other words it takes, and which chart list it reads.

    `head` is what follows the verb: a term of a kind, several terms, a comparison, one of some choices, or a rule.
    `measures` gives, per word, the dimensions its amount may have, `apart` words of which only one may follow; `of_list` marks a
    word that is followed by the name of a list and asks about that list as a whole.
    """

    head: str
    reads: str = ""
    words: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    measures: dict[str, tuple[str, ...]] = field(default_factory=dict)
    about_order: bool = False
    apart: tuple[str, ...] = ()
    of_list: bool = False


RESULTS = ("positive", "negative")
"""What a test may come out as; a term says which answers, words and amounts each of them is."""
NOT_READABLE, WITHOUT_STRENGTH = "not readable", "in mL without strength"

LATER = ("not_ended_by", "not_refuted_by", "refuted_after")
"""What may follow a record and take it back: a later problem, or a later negative result."""
READS_TOO = {"not_ended_by": "conditions", "not_refuted_by": "observations", "without_diagnosis": "conditions"}
WHOLE_LISTS = ("medications", "conditions", "allergies")
"""Lists that can be asked about as a whole."""
CONTRADICTED = {"conditions": "condition", "medications": "medication"}
"""Lists whose entries may contradict each other, with the kind of terms `about` names for them."""

VERBS: dict[str, Verb] = {
    "ordering": Verb("medication", words=("by_route", "for"), about_order=True),
    "taking": Verb("medication", "medications", ("or_stopped_within", "daily_dose", "without_diagnosis"),
                   measures={"or_stopped_within": ("time",), "daily_dose": ("mass",)}),
    "taking_classes": Verb("medications", "medications", ("at_least",), ("at_least",), measures={"at_least": ("count",)}),
    "has": Verb("condition", "conditions", ("began_within", "not_in_remission", *LATER), measures={"began_within": ("time",), "refuted_after": ("time",)}),
    "has_had": Verb("condition", "conditions", ("within", "longer_ago_than"),
                    measures={"within": ("time",), "longer_ago_than": ("time",)}, apart=("within", "longer_ago_than")),
    "allergic_to": Verb("medication", "allergies", ("recorded_as", "reaction", "reaction_other_than", "criticality")),
    "had_procedure": Verb("procedure", "procedures", ("within", "if_absent", "because"), measures={"within": ("time",)}),
    "had_adverse_event": Verb("medication", "adverse-events", ("seriousness", "reaction_other_than")),
    "measured": Verb("measurement", "observations", ("is", "within", "if_absent", "if_cut_off", "because", "left_to_the_day",
                     "left_to_the_day_within", *LATER), ("is", "within"),
                     measures={"is": ("pressure", "weight", "share", "frequency", "length", "body mass index"), "within": ("time",), "left_to_the_day_within": ("time",),
                               "refuted_after": ("time",)}),
    "not_measured": Verb("measurement", "observations", ("within",), ("within",), measures={"within": ("time",)}),
    "changed": Verb("measurement", "observations", ("by", "within"), ("by", "within"), measures={"by": ("share",), "within": ("time",)}),
    "two_values_of": Verb("measurement", "observations", ("at_least", "at_most", "within"), ("at_least", "at_most", "within"),
                          measures={"at_least": ("factor",), "at_most": ("factor",), "within": ("time",)}),
    "age": Verb("comparison", "patient", ("if_absent", "because"), measures={"age": ("time",)}),
    "sex": Verb("choice", "patient", choices=SEXES),
    "at": Verb("choice", choices=HOOKS),
    "order_dose": Verb("comparison", words=("by_more_than", "weight_within"), choices=(NOT_READABLE, WITHOUT_STRENGTH),
                       measures={"order_dose": ("mass", "dose"), "by_more_than": ("share",), "weight_within": ("time",)},
                       about_order=True),
    "order_rate": Verb("comparison", words=("by_more_than", "weight_within"),
                       measures={"order_rate": ("rate", "dose rate"), "by_more_than": ("share",), "weight_within": ("time",)},
                       about_order=True),
    "order_duration": Verb("comparison", words=("if_absent", "because"), measures={"order_duration": ("time",)},
                           about_order=True),
    "order_strength": Verb("comparison", words=("if_absent", "because"), measures={"order_strength": ("concentration",)},
                           about_order=True),
    "nothing_recorded": Verb("choice", words=("not_even",), choices=WHOLE_LISTS, of_list=True),
    "list_updated": Verb("choice", words=("within", "longer_ago_than"), choices=WHOLE_LISTS,
                         measures={"within": ("time",), "longer_ago_than": ("time",)}, apart=("within", "longer_ago_than"), of_list=True),
    "records_contradict": Verb("choice", words=("about", "within"), needs=("about",), choices=tuple(CONTRADICTED), measures={"within": ("time",)},
                               of_list=True),
    "finding": Verb("rule"),
}
CHOICES = {"recorded_as": ("allergy", "intolerance", "over", NOT_STATED), "criticality": ("high",),
           "seriousness": ("serious", "non-serious", NOT_STATED), "not_even": ("refuted",)}
"""Further words that take one of a few choices."""
EXTRA_WORDS = ("unless", "because")
