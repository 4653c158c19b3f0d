"""Auditing: does the store hold what the record says, and do readers see it? On a schedule."""

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.parameters import Areas, Depot
from flows.places import files_of
from flows.round import named
from railwatch import __version__
from railwatch.area import load_area
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
def audit(depot: Depot, areas: Areas = [], pixels: bool = True) -> int:  # noqa: B006  # never changed
    """Read back what is stored of areas and compare it with what was written; changes nothing.

    Parameters
    ----------
    depot
        Where counts are kept.
    areas
        Ids of areas; all known ones where none is named.
    pixels
        Whether each scene's pixels are read and their checksums compared, which reads all of it.

    Raises
    ------
    IntegrityError
        Something is not as it was written; the table of the run names each.
    """
    store = Store.open(depot.store)
    problems: list[dict[str, str]] = []
    scenes = 0
    for area_id, file in files_of(list(areas)).items():
        area = load_area(file)
        seen, found = check(area, store, pixels=pixels)
        scenes += seen
        problems += [{"area": area_id, "what": one.what, "problem": one.problem} for one in found]
    create_table_artifact(
        problems or [{"area": "all", "what": f"{scenes} scenes", "problem": "none found"}],
        key="audit",
        description=f"{scenes} scenes read back, {len(problems)} problems",
    )
    if problems:
        first = problems[0]
        raise IntegrityError(
            f"{len(problems)} problems in {scenes} scenes, first {first['area']}: {first['what']}: "
            f"{first['problem']}; docs/operators.md says how to mend them"
        )
    return scenes
