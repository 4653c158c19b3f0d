"""Contests: contenders run as processes of their own, in rounds, each round in random order.

A ratio is taken within a round, so that whatever else the machine did then met both sides, and the
median over rounds is the result; its spread is the least and the greatest round. Absolute times are
reported beside it and decide nothing, except where a goal is stated in CPU milliseconds.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OURS = "railwatch"
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)
"""Parallelism is across scenes and areas, for all: more threads inside cost CPU, not save it."""
TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Contender:
    """A program to be measured; prints its stopwatch's JSON as the last line."""

    name: str
    command: Sequence[str]
    family: str = ""
    """What it is compared as: `same codec`, `xarray` ..."""
    place: Path | None = None
    """Folder that is emptied before each run."""


@dataclass
class Contest:
    """What came of one benchmark."""

    name: str
    runs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By contender, one a round."""
    families: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Contenders that could not be run, and why."""

    def values(self, name: str, what: str = "cpu_s") -> list[float]:
        return [float(run[what]) for run in self.runs[name]]

    def median(self, name: str, what: str = "cpu_s") -> float:
        return statistics.median(self.values(name, what))

    def spread(self, name: str, what: str = "cpu_s") -> tuple[float, float]:
        values = self.values(name, what)
        return min(values), max(values)

    def peers(self, family: str = "") -> list[str]:
        """Peers of a family that ran, fastest first."""
        named = [
            name
            for name in self.runs
            if self.families[name] != OURS and (not family or self.families[name] == family)
        ]
        return sorted(named, key=self.median)

    def ratio(self, ours: str, peer: str, what: str = "cpu_s") -> tuple[float, float, float]:
        """Median, least and greatest of ours over the peer's, round by round."""
        rounds = [
            a / max(b, 1e-9)
            for a, b in zip(self.values(ours, what), self.values(peer, what), strict=True)
        ]
        return statistics.median(rounds), min(rounds), max(rounds)


def hold(
    name: str,
    contenders: Sequence[Contender],
    rounds: int,
    say: Callable[[str], None],
    *,
    seed: int = 0,
) -> Contest:
    """Run all contenders, round by round; one that fails is left out of the rest and named."""
    order = random.Random(seed)
    contest = Contest(name, families={one.name: one.family for one in contenders})
    left = list(contenders)
    for number in range(rounds):
        order.shuffle(left)
        for one in list(left):
            said = _run(one)
            if isinstance(said, str):
                contest.failed[one.name] = said
                contest.runs.pop(one.name, None)
                left.remove(one)
                say(f"{name}: {one.name} failed: {said}")
                continue
            contest.runs.setdefault(one.name, []).append(said)
        say(f"{name}: round {number + 1} of {rounds}")
    if OURS in contest.failed:
        raise RuntimeError(f"{name}: {contest.failed[OURS]}")
    return contest


def _run(one: Contender) -> dict[str, Any] | str:
    """Run one contender; its measures, or why there are none."""
    if one.place is not None:
        shutil.rmtree(one.place, ignore_errors=True)
    environment = {**os.environ, **ONE_THREAD, "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        done = subprocess.run(
            [str(word) for word in one.command],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return f"took more than {TIMEOUT_S:g} s"
    finally:
        if one.place is not None:
            shutil.rmtree(one.place, ignore_errors=True)
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("{"):
            said: dict[str, Any] = json.loads(line)
            return said
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1][:200] if lines else f"exit status {done.returncode}"
