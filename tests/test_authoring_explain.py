"""`cds explain`: why a rule answers as it does, for examples and requests, and why it stays silent."""

from __future__ import annotations

import contextlib
import io
import re
from datetime import date
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
from rulefolders import own
from service import ROOT, cds

from cds import rulebook
from cds.authoring.explain import At, explain
from cds.engine.explain import SOFT, UNKNOWN, YES, steps
from cds.engine.plan import plan
from cds.examples.run import run
from cds.settings import instant

BOOK = rulebook.load([rulebook.shipped()], date(2026, 6, 30))
SHIPPED = str(rulebook.shipped())
AS_OF = "2026-06-30T10:00:00Z"
EVERY_RULE = pytest.mark.parametrize("rule", BOOK.rules, ids=[rule.id for rule in BOOK.rules])
VALUES = {"met": (SOFT, YES), "not met": (0,), "unknown": (UNKNOWN,)}


def story(number: str) -> str:
    (found,) = (ROOT / "fhir_fixtures").glob(f"{number}-*/request.json")
    return str(found)


@lru_cache(maxsize=None)
def said(name: str, case: str, as_of: str = AS_OF, zone: str = "UTC", *folders: Path) -> str:
    """What the command prints on a wide terminal, without starting a process for each."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as shown:
        patch.setenv("COLUMNS", "500")
        assert explain([rulebook.shipped(), *folders], name, case, At(instant(as_of), ZoneInfo(zone))) == 0
    return shown.getvalue()


@EVERY_RULE
def test_every_example_is_explained_within_80_columns(rule, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert explain([rulebook.shipped()], rule.id, None) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert all(f"Example {number}, " in shown for number in range(1, len(rule.examples) + 1))


@EVERY_RULE
def test_the_tree_has_the_value_that_the_rule_answers(rule):
    for one in run((rule,), BOOK, [], use_engine=False):
        if one.verdict and one.answer in VALUES:
            asked = one.verdict.rule  # at the settings of the example
            top = {step.asked: step.value for step in steps(asked, plan((asked,)), one.evaluation, one.facts, BOOK.terms) if step.depth == 0}
            assert min(top["It is met when"], top["It speaks about a request when"]) in VALUES[one.answer]


def test_a_record_that_does_not_count_is_named_with_its_date_beside_the_no():
    shown = said("theophylline", "stopped four days ago no longer counts")
    assert re.search(r"no  the patient takes “theophylline or aminophylline” or stopped it within the last 3 days\n"
                     r"\W*· theophylline, stopped 4 days ago \[line \d+\]", shown)
    assert "nothing is shown: the rule says `if_not_met: nothing`" in shown
    assert "· nothing of this in the problem list" in shown


def test_amounts_of_an_order_are_worked_out_also_where_they_stay_under_the_limit():
    shown = said("dose-and-rate", story("29"))
    assert re.search(r"no  the ordered dose is below 0.25 mg/kg, .*\n\W*· 160 mg / 80 kg \(2026-06-25\) = 2 mg/kg \[MedicationRequest/ket-1\]", shown)


@pytest.mark.parametrize("words, reason", [
    (("theophylline", "theophylline without ketamine"), "no order of this example is for ketamine or esketamine"),
    (("theophylline", story("09")), "none of the 2 draft orders is for ketamine or esketamine"),
    (("dose-and-rate", story("15")), "this is patient-view; the rule only runs when an order is selected (order-select) or an order is signed")])
def test_does_not_apply_says_which_part_of_the_scope_failed(words, reason):
    shown = said(*words)
    assert ": does not apply" in shown and reason in shown and "It is met when" not in shown


def test_a_situation_that_is_not_there_shows_the_part_that_was_answered_no():
    rule = next(one for one in BOOK.rules if one.id == "dose-and-rate")
    number = next(number for number, one in enumerate(run((rule,), BOOK, []), 1) if one.answer == "does not apply" and one.evaluation)
    shown = said(rule.id, str(number))
    assert "the situation it speaks about is not there" in shown and "It is met when" not in shown
    assert re.search(r"no  It speaks about a request when\n(.*\n)*\W*· .*, route ", shown)


def test_unknown_names_what_is_missing_and_what_the_clinician_sees():
    shown = said("theophylline", "the medication list could not be read")
    assert ": unknown" in shown and "the “not checked” card names what is missing" in shown
    assert "missing: medication list: could not be read" in shown


def test_a_request_that_could_not_be_asked_says_so():
    assert "no rule could be asked: Ketamine check could not run" in said("theophylline", story("26"))


def test_a_softly_met_rule_says_what_makes_it_milder():
    shown = said("theophylline", "status unknown is one step milder")
    assert "shows as warning: " in shown and "milder than critical" in shown and "uncertain: theophylline: status unknown" in shown


def test_each_of_several_orders_has_its_own_tree_and_the_request_its_answer():
    shown = said("dose-and-rate", story("07"))
    answers = {ref: answer for ref, answer in re.findall(r"(?m)^MedicationRequest/(\S+), .*: (met|not met|unknown|does not apply)$", shown)}
    expected = orjson.loads(cds("evaluate", story("07"), "--answers", "--as-of", AS_OF).stdout)["answers"]["dose-and-rate"]
    assert {f"MedicationRequest/{ref}": answer for ref, answer in answers.items()} == expected["orders"] and len(answers) == 2
    assert f"For the whole request: {expected['answer']}, named on a card." in shown


@pytest.mark.parametrize("as_of, answer", [("2026-06-30T10:00:00Z", "met"), ("2026-07-30T10:00:00Z", "not met")])
def test_a_request_is_judged_as_of_the_instant_given(as_of, answer):
    shown = said("theophylline", story("32"), as_of)
    assert re.search(rf"(?m)^MedicationRequest/.*: {answer}$", shown)


def test_a_request_is_judged_in_the_time_zone_given():
    stopped = max(re.findall(r'"end":\s*"(\d{4}-\d\d-\d\d)"', Path(story("32")).read_text("utf-8")))
    as_of = f"{date.fromordinal(date.fromisoformat(stopped).toordinal() + 8)}T01:00:00Z"
    answers = {zone: re.findall(r"(?m)^MedicationRequest/.*: (met|not met)$", said("theophylline", story("32"), as_of, zone))
               for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago")}
    assert answers == {"Pacific/Kiritimati": ["not met"], "Pacific/Pago_Pago": ["met"]}


@pytest.fixture
def two_folders(tmp_path):
    """The shipped rulebook and a folder with one rule of its own, which takes the place of theophylline."""
    own(tmp_path, "xanthine-watch", ("if_unknown: not-checked", "if_unknown: not-checked\nreplaces: [theophylline]"), ("met warning", "met"),
        ("show: warning", "show: critical"), ("    - has: heart-failure", "    - taking: xanthines"),
        ("      - has: heart-failure", "      - taking: theophylline"))
    return tmp_path


def test_several_rule_folders_are_evaluated_and_explained_together(two_folders):
    done = cds("evaluate", story("01"), "--answers", "--as-of", AS_OF, "--rules", SHIPPED, "--rules", str(two_folders))
    answers = orjson.loads(done.stdout)["answers"]
    assert answers["xanthine-watch"]["shown"] and not answers["theophylline"]["shown"]
    assert "shows as critical: Heart failure on the problem list." in said("xanthine-watch", story("01"), AS_OF, "UTC", two_folders)


def test_a_met_rule_that_is_on_no_card_names_the_rule_in_its_place(two_folders):
    shown = said("theophylline", story("01"), AS_OF, "UTC", two_folders)
    assert ": met" in shown and "not on a card: xanthine-watch 1.0.0 is met and takes the place of this finding" in shown


def test_a_rule_that_is_not_in_force_says_so(tmp_path):
    own(tmp_path, "later", ("from: 2024-01-01", "from: 2030-01-01"))
    done = cds("explain", "later", story("01"), "--as-of", AS_OF, "--rules", SHIPPED, "--rules", str(tmp_path))
    assert done.returncode == 2 and b"later is not in force on 2026-06-30 (active, from 2030-01-01)" in done.stderr


@pytest.mark.parametrize("words, text", [
    (("theophylin",), "Did you mean `theophylline`?"), (("theophylline", "no such"), "  6. stopped four days ago no longer counts"),
    (("theophylline", "nowhere.json"), "`nowhere.json` cannot be read"), (("theophylline", "README.md"), "README.md: "),
    (("theophylline", story("01"), "--as-of", "today"), "--as-of"), (("theophylline", story("01"), "--time-zone", "Mars"), "--time-zone")])
def test_what_cannot_be_explained_is_said_in_one_message_without_a_traceback(words, text):
    done = cds("explain", *words)
    assert done.returncode == 2 and text in done.stderr.decode() and b"Traceback" not in done.stderr and not done.stdout
