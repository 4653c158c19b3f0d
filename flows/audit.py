"""Auditing: does the store hold what the record says, and do readers see it? On a schedule."""

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.parameters import Areas, Depot
from flows.places import files_of
from flows.round import named
from railwatch import __version__
from railwatch.errors import IntegrityError
from railwatch.store import Store
from tasks.check import check


@flow(
    name="audit",
    description="Read back what is stored of areas and compare it with what was written.",
    flow_run_name=named,
    version=__version__,
    persist_result=False,
)
def audit(depot: Depot, areas: Areas = []) -> int:  # noqa: B006  # never changed
    """Read back all that is stored of areas and compare it with what was written.

    Changes nothing but the inventory of what was seen whole (`railwatch verify`).

    Parameters
    ----------
    depot
        Where counts are kept.
    areas
        Ids of areas; all known ones where none is named.

    Raises
    ------
    IntegrityError
        Something is not as it was written; the table of the run names each.
    """
    store = Store.open(depot.store)
    reports = [check(area_id, store) for area_id in files_of(list(areas))]
    found = [report for report in reports if report is not None]
    problems = [(one.area_id, problem) for one in found for problem in one.problems]
    scenes = sum(one.scenes for one in found)
    create_table_artifact(
        [
            {"area": area_id, "what": f"{one.verdict}: {one.key}", "problem": one.detail}
            | {"remedy": str(one.remedy)}
            for area_id, one in problems
        ]
        or [{"area": "all", "what": f"{scenes} scenes", "problem": "none found", "remedy": "none"}],
        key="audit",
        description=f"{scenes} scenes read back, {len(problems)} problems",
    )
    if problems:
        area_id, first = problems[0]
        raise IntegrityError(
            f"{len(problems)} problems in {scenes} scenes, first {area_id}: {first.sentence}; "
            "`railwatch verify --repair` mends what can be made again (docs/operators.md)"
        )
    return scenes
