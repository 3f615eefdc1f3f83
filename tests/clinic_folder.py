"""A clinic's own rules folder, to stand beside the shipped one: a rule with its term, table, source and override reason; and a small rulebook."""

from __future__ import annotations

import shutil
from pathlib import Path

from service import ROOT

TERM = """house-drug:
  says: the drug of the house
  kind: medication
  version: 2026-11-23
  provenance: a test
  licence: project
  includes:
    ingredients: [xyloketotest 99999901]
"""
RULE = """rule: house-drug
version: 1.0.0
status: active
kind: interaction
title: Drug of the house
effective:
  from: 2024-01-01
review: pending
why: A rule of one clinic.
hooks: [order-select, order-sign]
applies_when:
  ordering: any-ketamine
met_when:
  taking: house-drug
if_met:
  show: warning
  summary: The drug of the house is on the list.
  override_reasons: [house-approved]
if_not_met: nothing
if_unknown: not-checked
evidence:
  - source: house-protocol
    at: page 1
    says: Our protocol.
    strength: D
    verified: project
examples:
  - name: taken
    chart:
      - ordering: ketamine
      - taking: house-drug
    expect: met
  - name: not taken
    chart:
      - ordering: ketamine
    expect: not met
  - name: list not readable
    chart:
      - ordering: ketamine
      - unavailable: medications
    expect: unknown
  - name: no order
    chart:
      - taking: house-drug
    expect: does not apply
"""
EVIDENCE = """house-protocol:
  label: House protocol
  title: Protocol of the clinic
  organisation: the clinic
  year: 2026
  seen: project
"""
FILES = {
    "interactions/house-drug.yaml": RULE, "terms/house.yaml": TERM, "terms/ingredients.csv": "name,rxcui\nxyloketotest,99999901\n",
    "terms/names.csv": "name,ingredients\nhousabrand,xyloketotest\n", "evidence.yaml": EVIDENCE,
    "override-reasons.yaml": "house-approved:\n  text: Approved by the house\n",
}


FEW = {"theophylline.yaml", "blood-pressure.yaml", "dose-and-rate.yaml"}


def small_rulebook(folder: Path) -> Path:
    """The shipped rulebook with three of its rules, which is read faster."""
    def others(at: str, names: list[str]) -> set[str]:
        rules = Path(at).parent == ROOT / "rules" and Path(at).name != "terms"
        return {name for name in names if rules and name not in FEW}
    return Path(shutil.copytree(ROOT / "rules", folder, ignore=others))


def clinic(folder: Path, **more: str) -> Path:
    """The folder, with some files added or replaced; keys name a file of `FILES` or a path with `__` for `/`."""
    for name, text in {**FILES, **{key.replace("__", "/"): value for key, value in more.items()}}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder
