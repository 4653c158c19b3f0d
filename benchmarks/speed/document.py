"""`docs/performance.md` and its plots, from what a job measured."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.speed.contest import OURS, Contest

if TYPE_CHECKING:
    from benchmarks.speed.suite import Suite

LIMITS = {"I1": 3.52}
"""CPU seconds a GB of decoded pixels: inflate 1.90, undo the predictor 0.29, LZ4 with bit-shuffle
1.26, CRC-32C 0.07, each the fastest library measured by itself."""
WRITTEN_BY_HAND = "<!-- what follows is kept -->"


def write_document(suite: Suite, docs: Path) -> None:
    """Write the page; what stands below `WRITTEN_BY_HAND` in the old one is kept."""
    page = docs / "performance.md"
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    kept = old.partition(WRITTEN_BY_HAND)[2]
    plots = docs / "images" / "performance"
    plots.mkdir(parents=True, exist_ok=True)
    _plot(suite, plots)
    text = "\n".join(_lines(suite)) + f"\n{WRITTEN_BY_HAND}{kept}"
    page.write_text(text.rstrip() + "\n", encoding="utf-8")


def _lines(suite: Suite) -> Iterator[str]:
    sample = (
        " A quick sample: fewer rounds and scenes than `make bench` takes." if suite.quick else ""
    )
    yield "# Performance"
    yield ""
    yield f"Written by `make bench` on {dt.datetime.now(dt.UTC):%Y-%m-%d}.{sample}"
    yield ""
    yield f"Machine: {_machine()}."
    yield ""
    yield (
        "Contenders run as processes of their own, in rounds, in random order within a round, "
        "one thread each. Ratios are of CPU seconds (user and system, children included) within a "
        "round: median, and the least and greatest round. Imports and compiled kernels are loaded "
        "before the watch starts, for all. Wall times are not used: the machine is shared."
    )
    yield ""
    yield "| figure | goal | value | spread | | |"
    yield "|---|---|---|---|---|---|"
    for one in suite.verdicts:
        value = "" if one.value is None else f"{one.value:.3g}"
        spread = "" if one.spread is None else f"{one.spread[0]:.3g} - {one.spread[1]:.3g}"
        state = "reached" if one.reached else "**missed**"
        yield f"| {one.name} | {one.goal} | {value} | {spread} | {state} | {one.note} |"
    yield ""
    for name in suite.contests:
        if len(suite.contests[name].runs) > 1:
            yield from _table(name, suite.contests[name], suite.facts)
    yield from _scaling(suite)
    yield "## Facts"
    yield ""
    for name, said in suite.facts.items():
        if name not in ("P", "I1 GB"):
            yield f"- {name}: {_said(said)}"
    yield ""


def _table(name: str, contest: Contest, facts: dict[str, Any]) -> Iterator[str]:
    yield f"## {name}"
    yield ""
    yield f"![{name}](images/performance/{_file(name)})"
    yield ""
    yield "| contender | CPU s | ours / it | wall s | peak RSS MB | objects | MB | error |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in sorted(contest.runs, key=contest.median):
        ratio = "" if one == OURS else f"{contest.ratio(OURS, one)[0]:.3g}"
        first = contest.runs[one][0]
        objects = first.get("objects", "")
        size = f"{first['bytes'] / 1e6:.0f}" if "bytes" in first else ""
        error = first.get("error", first.get("count_error"))
        yield (
            f"| {one} | {contest.median(one):.4g} | {ratio} | {contest.median(one, 'wall_s'):.3g} "
            f"| {contest.median(one, 'rss_mb'):.0f} | {objects} | {size} "
            f"| {'' if error is None else f'{error:.2g}'} |"
        )
    if name in LIMITS:
        bound = LIMITS[name] * facts["I1 GB"]
        yield ""
        yield f"Physical limit with the fastest libraries for each step: {bound:.2f} CPU-s."
    for one, why in contest.failed.items():
        yield ""
        yield f"{one} did not run: {why}"
    yield ""


def _scaling(suite: Suite) -> Iterator[str]:
    if suite.curves:
        yield "## Scaling"
        yield ""
        yield "![scaling](images/performance/scaling.svg)"
        yield ""
    if "P" in suite.facts:
        yield "Simulated from the measured cost of a unit at the scheduler, 20,000 units of 0.2 s:"
        yield ""
        yield "| workers | speed-up | scheduler busy | first bottleneck |"
        yield "|---|---|---|---|"
        for step in suite.facts["P"]:
            yield (
                f"| {step['workers']} | {step['speedup']:.1f} | {step['scheduler_busy']:.0%} "
                f"| {step['bottleneck']} |"
            )
        yield ""


def _plot(suite: Suite, folder: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "railwatch"
    from matplotlib import pyplot as plt

    for name, contest in suite.contests.items():
        if len(contest.runs) < 2:
            continue
        order = sorted(contest.runs, key=contest.median, reverse=True)
        figure, axes = plt.subplots(figsize=(7, 0.6 + 0.32 * len(order)), layout="constrained")
        middle = [contest.median(one) for one in order]
        lows, highs = zip(*(contest.spread(one) for one in order), strict=True)
        error = [
            [m - low for m, low in zip(middle, lows, strict=True)],
            [high - m for m, high in zip(middle, highs, strict=True)],
        ]
        colours = ["#c5501e" if one.startswith(OURS) else "#8a97a6" for one in order]
        axes.barh(order, middle, xerr=error, color=colours, ecolor="#333333", capsize=2)
        if name in LIMITS:
            bound = LIMITS[name] * suite.facts["I1 GB"]
            axes.axvline(bound, color="#333333", linestyle="--", linewidth=1)
            axes.annotate("limit", (bound, -0.4), fontsize=8)
        axes.set_xlabel("CPU seconds")
        axes.set_title(name, fontsize=10, loc="left")
        figure.savefig(folder / _file(name), metadata={"Date": None})
        plt.close(figure)
    if suite.curves:
        _plot_curves(suite, folder)


def _plot_curves(suite: Suite, folder: Path) -> None:
    from matplotlib import pyplot as plt

    from benchmarks.speed.suite import slope

    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for name, curve in suite.curves.items():
        fitted = slope(curve["count"], curve["cpu_s"])
        axes.loglog(curve["count"], curve["cpu_s"], "o-", label=f"{name}: slope {fitted:.2f}")
    axes.set_xlabel("scenes")
    axes.set_ylabel("CPU seconds")
    axes.legend(fontsize=8)
    figure.savefig(folder / "scaling.svg", metadata={"Date": None})
    plt.close(figure)


def _file(name: str) -> str:
    return f"{name.lower().replace(' ', '-')}.svg"


def _machine() -> str:
    model = platform.processor() or "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{len(os.sched_getaffinity(0))} cores of {model}, {memory:.0f} GiB, "
        f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}, "
        f"load at the end {os.getloadavg()[2]:.1f}"
    )


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_said(v)}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
