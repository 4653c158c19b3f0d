"""The suite: what is measured against what, and which figure each benchmark has to reach.

Names follow the list of figures: I1 ingest, I3 small areas, I4 sharp scenes, I5 whole pipeline, D1
baseline, D2 new scene, D3 resampling, D4 chain, F1 fleet, A1 price, C command line, P parallel.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed import cluster, kernel_input, price, workload
from benchmarks.speed.contest import OURS, Contender, Contest, hold
from benchmarks.speed.environment import MissingPeersError, python_of
from benchmarks.speed.ours.place import rendered

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Verdict:
    """One figure beside its goal."""

    name: str
    goal: str
    value: float | None
    spread: tuple[float, float] | None
    reached: bool
    note: str = ""


@dataclass
class Suite:
    """Runs benchmarks and gathers what they say."""

    build: Path
    quick: bool
    say: Callable[[str], None]
    verdicts: list[Verdict] = field(default_factory=list)
    contests: dict[str, Contest] = field(default_factory=dict)
    curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        return 2 if self.quick else 5

    @cached_property
    def arrays(self) -> Path:
        return python_of("arrays", self.build)

    @cached_property
    def eolearn(self) -> Path | None:
        try:
            return python_of("eolearn", self.build)
        except MissingPeersError as exc:
            self.say(f"left out: {exc}")
            return None

    # Figures

    def ratio(
        self,
        name: str,
        goal: float,
        contest: Contest,
        peer: str,
        *,
        ours: str = OURS,
        faster: bool = False,
    ) -> None:
        """Judge ours over a peer's CPU (or the peer's over ours, `faster`) against a goal."""
        pair = (peer, ours) if faster else (ours, peer)
        value, low, high = contest.ratio(*pair)
        reached = value >= goal if faster else value <= goal
        sign = ">=" if faster else "<="
        self.verdicts.append(
            Verdict(name, f"{sign} {goal:g}", value, (low, high), reached, f"against {peer}")
        )

    def limit(
        self,
        name: str,
        goal: float,
        values: Sequence[float],
        *,
        unit: str = "",
        note: str = "",
        least: bool = False,
    ) -> None:
        """Judge a measured number, the median of several, against a limit."""
        value = float(np.median(values))
        sign = ">=" if least else "<="
        reached = value >= goal if least else value <= goal
        spread = float(min(values)), float(max(values))
        self.verdicts.append(Verdict(name, f"{sign} {goal:g}{unit}", value, spread, reached, note))

    def hold(self, name: str, contenders: Sequence[Contender], rounds: int = 0) -> Contest:
        contest = hold(name, contenders, rounds or self.rounds, self.say)
        self.contests[name] = contest
        return contest

    def ours(
        self, module: str, *words: Any, name: str = OURS, place: Path | None = None
    ) -> Contender:
        command = [sys.executable, "-m", f"benchmarks.speed.ours.{module}", *map(str, words)]
        return Contender(name, command, OURS, place)

    def peer(
        self, script: str, name: str, family: str, *words: Any, place: Path | None = None
    ) -> Contender:
        python = self.eolearn if name.startswith("eo-learn") else self.arrays
        command = [
            python or sys.executable,
            HERE / "peers" / f"{script}.py",
            name,
            *map(str, words),
        ]
        return Contender(name, command, family, place)

    # Benchmarks

    def ingest(self) -> None:
        """I1: Sentinel-2 scenes to a cube, all pixels, one commit."""
        made = workload.s2(self.build / "bench", 8 if self.quick else 32)
        out = self.build / "bench" / "out"
        codec, default, xarray = "same codec", "default codec", "xarray family"
        peers = [
            ("tensorstore blosc", codec, made.stacked),
            ("zarr-python blosc", codec, made.stacked),
            ("icechunk blosc, one commit", codec, made.stacked),
            ("zarr-python default", default, made.stacked),
            ("rioxarray, append", xarray, made.stacked),
            ("rioxarray, concat", xarray, made.stacked),
            ("stackstac", xarray, made.single),
            ("odc-stac", xarray, made.single),
        ]
        if self.eolearn is not None:
            peers.append(("eo-learn zarr", default, made.stacked))
        contest = self.hold(
            "I1",
            [
                self.ours("ingest", "all", made.stacked, out, place=out),
                self.ours(
                    "ingest", "corridor", made.stacked, out, name="railwatch, corridor", place=out
                ),
                *(self.peer("ingest", n, f, where, out, place=out) for n, f, where in peers),
            ],
        )
        sums = {name: {run["crc"] for run in runs} for name, runs in contest.runs.items()}
        same = {name for name, crc in sums.items() if crc == sums[OURS]}
        self.facts["I1 exact"] = sorted(same)
        self.facts["I1 GB"] = made.pixel_bytes / 1e9
        self.ratio("I1 best same-codec peer", 1.0, contest, contest.peers(codec)[0])
        self.ratio("I1 best xarray-family peer", 0.35, contest, contest.peers(xarray)[0])

    def small(self) -> None:
        """I3: small scenes, one at a time and durable; and in one commit."""
        scenes = 60 if self.quick else 200
        made = workload.small(self.build / "bench", scenes)
        out = self.build / "bench" / "out"
        batched = "railwatch, one commit"
        contest = self.hold(
            "I3",
            [
                self.ours("ingest", "each", made.stacked, out, place=out),
                self.ours("ingest", "all", made.stacked, out, name=batched, place=out),
                *(
                    self.peer("ingest", n, f, made.stacked, out, place=out)
                    for n, f in (
                        ("icechunk blosc, a commit a scene", "a scene at a time"),
                        ("icechunk blosc, one commit", "one commit"),
                        ("rioxarray, append", "a scene at a time"),
                        ("tensorstore blosc", "one commit"),
                    )
                ),
            ],
        )
        each = [1e3 * v / scenes for v in contest.values(OURS)]
        self.limit("I3 a scene at a time", 12.0, each, unit=" ms")
        together = [1e3 * v / scenes for v in contest.values(batched)]
        self.limit("I3 batched", 7.0, together, unit=" ms")
        self.ratio("I3 xarray append", 4.0, contest, "rioxarray, append", faster=True)
        objects = contest.median(OURS, "objects") / scenes
        self.facts["I3 objects a scene"] = objects
        self.curve("scenes, one commit", [scenes // 4, scenes // 2, scenes], "all", 1.02)

    def curve(self, name: str, counts: list[int], mode: str, goal: float) -> None:
        """Cost of ingesting against the number of scenes, and the slope of its logarithm."""
        out = self.build / "bench" / "out"
        cpu, rss = [], []
        for count in counts:
            made = workload.small(self.build / "bench", count)
            contest = hold(
                f"{name} {count}",
                [self.ours("ingest", mode, made.stacked, out, place=out)],
                self.rounds,
                self.say,
            )
            cpu.append(contest.median(OURS))
            rss.append(contest.median(OURS, "rss_mb"))
        self.curves[name] = {"count": [float(c) for c in counts], "cpu_s": cpu, "rss_mb": rss}
        self.limit(f"slope of CPU: {name}", goal, [slope(counts, cpu)])
        self.limit(f"slope of RSS: {name}", 0.02, [slope(counts, rss)])

    def large(self) -> None:
        """I4: the corridor of a siding out of a sharp scene."""
        made = workload.vhr(self.build / "bench", side=8192)
        file = next(made.stacked.rglob("*.tif"))
        contest = self.hold(
            "I4",
            [
                self.ours("large_scene", made.stacked),
                self.peer("large_scene", "rasterio", "whole file", file),
                self.peer("large_scene", "rioxarray", "whole file", file),
            ],
        )
        self.ratio("I4 whole read by rasterio", 0.06, contest, "rasterio")
        self.limit("I4 RSS", 200.0, contest.values(OURS, "rss_mb"), unit=" MB")

    def kernels(self) -> None:
        """D1, D3, D4: kernels on the same input, with the error of each."""
        given = kernel_input.make(self.build / "bench" / "kernels")
        d1 = self.hold(
            "D1",
            [
                self.ours("kernels", "baseline", given["baseline"], 6),
                *(
                    self.peer("kernels", n, "", given["baseline"], 3)
                    for n in ("bottleneck", "numbagg", "xarray")
                ),
            ],
        )
        self.ratio("D1 bottleneck", 2.0, d1, "bottleneck", faster=True)
        self.limit("D1 error", 0.0, d1.values(OURS, "error"))
        d3 = self.hold(
            "D3",
            [
                self.ours("kernels", "resample", given["resample"], 100),
                *(
                    self.peer("kernels", n, "", given["resample"], 10)
                    for n in (
                        "scipy cubic, no prefilter",
                        "scipy cubic",
                        "scipy bilinear",
                        "xarray.interp",
                    )
                ),
            ],
        )
        self.ratio(
            "D3 scipy, same sixteen pixels", 5.0, d3, "scipy cubic, no prefilter", faster=True
        )
        d4 = self.hold(
            "D4",
            [
                self.ours("kernels", "chain", given["chain"], 1000),
                *(
                    self.peer("kernels", n, "", given["chain"], 100)
                    for n in ("hmmlearn scaling", "hmmlearn log")
                ),
            ],
        )
        self.ratio("D4 hmmlearn, default", 15.0, d4, "hmmlearn log", faster=True)
        d2 = self.hold(
            "D2 in memory",
            [
                self.ours("in_memory", 20),
                self.peer("kernels", "xarray", "", given["history"], 1),
                self.peer("kernels", "bottleneck", "", given["history"], 1),
            ],
            min(self.rounds, 3),
        )
        each = [1e3 * v for v in d2.values(OURS)]
        note = "40 km, 15 samples across, 4 bands"
        self.limit("D2 new scene in memory", 10.0, each, unit=" ms", note=note)
        self.ratio("D2 full recompute by xarray", 1000.0, d2, "xarray", faster=True)
        self.ratio("D4 hmmlearn, its fastest", 15.0, d4, "hmmlearn scaling", faster=True)

    def new_scene(self) -> None:
        """D2 and F1: one more scene on a history, and a fleet of such areas."""
        histories = (60, 119) if self.quick else (100, 200, 400)
        copies = 4 if self.quick else 20
        place = rendered(self.build / "bench", histories[-1] + 1)
        runs: dict[int, Contest] = {}
        for scenes in histories:
            store = self.build / "bench" / f"history-{scenes}"
            if not (store / "complete").exists():
                self.say(f"D2: counting a history of {scenes} scenes")
                script = self.ours("new_scene", "prepare", place.folder, store, scenes)
                subprocess.run([str(w) for w in script.command], check=True, capture_output=True)
                (store / "complete").touch()
            runs[scenes] = self.hold(
                f"D2 history {scenes}",
                [self.ours("new_scene", "watch", place.folder, store, scenes, copies)],
                min(self.rounds, 3),
            )
        detect = [
            [run["stages"]["detect"] for run in runs[scenes].runs[OURS]] for scenes in histories
        ]
        last = runs[histories[-1]]
        self.facts["D2 count error, cars"] = last.runs[OURS][0]["count_error"]
        self.facts["D2 stages"] = last.runs[OURS][0]["stages"]
        self.limit(
            "D2 new scene with the record's reading and writing",
            10.0,
            [1e3 * v for v in detect[-1]],
            unit=" ms",
        )
        shift = [float(np.median(v)) for v in detect]
        self.limit("D2 cost of the longest history over the shortest", 1.2, [shift[-1] / shift[0]])
        self.limit("slope of CPU: history", 0.05, [slope(histories, shift)])
        whole = [5000 * v for v in last.values(OURS)]
        note = f"{copies} areas measured, all stages, times 5000"
        self.limit("F1 fleet of 5,000", 60.0, whole, unit=" CPU-s", note=note)
        grown = [run["rss_mb"] - run["half_mb"] for run in last.runs[OURS]]
        self.limit("F1 RSS from half of the areas to all", 5.0, grown, unit=" MB")
        self.curves["history"] = {"count": [float(h) for h in histories], "cpu_s": shift}

    def pipeline(self) -> None:
        """I5: archive to published counts through the command line."""
        scenes = 120 if self.quick else 700
        place = rendered(self.build / "bench", scenes)
        out = self.build / "bench" / "out"
        words = ["run", place.area, "--archive", place.archive, "--store", out]
        contest = self.hold(
            "I5",
            [
                self.ours("command_line", *words, place=out),
                Contender(
                    "rioxarray + xarray + hmmlearn",
                    [self.arrays, HERE / "peers" / "backfill.py", place.folder, out],
                    "pipeline",
                    out,
                ),
            ],
            1 if self.quick else min(self.rounds, 3),
        )
        peer = "rioxarray + xarray + hmmlearn"
        self.facts["I5 count error, cars"] = {
            one: contest.median(one, "count_error") for one in (OURS, peer)
        }
        self.ratio("I5 pipeline", 0.33, contest, peer)
        self.limit("I5 RSS", 300.0, contest.values(OURS, "rss_mb"), unit=" MB")

    def command_line(self) -> None:
        """C: cold paths."""
        for name, words in (("--help", ["--help"]), ("counts --help", ["counts", "--help"])):
            contest = self.hold(f"C {name}", [self.ours("command_line", *words)], 5)
            self.limit(f"C {name}", 0.5, contest.values(OURS), unit=" CPU-s")
        place = rendered(self.build / "bench", 24)
        store = self.build / "bench" / "warm"
        shutil.rmtree(store, ignore_errors=True)
        words = ["run", place.area, "--archive", place.archive, "--store", store]
        self.hold("C first run", [self.ours("command_line", *words)], 1)
        contest = self.hold("C warm run", [self.ours("command_line", *words)], 5)
        self.limit("C run with nothing new", 1.5, contest.values(OURS), unit=" CPU-s")

    def price(self) -> None:
        """A1: processing units of 100 yards."""
        found = list(price.prices())
        factor = sum(one.box for one in found) / sum(one.ours for one in found)
        each = [one.box / one.ours for one in found]
        spread = float(min(each)), float(max(each))
        ours = sum(one.ours for one in found)
        fixed = ", ".join(
            f"{sum(one.fixed[i] for one in found) / ours:.2f} with {ring_m:g} m"
            for i, ring_m in enumerate(price.FIXED_RINGS_M)
        )
        note = f"all yards, the ring as narrow as ours; {fixed}"
        self.verdicts.append(
            Verdict("A1 price of a bounding box", ">= 5", factor, spread, factor >= 5.0, note)
        )

    def parallel(self) -> None:
        """P: one process to two, and on to a hundred by simulation."""
        command = [sys.executable, "-m", "benchmarks.speed.cluster", "12" if self.quick else "40"]
        contest = hold("P", [Contender(OURS, command)], 1 if self.quick else 3, self.say)
        runs = contest.runs[OURS]
        shares = [run["work_2_s"] / run["cpu_2_s"] for run in runs]
        self.limit("P share of CPU that is work, two processes", 0.85, shares, least=True)
        dispatch = float(np.median([run["dispatch_cpu_s"] for run in runs]))
        rng = np.random.default_rng(0)
        units = rng.gamma(4.0, 0.2 / 4.0, 20_000)
        steps = cluster.simulate(units.tolist(), dispatch)
        self.facts["P"] = [asdict(step) for step in steps]
        self.facts["P dispatch ms"] = 1e3 * dispatch
        self.facts["P wall efficiency"] = float(
            np.median([run["wall_1_s"] / (2.0 * run["wall_2_s"]) for run in runs])
        )

    def benchmarks(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """All of them, by the letter they are chosen with."""
        yield "D", self.kernels
        yield "I1", self.ingest
        yield "I3", self.small
        yield "I4", self.large
        yield "A", self.price
        yield "C", self.command_line
        yield "P", self.parallel
        yield "F", self.new_scene
        yield "I5", self.pipeline

    def recall(self, said: str) -> None:
        """Take over what an earlier job measured; what is measured again replaces it."""
        kept = json.loads(said)
        self.verdicts = [Verdict(**one) for one in kept["verdicts"]]
        self.contests = {name: Contest(name, **one) for name, one in kept["contests"].items()}
        self.curves, self.facts = kept["curves"], kept["facts"]

    def settle(self) -> None:
        """Keep the newest verdict of each name."""
        self.verdicts = list({one.name: one for one in self.verdicts}.values())

    def kept(self) -> str:
        """All that was measured, as JSON."""
        return json.dumps(
            {
                "verdicts": [asdict(v) for v in self.verdicts],
                "contests": {
                    name: {"runs": c.runs, "families": c.families, "failed": c.failed}
                    for name, c in self.contests.items()
                },
                "curves": self.curves,
                "facts": self.facts,
            }
        )


def slope(counts: Sequence[float], values: Sequence[float]) -> float:
    """Slope of a straight line through the logarithms: 1 is in proportion, 0 is flat."""
    return float(np.polyfit(np.log(counts), np.log(values), 1)[0])
