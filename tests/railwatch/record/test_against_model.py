"""The record against a dictionary: whatever is done in whatever order, both tell the same."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from railwatch.detection import Detection, Occupancy
from railwatch.errors import SceneError
from railwatch.record import Record
from railwatch.sources import Found
from railwatch.store import Store
from railwatch.testing.made import MadeSource, made_footprint, made_raster, made_scene, seed_of

FOOTPRINTS = {"small": made_footprint(1, 1, unwanted=None), "large": made_footprint(1, 2)}
DAYS = st.integers(0, 5)
VERSIONS = st.sampled_from(["1", "2", "3"])


class RecordAgainstDictionary(RuleBasedStateMachine):
    """The model: pixels by (footprint, day, version), rejections by day, numbers by day."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="railwatch-record-"))
        self.store = Store.open(str(self.folder / "store"))
        self.record = Record.open(self.store, "here", write=True)
        self.held = {name: set() for name in FOOTPRINTS}
        self.rejected = {}
        self.numbers = {}
        self.wanted = "small"

    def teardown(self):
        if hasattr(self, "record"):
            self.record.close()
            shutil.rmtree(self.folder)

    def put(self, scenes, source):
        prints = {"made@10": FOOTPRINTS[self.wanted]}
        plan = self.record.plan([Found(s.id, s) for s in scenes], prints)
        batch = self.record.begin(prints)
        tickets = batch.tickets(plan.scenes, scenes_each=2)
        batch.commit([ticket.write(source) for ticket in tickets])
        self.record.refresh()

    @rule(days=st.lists(DAYS, min_size=1, max_size=3, unique=True), version=VERSIONS)
    def ingest(self, days, version):
        """Known ones are skipped; a footprint that other scenes have is switched to."""
        self.put([made_scene(day, processed=version) for day in days], MadeSource())
        self.held[self.wanted] |= {(day, version) for day in days}

    @rule(day=DAYS)
    def fail(self, day):
        """A scene that cannot be read is rejected, unless a version of it is in a cube."""
        scene = made_scene(day, processed="0")
        broken = {scene.id: SceneError(scene.id, "asset_unreadable", "red.tif: cut short")}
        self.put([scene], MadeSource(broken))
        self.rejected.setdefault(day, "red.tif: cut short")

    @rule(name=st.sampled_from(sorted(FOOTPRINTS)), day=DAYS, version=VERSIONS)
    def want_another_footprint(self, name, day, version):
        """Sidings change: the next ingest goes to another cube, or back."""
        self.wanted = name
        self.ingest([day], version)

    @rule(day=DAYS, number=st.integers(0, 9))
    def detect(self, day, number):
        """Findings are written over."""
        occupancy = Occupancy("a", np.zeros(1, np.float32), np.full(1, number, np.float32))
        found = Detection(made_scene(day).id, (), occupancy=(occupancy,))
        self.record.put_detections("sidings", "detector", [found])
        self.numbers[made_scene(day).id] = number

    @rule()
    def reopen(self):
        """A new process sees what the old one left."""
        self.record.close()
        self.record = Record.open(self.store, "here", write=True)

    @invariant()
    def entries_are_the_models(self):
        """Status, version and order by item."""
        if not hasattr(self, "record"):
            return
        every = set().union(*self.held.values())
        expected = []
        for day in sorted({day for day, _ in every} | set(self.rejected)):
            here = max((v for d, v in self.held[self.wanted] if d == day), default=None)
            there = max((v for d, v in every if d == day), default=None)
            status = "ingested" if here else "outgrown" if there else "rejected"
            expected.append((made_scene(day).id, status, here or there or "0"))

        got = [(e.item_id, e.status.value, e.scene.processed) for e in self.record.entries()]
        assert got == expected

    @invariant()
    def pixels_and_findings_are_the_models(self):
        """Every scene that counts has its own pixels and its last number."""
        if not hasattr(self, "record"):
            return
        counting = [e for e in self.record.entries() if e.status.value == "ingested"]
        for entry in counting:
            expected = made_raster(seed_of(entry.scene), FOOTPRINTS[self.wanted])
            got = self.record.raster(entry.item_id)[1]
            np.testing.assert_array_equal(got.values, expected.values)
        numbers = self.record.occupancy("sidings", "detector")

        assert {i: int(o[0].probability[0]) for i, o in numbers.items()} == {
            e.item_id: self.numbers[e.item_id] for e in counting if e.item_id in self.numbers
        }


RecordAgainstDictionary.TestCase.settings = settings(
    max_examples=8, stateful_step_count=8, deadline=None, derandomize=True
)
TestRecordAgainstDictionary = RecordAgainstDictionary.TestCase
