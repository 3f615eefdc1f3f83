"""A small whole rulebook cut from the shipped one, to be broken: the theophylline rule with what it uses."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

import pytest
from linter_cases import SOURCES, TERMS, B, C, E, M, O, R, S
from rich.console import Console

from cds import rulebook
from cds.authoring.check import check
from cds.rulefile.problems import Problem


def trimmed(text: str, keep: set[str]) -> str:
    """The top-level entries of a term file whose names are kept."""
    return "".join(block for block in re.split(r"(?m)^(?=[a-z][a-z0-9-]*:$)", text) if block.split(":")[0] in keep)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A small whole rulebook cut from the shipped one: the theophylline rule with what it uses."""
    folder, source = tmp_path_factory.mktemp("shipped") / "rules", rulebook.shipped()
    for name in (R, B, O, "terms/icd10cm.csv", "terms/ingredients.csv", "terms/names.csv", "terms/products.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, folder / name)
    for name, keep in ((M, TERMS), (C, TERMS), (S, {"heart-failure"}), (E, SOURCES)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(trimmed((source / name).read_text("utf-8"), keep), "utf-8")
    return folder


@pytest.fixture
def broken(shipped, tmp_path):
    """The small rulebook, to be broken."""
    return Path(shutil.copytree(shipped, tmp_path / "rules"))


def edit(folder: Path, file: str, old: str | None, new: str) -> None:
    path = folder / file
    text = path.read_text("utf-8")
    assert old is None or old in text, f"{file} holds no `{old}`"
    path.write_text(text.replace(old, new, 1) if old else new if old is None else text + new, "utf-8")


def problems(folder: Path) -> tuple[Problem, ...]:
    return check([folder], Console(file=io.StringIO())).problems


def errors(folder: Path) -> list[str]:
    return [one.name for one in problems(folder) if one.level == "error"]
