"""Site files for tests, and broken ones: one slip each, for the exact words of the linter in tests/linter/<problem>/site<-case>.txt."""

from __future__ import annotations

from pathlib import Path

WASHOUT = "  - rule: theophylline\n    set: {washout: 7 days}\n    because: A longer washout.\n    until: 2027-06-30\n"
OFF = "  - rule: theophylline\n    turn_off: true\n    because: Another system checks it.\n    until: 2027-06-30\n"
SILENT = "  - rule: theophylline\n    mode: silent\n    because: A trial run.\n    until: 2027-06-30\n"
PRESSURE = "  - rule: blood-pressure\n    set: {severe_systolic: 160 mmHg}\n    because: No emergency team.\n    until: 2027-06-30\n"
ENDED = WASHOUT.replace("2027-06-30", "2026-06-29")

# problem, case, the changes (or, with `site:`, the whole file)
CASES = [
    ("unknown-rule", "", WASHOUT.replace("theophylline", "theophyline")),
    ("unknown-setting", "", WASHOUT.replace("washout:", "wash_out:")),
    ("setting-outside-range", "", WASHOUT.replace("7 days", "2 days")),
    ("setting-outside-range", "above", WASHOUT.replace("7 days", "15 days")),
    ("change-without-because", "", WASHOUT.replace("    because: A longer washout.\n", "")),
    ("change-without-because", "empty", WASHOUT.replace("A longer washout.", "")),
    ("change-without-end", "", OFF.replace("    until: 2027-06-30\n", "")),
    ("change-expired", "", ENDED),
    ("written-for-another-rulebook", "", f"site: one\nwritten_for: 2025.1.1\napproved_by: nobody\nchanges:\n{OFF}"),
    ("bad-amount", "", WASHOUT.replace("7 days", "seven days")),
    ("wrong-unit", "", WASHOUT.replace("7 days", "7 mg")),
    ("missing-key", "", WASHOUT.replace("    set: {washout: 7 days}\n", "")),
    ("missing-key", "approval", "site: one\n"),
    ("bad-form", "", OFF.replace("turn_off: true", "turn_off: true\n    mode: silent")),
    ("bad-form", "day", OFF.replace("2027-06-30", "2027-06-31")),
    ("not-a-choice", "zone", "site: one\napproved_by: nobody\ntime_zone: Europe/Zurch\n"),
    ("not-a-choice", "off", OFF.replace("true", "yes")),
    ("duplicate-key", "", WASHOUT + WASHOUT),
    ("unknown-key", "clause", WASHOUT.replace("    set:", "    met_when: {taking: xanthines}\n    set:")),
    ("too-long", "", WASHOUT.replace("A longer washout.", "because " * 40)),
    ("yaml-syntax", "", WASHOUT.replace("because: A", "because: A: ")),
]


def write(folder: Path, changes: str, name: str = "one") -> Path:
    """A site file with some changes, or with a whole text that starts with `site:`."""
    path = folder / f"{name}.yaml"
    path.write_text(changes if changes.startswith("site:") else f"site: {name}\napproved_by: nobody\nchanges:\n{changes}", "utf-8")
    return path
