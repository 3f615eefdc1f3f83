"""The broken rulebooks of test_linter.py: one small edit of a shipped file each.

Their exact words stand in tests/linter/<problem>/<case>.txt.
"""

from __future__ import annotations

R, B, E, O = "interactions/theophylline.yaml", "book.yaml", "evidence.yaml", "override-reasons.yaml"
M, C, S = "terms/medications.yaml", "terms/conditions.yaml", "terms/snomed/conditions.yaml"
TERMS = {"ketamine", "esketamine", "any-ketamine", "xanthines", "dyphylline", "theophylline-clearance-inhibitors",
         "liver-disease", "liver-severe", "heart-failure"}
WEIGHT = """body-weight:
  says: body weight
  kind: measurement
  version: 2026-11-23
  provenance: a test
  licence: loinc
  includes:
    loinc: ["29463-8 Body weight"]
"""
BY_TEST = {"break-not-noticed", "unknown-break", "break-noticed", "too-many-accepted"}  # of `cds test`: tests/test_breaks.py
SOURCES = {"fda-ketalar", "no-ketanest", "chest-1978", "mims-ketamine"}
HOOKS = "hooks: [patient-view, order-select, order-sign]"
SPARE = "  spare:\n    is: 1 day\n    site_may_use: 1 day to 2 days\n    what: x\n"
COPY = WEIGHT.replace("body-weight", "xanthines").replace("measurement", "medication").replace("29463-8", "29463-7")

SPARE_SOURCE = "spare:\n  label: Spare\n  title: x\n  organisation: x\n  seen: memory\n"

# problem, case, file, text of the shipped file, what stands there instead ("": at its end; None: the whole file)
CASES = [
    ("yaml-syntax", "expected", R, "title: Theophylline or", "title: Theophylline: or"),
    ("yaml-syntax", "tab", R, "  from: 2024-01-01", "\tfrom: 2024-01-01"),
    ("yaml-syntax", "quote", R, '(seizures)."', '(seizures).'),
    ("yaml-syntax", "two-documents", R, "why: >", "---\nwhy: >"),
    ("yaml-syntax", "nested", R, HOOKS, "hooks: " + "[" * 31 + "order-sign" + "]" * 31),
    ("duplicate-key", "expected", R, "version: 1.0.0", "version: 1.0.0\nversion: 1.0.1"),
    ("duplicate-key", "term", C, "", COPY),
    ("fancy-yaml", "expected", R, "    is: 3 days", "    is: &days 3 days"),
    ("fancy-yaml", "alias", R, "    at: results\n    says: Theophylline half", "    at: &at results\n    says: *at #"),
    ("fancy-yaml", "tag", R, "version: 1.0.0", "version: !!str 1.0.0"),
    ("fancy-yaml", "key", R, "hooks: [", "? [hooks]\n: x\nhooks: ["),
    ("empty-file", "expected", R, None, ""),
    ("missing-key", "expected", R, "if_unknown: not-checked\n", ""),
    ("missing-key", "review", R, "review: pending\n", ""),
    ("missing-key", "last-level", R, "  - show: warning\n", "  - show: info\n    summary: x\n  - show: warning\n"),
    ("missing-key", "verb", R, "    - taking: dyphylline\n      or_stopped_within: washout",
     "    - taking_classes: [xanthines, dyphylline]"),
    ("missing-key", "group", R, "applies_when:\n  ordering: any-ketamine", "applies_when:\n  any: []"),
    ("missing-key", "unless", R, "  ordering: any-ketamine\n", "  ordering: any-ketamine\n  unless: []\n"),
    ("missing-key", "chart", R, "        stopped: 3 days ago\n", ""),
    ("unknown-key", "expected", R, "review: pending", "reviewed: pending"),
    ("unknown-key", "last-level", R, "  - show: warning\n", "  - when:\n      taking: xanthines\n    show: warning\n"),
    ("key-order", "expected", R, "if_not_met: nothing\nif_unknown: not-checked",
     "if_unknown: not-checked\nif_not_met: nothing"),
    ("not-a-choice", "expected", R, "status: active", "status: activ"),
    ("not-a-choice", "clause", R, "  ordering: any-ketamine", "  ordering: any-ketamine\n  by_route: intravenos"),
    ("not-a-choice", "chart", R, "        status: on hold", "        status: held"),
    ("bad-form", "expected", R, "version: 1.0.0", "version: 1.0"),
    ("bad-form", "list", R, HOOKS, "hooks: order-sign"),
    ("bad-form", "empty", R, HOOKS, "hooks: []"),
    ("bad-form", "apart", R, "has: liver-severe", "has_had: liver-severe\n              within: 90 days\n              longer_ago_than: 7 days"),
    ("bad-form", "day", R, "  from: 2024-01-01", "  from: 1 Jan 2024"),
    ("too-long", "expected", R, "title: Theophylline", "title: " + "Theophylline and " * 8),
    ("name-differs-from-file", "expected", R, "rule: theophylline", "rule: theophyllin"),
    ("name-differs-from-file", "folder", R, "kind: interaction", "kind: dosing"),
    ("unknown-term", "expected", R, "has: heart-failure", "has: heart-failur"),
    ("unknown-term", "kind", R, "has: heart-failure", "has: xanthines"),
    ("unknown-term", "list", R, "    - taking: dyphylline\n      or_stopped_within: washout",
     "    - taking_classes: dyphylline\n      at_least: 2 classes"),
    ("unknown-term", "included", M, "terms: [ketamine, esketamine]", "terms: [ketamine, esketamin]"),
    ("unknown-term", "chart", R, "      - taking: aminophylline", "      - taking: wonderdrug"),
    ("unused-term", "expected", M, "", WEIGHT.replace("29463-8", "29463-7")),
    ("unknown-verb", "expected", R, "- has: heart-failure", "- hass: heart-failure"),
    ("unknown-verb", "text", R, "- has: heart-failure", "- heart failure"),
    ("unknown-word", "expected", R, "has: heart-failure", "has: heart-failure\n              withn: 3 days"),
    ("unknown-word", "group", R, "applies_when:\n  ordering", "applies_when:\n  all: [at: order-sign]\n  ordering"),
    ("no-comparison", "expected", R, "has: liver-severe", "age: 65 years"),
    ("no-comparison", "choices", R, "has: liver-severe", "order_dose: 65 mg"),
    ("bad-amount", "expected", R, "or_stopped_within: slow_washout", "or_stopped_within: 7days and more"),
    ("bad-amount", "setting", R, "hooks: [", SPARE.replace("1 day\n", "one day\n") + "hooks: ["),
    ("bad-amount", "chart", R, "stopped: 3 days ago", "stopped: yesterday"),
    ("wrong-unit", "expected", R, "or_stopped_within: slow_washout", "or_stopped_within: 7 mg"),
    ("wrong-unit", "setting", R, "hooks: [", SPARE.replace("1 day\n", "1 mg\n") + "hooks: ["),
    ("wrong-unit", "chart", R, "stopped: 3 days ago", "stopped: 3 mg ago"),
    ("unknown-setting", "expected", R, "or_stopped_within: slow_washout", "or_stopped_within: slow_wash"),
    ("unknown-setting", "summary", R, '"Dyphylline on list:', '"Dyphylline {wash_out} on list:'),
    ("unused-setting", "expected", R, "hooks: [", SPARE + "hooks: ["),
    ("setting-outside-range", "expected", R, "    is: 3 days", "    is: 2 days"),
    ("exception-without-because", "expected", R, "  ordering: any-ketamine\n",
     "  ordering: any-ketamine\n  unless:\n    - taking: dyphylline\n"),
    ("exception-without-because", "absent", R, "has: liver-severe", "age: above 65 years\n              if_absent: no"),
    ("unknown-source", "expected", R, "source: chest-1978", "source: chest-1987"),
    ("no-such-override-reason", "expected", R, "[theophylline-stopped,", "[theophyline-stopped,"),
    ("retired-without-until", "expected", R, "status: active", "status: retired"),
    ("bad-form", "retired", R, "status: active\nkind: interaction\ntitle: Theophylline or aminophylline\n\neffective:\n  from: 2024-01-01",
     "status: retired\nkind: interaction\ntitle: Theophylline or aminophylline\n\neffective:\n  from: 2024-01-01\n  until: 2099-12-31"),
    ("unknown-chart-word", "expected", R, "      - taking: aminophylline", "      - takes: aminophylline"),
    ("unknown-chart-word", "further", R, "stopped: 3 days ago", "stopped: 3 days ago\n        ended: now"),
    ("example-fails", "expected", R, "or_stopped_within: slow_washout", "or_stopped_within: 30 days"),
    ("answer-without-example", "expected", R, "      - taking: theophylline\n    expect: does not apply",
     "      - ordering: ketamine\n      - taking: theophylline\n    expect: met critical"),
    ("unknown-rule", "expected", R, "\nevidence:\n", "\nreplaces: [theophyline]\nevidence:\n"),
    ("unknown-rule", "finding", R, "has: liver-severe", "finding: theophyline"),
    ("unknown-rule", "list", R, "has: liver-severe", "finding: [theophylline]"),
    ("unknown-rule", "replaced-by", R, "review: pending\n", "review: pending\nreplaced_by: aminophylline\n"),
    ("circular-finding", "expected", R, "has: liver-severe", "finding: theophylline"),
    ("circular-term", "expected", M, "terms: [ketamine, esketamine]", "terms: [ketamine, any-ketamine]"),
    ("circular-term", "whole", M, "      - esketamine 2119365", "      - esketamine 2119365\n    terms: [any-ketamine]"),
    ("review-overdue", "expected", R, "review: pending", "review:\n  by: [A. Able, B. Baker]\n  on: 2025-01-31\n  due: 2026-01-31"),
    ("unused-source", "expected", E, "", SPARE_SOURCE),
    ("examples-contradict", "expected", R, "      - taking: aminophylline\n        status: on hold\n    expect: met critical",
     "      - taking: theophylline\n    expect: not met"),
    ("bad-form", "until", R, "  from: 2024-01-01", "  from: 2024-01-01\n  until: 2023-12-31"),
    ("bad-form", "table", "terms/products.csv", "rxcui,ingredients,route,form,strength\n", "rxcui,ingredients,route,form,strength\n1,ketamine\n"),
    ("bad-form", "snomed", S, None, "heart-failure: 84114007\n"),
    ("unknown-term", "snomed", S, "heart-failure:", "heart-failur:"),
    ("code-unknown", "icd", C, "I97.13]", "I97.14]"),
    ("code-unknown", "expected", S, "364006", "364007"),
    ("code-unknown", "loinc", M, "", WEIGHT),
]
