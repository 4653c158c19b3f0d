"""`railwatch verify`: a published number counted again, and a store read from end to end."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from railwatch.errors import IntegrityError, OperatorError
from railwatch.store import Store

if TYPE_CHECKING:
    from railwatch.integrity.derive import Derived
    from railwatch.integrity.mend import Mended
    from railwatch.integrity.problem import Problem
    from railwatch.integrity.scan import Report

SHOWN = 20
"""Problems or differences printed; `--json` has all."""


@click.command("verify")
@click.argument("area", required=False)
@click.option("--store", "url", required=True, help="Folder or s3://bucket/prefix to check.")
@click.option(
    "--scene",
    "scenes",
    multiple=True,
    metavar="ID",
    help="Count this published scene again from its stored pixels and compare bit for bit.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Make again what can be made, put aside what cannot; the next run does the rest.",
)
@click.option(
    "--collect",
    is_flag=True,
    help="Remove objects older than a day that runs which were cut short left in the record.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def verify(
    area: str | None,
    url: str,
    scenes: tuple[str, ...],
    repair: bool,
    collect: bool,
    as_json: bool,
) -> None:
    """Check what a store holds against what was put there; with --scene, count again.

    AREA is an area's id or its YAML file; without it, every area of the store is read. Exit code 1
    where anything is damaged, missing or foreign, or a number comes out otherwise.
    """
    if scenes and (area is None or repair):
        raise click.UsageError("--scene needs AREA and goes without --repair")
    store = Store.open(url)
    area_id = None if area is None else _id_of(area)
    if area is not None and area_id is not None and scenes:
        _derive(store, area, area_id, scenes, as_json=as_json)
        return
    ids = _all_of(store) if area_id is None else (area_id,)
    if collect:
        _collect(store, ids)
    _scan(store, area, ids, repair=repair, as_json=as_json)


def _derive(store: Store, area: str, area_id: str, scenes: Sequence[str], *, as_json: bool) -> None:
    """Count published scenes again and say whether they come out the same."""
    from railwatch.publication.pointer import pointer_of

    pointer_of(store, area_id)  # refuses before the detector is loaded, which takes a second
    from railwatch.integrity.derive import area_of, derive

    known = area_of(store, area)
    _say_derived([derive(store, known, scene) for scene in scenes], as_json=as_json)


def _all_of(store: Store) -> tuple[str, ...]:
    from railwatch.integrity.scan import areas_in

    if not (ids := areas_in(store)):
        raise OperatorError(f"{store.url}: holds no area: check --store, or run `railwatch run`")
    return ids


def _collect(store: Store, ids: Sequence[str]) -> None:
    from railwatch.integrity.mend import collect

    for area_id in ids:
        removed = collect(store, area_id, dt.datetime.now(dt.UTC))
        click.echo(f"{area_id}: removed {removed} leftovers", err=True)


def _id_of(area: str) -> str:
    """Give an area's id, of the file that holds it or as it is."""
    from pathlib import Path

    from railwatch.area import ID, load_area

    if ID.fullmatch(area):
        return area
    if Path(area).suffix in {".yaml", ".yml"}:
        return load_area(Path(area)).id
    raise OperatorError(f"{area!r} is neither an area's id nor its YAML file")


def _scan(
    store: Store, area: str | None, ids: Sequence[str], *, repair: bool, as_json: bool
) -> None:
    """Scan areas, mend them if asked, and say what was found."""
    from railwatch.integrity.scan import scan, scan_roots

    if repair:
        from railwatch.integrity.mend import mend, mend_roots
    reports: list[Report] = []
    mended: list[Mended] = []
    for area_id in ids:
        with _progress(f"verify {area_id}") as advance:
            report = scan(store, area_id, advance)
        reports.append(report)
        if repair and report.problems:
            mended.append(mend(store, area_id, area, report, dt.datetime.now(dt.UTC)))
    roots = scan_roots(store) if area is None else ()
    if as_json:
        said = {"areas": [_plain(one) for one in reports], "roots": _plain_problems(roots)}
        click.echo(json.dumps(said, indent=1, ensure_ascii=False))
    else:
        for report in reports:
            _say_report(report)
        for done in mended:
            _say_mended(done)
        _say_problems(roots)
    left = [one for r in reports for one in r.problems] + list(roots)
    if repair:
        left = [one for done in mended for one in done.left] + list(mend_roots(store, roots))
    if left:
        raise IntegrityError(
            f"{store.url}: {len(left)} problem{'s' * (len(left) != 1)}, first {left[0].sentence}"
            + ("" if repair else "; --repair mends what can be made again")
        )


def _say_report(report: Report) -> None:
    click.echo(
        f"{report.area_id}: {report.objects} objects, {report.bytes / 1e6:.1f} MB, "
        f"{report.scenes} scenes, {report.publications} publications: "
        f"{len(report.problems) or 'no'} problem{'s' * (len(report.problems) != 1)}"
    )
    _say_problems(report.problems)


def _say_problems(problems: Sequence[Problem]) -> None:
    for one in problems[:SHOWN]:
        click.echo(f"  {one.sentence}")
    if len(problems) > SHOWN:
        click.echo(f"  and {len(problems) - SHOWN} more (--json)")


def _say_mended(done: Mended) -> None:
    for label, names in (
        ("fetched again by the next run", done.fetched_again),
        ("counted again by the next run", done.counted_again),
        ("published again", done.published_again),
        ("moved below quarantine/", done.quarantined),
    ):
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")
            click.echo(f"  {label}: {shown}")


def _say_derived(found: Sequence[Derived], *, as_json: bool) -> None:
    """Say whether published scenes came out the same."""
    if as_json:
        click.echo(json.dumps([_plain_derived(one) for one in found], indent=1, default=str))
    for one in found if not as_json else ():
        verdict = "agrees bit for bit" if one.agrees else f"{len(one.differences)} values differ"
        click.echo(
            f"{one.scene_id}: {verdict}: {one.values} values in {one.rows} rows of publication "
            f"{one.publication}"
        )
        for diff in one.differences[:SHOWN]:
            click.echo(
                f"  {diff.siding_id}: {diff.column}: published {diff.published!r}, "
                f"derived {diff.derived!r}"
            )
    if wrong := [one.scene_id for one in found if not one.agrees]:
        raise IntegrityError(f"{', '.join(wrong)}: cannot be derived again from the record")


def _plain(report: Report) -> dict[str, Any]:
    return {
        "area": report.area_id,
        "objects": report.objects,
        "bytes": report.bytes,
        "scenes": report.scenes,
        "publications": report.publications,
        "seen_before": report.known,
        "problems": _plain_problems(report.problems),
    }


def _plain_problems(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [
        {
            "verdict": one.verdict.value,
            "key": one.key,
            "detail": one.detail,
            "remedy": one.remedy.value,
        }
        for one in problems
    ]


def _plain_derived(one: Derived) -> dict[str, Any]:
    return {
        "scene": one.scene_id,
        "publication": one.publication,
        "agrees": one.agrees,
        "rows": one.rows,
        "values": one.values,
        "differences": [
            {
                "siding_id": d.siding_id,
                "column": d.column,
                "published": d.published,
                "derived": d.derived,
            }
            for d in one.differences
        ],
    }


@contextmanager
def _progress(label: str) -> Iterator[Any]:
    """Show how many objects were read, on a terminal."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), MofNCompleteColumn(), TextColumn("objects")
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=None)
        yield lambda n: bar.advance(task, n)
