"""Try a rulebook in a child process first, where a crash or a freeze of the C engine does no harm."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from cds.engine.durable import CompileLimit, EngineFault, Inference
from cds.engine.formula import NO, SOFT, UNKNOWN, YES, All, Any, Formula, Literal, value


def canary(conclusions: Sequence[tuple[str, Formula]], timeout: float = 10.0) -> str | None:
    """Try the conclusions in a child process, where a crash or a freeze does no harm: what went wrong, or None."""
    import signal
    import subprocess  # not needed by the child, which must start quickly
    from pathlib import Path

    packed = json.dumps(conclusions, default=lambda f: {type(f).__name__: [getattr(f, each) for each in f.__slots__]})
    try:
        child = subprocess.run([sys.executable, "-m", "cds.engine.canary"], cwd=Path(__file__).parents[2], text=True,
                               input=packed, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return f"the engine did not finish within {timeout:g} s"
    if child.returncode < 0:
        return f"the engine crashed: {signal.strsignal(-child.returncode)}"
    said = (child.stdout.strip() or child.stderr.strip() or "the trial said nothing").splitlines()[-1]
    return None if said == "fine" else said


def _trial() -> str:
    """What the child process does: the conclusions on standard input, engine against reference."""
    kinds = {"Literal": Literal, "All": All, "Any": Any}
    conclusions = json.load(sys.stdin, object_hook=lambda part: next(kinds[kind](*part[kind]) for kind in part))
    inference = Inference(conclusions, handles=1)
    samples = [[answer] * inference.length for answer in (NO, UNKNOWN, SOFT, YES)]
    mixed = [pow(3, power, 65537) for power in range(20 * inference.length)]  # without order, but always the same
    samples += [[n % 4 if n // 4 % sparse == 0 else NO for n in mixed[sparse - 1::20]] for sparse in range(1, 21)]
    for answers in samples:
        for (name, formula), found in zip(conclusions, inference.infer(answers)):
            if found != value(formula, answers):
                return f"{name}: the engine says {found}, the reference {value(formula, answers)}"
    return "fine"


if __name__ == "__main__":
    try:
        print(_trial())
    except (CompileLimit, EngineFault) as refused:
        print(refused)
