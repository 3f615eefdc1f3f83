"""The command line as a whole: options from the environment, terminals that cannot show every sign, addresses of no service."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from service import asked, cds, theophylline

TEXT = json.dumps(asked(statements=(theophylline(),))).encode()


def test_every_option_of_every_command_has_an_environment_variable_that_counts() -> None:
    commands = re.findall(r"(?m)^  ([a-z]+)  ", cds("--help").stdout.decode().partition("Commands:")[2])
    assert {"serve", "lint", "diff", "release", "status"} <= set(commands)
    with ThreadPoolExecutor(2) as pool:
        for text in pool.map(lambda name: cds(name, "--help").stdout.decode(), commands):
            variables = set(re.findall(r"CDS_[A-Z_]+", text))
            options = set(re.findall(r"(?m)^  --([a-z-]+)", text)) - {"help"}
            assert {f"CDS_{name.replace('-', '_').upper()}" for name in options} <= variables, text
    assert cds("evaluate", "-", stdin=TEXT, env={"CDS_ANSWERS": "1"}).stdout.startswith(b'{\n  "response"')


@pytest.mark.parametrize("words", [("read", "theophylline"), ("explain", "theophylline", "1"), ("lint", "--rules", "tests")])
def test_a_terminal_that_knows_ascii_only_gets_question_marks_and_no_failure(words: tuple[str, ...]) -> None:
    done = cds(*words, env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert done.returncode == (1 if words[0] == "lint" else 0) and done.stdout.isascii() and b"Error" not in done.stderr


@pytest.mark.parametrize("words", [("evaluate", "{}"), ("explain", "theophylline", "{}"), ("fmt", "{}"), ("evaluate", "-", "--site", "{}")])
def test_a_file_that_is_no_text_is_refused_without_printing_it(words: tuple[str, ...], tmp_path) -> None:
    path = tmp_path / "binary"
    path.write_bytes(bytes(range(256)) * 20)
    done = cds(*(word.replace("{}", str(path)) for word in words), stdin=TEXT)
    assert done.returncode == 2 and not done.stdout and b"UTF-8" in done.stderr and not re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", done.stderr)
