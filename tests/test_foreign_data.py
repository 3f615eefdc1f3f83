"""Data that nobody here wrote: every patient gets a sound answer, whatever the order of the entries, and no medication is lost on the way."""

from __future__ import annotations

import json

import foreign
import pytest
from foreign_tried import tried, without_identifiers
from service import accepted, running

pytestmark = pytest.mark.skipif(bool(foreign.WHY_NOT), reason=foreign.WHY_NOT)
MOST = 100
"""Patients of a run in the suite: all where there are no more, else some of every size."""
PATIENTS = foreign.patients() if not foreign.WHY_NOT else ()
CHOSEN = PATIENTS[::max(1, -(-len(PATIENTS) // MOST))]


def test_every_answer_is_sound_and_every_medication_recognised_read_or_named_as_unclassified():
    assert {one.name: answer.wrong for one in CHOSEN if (answer := tried(one)).wrong} == {}


def test_an_unclassified_medication_stands_on_a_card():
    for one in CHOSEN:
        answer = tried(one)
        if answer.reasons:
            assert any("could not be classified" in card["detail"] for card in answer.cards), one.name


def test_the_same_request_twice_and_with_its_entries_mixed_gives_the_same_cards():
    for one in CHOSEN:
        first = without_identifiers(tried(one).cards)
        assert first == without_identifiers(tried(one).cards) == without_identifiers(tried(one, turned=True).cards), one.name


def test_a_running_service_answers_all_of_them():
    with running("--as-of", "2026-06-30T10:00:00Z") as service:
        for one in CHOSEN:
            assert accepted(service.ask(json.dumps(one.request()).encode())), one.name
        assert "unexpected failure" not in service.log()
