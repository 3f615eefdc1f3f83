"""A clinic's own folder beside the shipped rules, with the real commands: it adds, and whatever would change a shipped rule is named."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from clinic_folder import EVIDENCE, FILES, RULE, TERM, clinic, small_rulebook
from service import AS_OF, ROOT, accepted, asked, cds, drug, running, theophylline

from cds import rulebook
from cds.rulefile.problems import Problem, RulesRefused

SHIPPED = ROOT / "rules"
TODAY = date(2026, 6, 30)
BRAND = drug("Housabrand", "", "own-1") | {"medicationCodeableConcept": {"text": "Housabrand 5 mg"}}
BOTH = asked(statements=(theophylline(), BRAND))


def rules(cards: list[dict]) -> dict[str, str]:
    return {one["rule"]: one["indicator"] for card in cards for one in card["extension"].get("org.ketamine-cds.findings", [])}


def options(folder: Path, first: Path = SHIPPED) -> list[str]:
    return ["--rules", str(first), "--rules", str(folder)]


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return small_rulebook(tmp_path_factory.mktemp("small") / "rules")


def test_lint_evaluate_and_serve_run_the_clinics_rule_beside_the_shipped_ones(tmp_path):
    folder = clinic(tmp_path / "clinic")
    linted = cds("lint", *options(folder))
    assert (linted.returncode, linted.stdout) == (0, b"")
    done = cds("evaluate", "-", "--answers", "--as-of", AS_OF, *options(folder), stdin=json.dumps(BOTH).encode())
    told = json.loads(done.stdout)
    assert {told["answers"][rule]["answer"] for rule in ("house-drug", "theophylline")} == {"met"}
    with running("--as-of", AS_OF, *options(folder)) as service:
        cards = accepted(service.ask(BOTH))
        readyz = service.get("/readyz").json()["rulebook"]
    (own,) = [card for card in cards if "house-drug" in rules([card])]
    assert rules(cards)["theophylline"] == "critical" and rules(cards)["house-drug"] == "info"
    assert "House protocol 2026" in own["detail"] and "Approved by the house" in [one["display"] for one in own["overrideReasons"]]
    assert readyz["hash"] == rulebook.content_hash([SHIPPED, folder]) != rulebook.content_hash([SHIPPED])


def test_the_environment_names_several_folders_too(tmp_path, small):
    done = cds("evaluate", "-", "--answers", "--as-of", AS_OF, stdin=json.dumps(BOTH).encode(), env={"CDS_RULES": f"{small}:{clinic(tmp_path / 'clinic')}"})
    assert json.loads(done.stdout)["answers"]["house-drug"]["answer"] == "met"


def test_a_second_folder_leaves_every_shipped_rule_and_term_as_it_is(tmp_path, small):
    alone, beside = rulebook.load([small], TODAY), rulebook.load([small, clinic(tmp_path)], TODAY)
    bare = [[replace(rule, node=None, applies_when=None, met_when=None, levels=(), examples=()) for rule in book.rules if rule.id != "house-drug"] for book in (alone, beside)]
    assert bare[0] == bare[1]
    assert {name: term for name, term in beside.terms.items() if name != "house-drug"} == alone.terms


OTHER_NAME = TERM.replace("kind: medication", "kind: condition").replace("ingredients: [xyloketotest 99999901]", "names: [{}]")
CONFLICTS = {
    "a rule": ({"interactions__theophylline.yaml": (SHIPPED / "interactions/theophylline.yaml").read_text("utf-8")}, "the rule `theophylline` already exists in"),
    "a term": ({"terms__more.yaml": TERM.replace("house-drug:", "xanthines:")}, "the term `xanthines` already exists in"),
    "a source": ({"evidence.yaml": EVIDENCE + EVIDENCE.replace("house-protocol", "fda-ketalar")}, "`fda-ketalar` already stands in"),
    "a reason": ({"override-reasons.yaml": FILES["override-reasons.yaml"] + "record-wrong:\n  text: x\n"}, "`record-wrong` already stands in"),
    "SNOMED CT codes": ({"terms__snomed__more.yaml": "liver-disease: [27405005 x]\n"}, "the term `liver-disease` belongs to"),
    "a product": ({"terms__products.csv": "rxcui,ingredients,route,form,strength\n480,xyloketotest,,,\n"}, "the RxNorm code `480` already stands for alfentanil"),
    "an ingredient": ({"terms__ingredients.csv": "name,rxcui\nxyloketotest,480\n"}, "the RxNorm code `480` already stands for alfentanil"),
    "a name": ({"terms__names.csv": "name,ingredients\nabilify,xyloketotest\n"}, "in `abilify` the name `abilify` of aripiprazole would no longer be found"),
    "a longer name": ({"terms__names.csv": "name,ingredients\nabilify forte,xyloketotest\n"}, "in `abilify forte` the name `abilify` of aripiprazole would no longer be found"),
    "book.yaml": ({"book.yaml": (SHIPPED / "book.yaml").read_text("utf-8")}, "the rulebook is already described in"),
    "a short row": ({"terms__products.csv": "rxcui,ingredients\n1,xyloketotest\n"}, "the first row does not name the columns of this table"),
}


@pytest.mark.parametrize("what", CONFLICTS)
def test_what_would_change_a_shipped_folder_is_a_named_problem(tmp_path, what, small):
    files, said = CONFLICTS[what]
    with pytest.raises(RulesRefused) as refused:
        rulebook.load([small, clinic(tmp_path, **files)], TODAY)
    named = refused.value.problems
    assert len(named) == 1 and said in named[0].what and tmp_path in named[0].place.path.parents and named[0].name in ("duplicate-key", "bad-form")


def test_a_condition_name_inside_a_longer_one_would_hide_a_shipped_term(tmp_path, small):
    term = next(term for term in rulebook.load([small], TODAY).terms.values() if term.kind == "condition" and term.names)
    own = OTHER_NAME.replace("house-drug", "house-condition").format(f"acute {term.names[0]} of the house")
    problems: list[Problem] = []
    rulebook.read([small, clinic(tmp_path, terms__more=own, **{"terms__more.yaml": own})], TODAY, problems)
    assert [f"of {term.name} would no longer be found" in one.what for one in problems if one.level == "error"] == [True]


def test_a_row_that_says_the_same_and_a_name_that_says_more_are_no_conflict(tmp_path, small):
    same = next(line for line in (SHIPPED / "terms/products.csv").read_text("utf-8").splitlines() if line.startswith("480,"))
    folder = clinic(tmp_path, **{"terms__products.csv": f"rxcui,ingredients,route,form,strength\n{same}\n", "terms__names.csv": "name,ingredients\nabilify plus,aripiprazole+xyloketotest\n"})
    problems: list[Problem] = []
    assert rulebook.read([small, folder], TODAY, problems) is not None and {one.level for one in problems} <= {"warning"}


def test_a_wrong_order_and_a_folder_named_twice_are_one_clear_message(tmp_path, small):
    folder = clinic(tmp_path / "clinic")
    wrong = cds("evaluate", "-", "--rules", str(folder), "--rules", str(small), stdin=json.dumps(BOTH).encode())
    assert wrong.returncode == 2 and f"fix: Name {small} first.".encode() in wrong.stderr
    twice = cds("lint", "--rules", str(small), "--rules", f"{small}/../rules")
    assert twice.returncode == 2 and twice.stderr.decode() == f"cds: --rules: `{small}/../rules` is named twice\n"


def test_a_second_folder_that_vanishes_or_is_emptied_takes_no_rule_out_of_force(tmp_path, small):
    folder = clinic(tmp_path / "house")
    with running("--as-of", AS_OF, "--rules", str(small), "--rules", str(folder)) as service:
        for what in ("is not there", "holds no rule"):
            folder.rename(tmp_path / "away")
            if what == "holds no rule":
                folder.mkdir()
            end = time.monotonic() + 60
            while (told := service.get("/readyz").json())["reload"]["state"] != "refused" and time.monotonic() < end:
                time.sleep(0.1)
            assert any(f"this rule folder {what}" in one for one in told["reload"]["problems"]) and told["rulebook"]["rules"] == 4
            if folder.exists():
                folder.rmdir()
            (tmp_path / "away").rename(folder)
            while service.get("/readyz").json()["reload"]["state"] != "current" and time.monotonic() < end:
                time.sleep(0.1)
    (tmp_path / "none").mkdir()
    ended = cds("serve", "--rules", str(small), "--rules", str(tmp_path / "none"))
    assert ended.returncode == 2 and b"this rule folder holds no rule" in ended.stderr


def test_a_site_file_may_change_the_clinics_own_rule(tmp_path, small):
    site = tmp_path / "site.yaml"
    site.write_text("site: one\napproved_by: nobody\nchanges:\n  - rule: house-drug\n    turn_off: true\n    because: x\n    until: 2027-01-01\n")
    done = cds("evaluate", "-", "--answers", "--as-of", AS_OF, "--site", str(site), *options(clinic(tmp_path / "clinic"), small), stdin=json.dumps(BOTH).encode())
    assert json.loads(done.stdout)["answers"]["house-drug"]["switched_off"] is True


def test_a_rule_of_the_clinic_needs_its_own_source(tmp_path):
    linted = cds("lint", *options(clinic(tmp_path, **{"interactions__house-drug.yaml": RULE.replace("source: house-protocol", "source: house-protocoll")})))
    assert linted.returncode == 1 and b"error[unknown-source]" in linted.stdout
