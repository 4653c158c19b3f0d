"""The real detector on a site: what `railwatch run` does of search, ingest and detection.

Without flows and workers, so that many sites fit into an evaluation; the record, the archive reader
and the detector are those of every run.
"""

from __future__ import annotations

from railwatch.area import load_area
from railwatch.detector.fingerprint import detector_fingerprint
from railwatch.detector.survey import detect_area
from railwatch.detector.window import footprint_for
from railwatch.record import Record
from railwatch.sources import Query
from railwatch.sources.archive import ArchiveSource
from railwatch.store import Store
from railwatch.testing.evaluation.answer import Answer
from railwatch.testing.evaluation.site import Site


def detected(site: Site) -> Answer:
    """Ingest a site's archive into a record beside it, count it, and read the counts."""
    area = load_area(site.area)
    source = ArchiveSource(str(site.archive))
    found = list(source.search(Query(area.bbox, collections=area.collections)))
    scenes = [item.scene for item in found if item.scene is not None]
    footprints = {
        scene.cube_key: footprint_for(area.sidings, scene.gsd_m, scene.bands) for scene in scenes
    }
    store = Store.open(str(site.area.parent / "store"))
    with Record.open(store, area.id, write=True) as record:
        batch = record.begin(footprints)
        plan = record.plan(found, footprints)
        tickets = batch.tickets(plan.scenes, scenes_each=max(1, len(scenes)))
        batch.commit([ticket.write(source) for ticket in tickets], plan.rejections)
        record.refresh()
        detect_area(record, area)
        record.refresh()
        counts = record.counts(area.sidings.digest, detector_fingerprint())
        cars = record.cars(area.sidings.digest, detector_fingerprint())
    return Answer(tuple(counts), cars)
