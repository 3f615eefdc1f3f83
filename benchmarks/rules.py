"""Made-up rulebooks of any size: the shipped terms, sources and reasons with so many synthetic rules instead of the shipped ones.

Every rule asks for a combination of its own, with settings of its own, over the terms there are; no rule is clinical advice.
A chart does not get sicker when a rulebook grows, so only the first rules of a book ask about everything the chart may hold; the
others ask for combinations with at least one thing that charts seldom hold.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

import yaml

from cds.rulebook import shipped

SPEAKING = 5
"""How many rules of a book ask about common things only, and so mostly have something to say."""

_KEPT = ("book.yaml", "evidence.yaml", "override-reasons.yaml")
_COMMON_DRUGS = ("opioids", "benzodiazepines", "sedatives-weak", "sedatives-strong", "quetiapine")
_RARE_DRUGS = ("xanthines", "dyphylline", "methadone", "opioids-extended-release", "buprenorphine-depot", "barbiturates", "oxybate", "carisoprodol")
_COMMON_PROBLEMS = ("sleep-disordered-breathing", "chronic-pain", "depression-or-ptsd")
_RARE_PROBLEMS = ("respiratory-failure-severe", "copd", "hypertensive-crisis", "hypertensive-encephalopathy", "heart-failure", "liver-severe",
                  "liver-disease")
_Clause = dict[str, Any]


class _WithoutAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def write(folder: Path, count: int) -> Path:
    """Write a rulebook with so many active rules into a folder and return the folder."""
    source = shipped()
    for name in _KEPT:
        shutil.copy(source / name, folder / name)
    shutil.copytree(source / "terms", folder / "terms")
    rules = folder / "precautions"
    rules.mkdir()
    for number in range(count):
        text = yaml.dump(_rule(number, Random(f"rule {number}")), Dumper=_WithoutAliases, sort_keys=False, allow_unicode=True, width=120)
        (rules / f"synthetic-{number:04d}.yaml").write_text(text, encoding="utf-8")
    return folder


def _rule(number: int, chance: Random) -> dict[str, Any]:
    drug_window, problem_window, limit = chance.randint(1, 90), chance.randint(1, 400), chance.randint(150, 175)
    met = _criteria(number, chance)
    return {
        "rule": f"synthetic-{number:04d}", "version": "1.0.0", "status": "active", "kind": "precaution", "title": f"Synthetic precaution {number}",
        "effective": {"from": "2024-01-01"}, "review": "pending", "why": "Made up to measure how evaluation grows with the rulebook.",
        "settings": {
            "drug_window": _setting(f"{drug_window} days", "1 days to 90 days", "How long a drug counts after its last dose."),
            "problem_window": _setting(f"{problem_window} days", "1 days to 400 days", "How long a problem counts."),
            "limit": _setting(f"{limit} mmHg", "150 mmHg to 175 mmHg", "Systolic pressure above which it is shown as a warning."),
        },
        "hooks": ["patient-view", "order-select", "order-sign"], "applies_when": {"ordering": "any-ketamine"}, "met_when": met,
        "if_met": [
            {"when": {"all": [met, _reading()]}, "show": "warning", "summary": f"Synthetic finding {number} with a blood pressure above {{limit}}.",
             "advice": "None, this rule is made up."},
            {"show": "info", "summary": f"Synthetic finding {number}.", "advice": "None, this rule is made up."},
        ],
        "if_not_met": "nothing", "if_unknown": "not-checked",
        "evidence": [{"source": "project", "at": "benchmarks", "says": "Made up.", "strength": "X", "verified": "project"}],
        "examples": [{"name": "nothing on the chart", "chart": [{"ordering": "ketamine"}], "expect": "not met"}],
    }


def _criteria(number: int, chance: Random) -> _Clause:
    common = number < SPEAKING
    drugs, problems = (_COMMON_DRUGS, _COMMON_PROBLEMS) if common else (_COMMON_DRUGS + _RARE_DRUGS, _COMMON_PROBLEMS + _RARE_PROBLEMS)
    either = [_taking(name) for name in chance.sample(drugs, 2)]
    excused = {"has": chance.choice(problems), "unless": [{**_taking(chance.choice(_RARE_DRUGS)), "because": "Made up."}]}
    if common:
        return {"any": [*either, excused, _dated(chance.choice(_RARE_PROBLEMS))]}
    rare = chance.choice(({"has": chance.choice(_RARE_PROBLEMS)}, _taking(chance.choice(_RARE_DRUGS))))
    return {"all": [{"any": [*either, excused]}, {"any": [rare, _dated(chance.choice(_RARE_PROBLEMS))]}]}


def _taking(drug: str) -> _Clause:
    return {"taking": drug, "or_stopped_within": "drug_window"}


def _dated(problem: str) -> _Clause:
    return {"has_had": problem, "within": "problem_window"}


def _reading() -> _Clause:
    return {"measured": "systolic-blood-pressure", "is": "above limit", "within": "24 hours", "if_absent": "no", "because": "Made up."}


def _setting(amount: str, among: str, what: str) -> dict[str, str]:
    return {"is": amount, "site_may_use": among, "what": what}
