"""A store with one of everything, made once and copied for each test that spoils it."""

import shutil
from dataclasses import dataclass

import pytest

from railwatch.errors import IntegrityError
from railwatch.record import Record
from railwatch.store import Store
from railwatch.testing.radar_yard import RadarYard, make_yard, walk_yard

SCENES = 12


@dataclass
class Stored:
    """A yard and its store."""

    yard: RadarYard
    url: str

    @property
    def store(self):
        """The store, opened."""
        return Store.open(self.url)

    def walk(self):
        """Run the whole way again."""
        return walk_yard(self.yard, self.url)

    def bytes(self):
        """All that is published, by key; it is the same whenever and however often it was made."""
        keys = (k for k in self.store.list("areas") if "/history/" not in k)
        return {key: self.store.get(key) for key in keys}

    def pixels_of(self, day):
        """Key of an object without which the pixels of a day's scene cannot be read."""
        for key in sorted(self.store.list("records/yard/chunks"), key=self.store.size)[::-1]:
            clean = self.store.get(key)
            self.store.delete(key)
            try:
                with Record.open(self.store, "yard") as record:
                    known = record.entries()
                    record.raster(self.yard.scene_id(day))
            except IntegrityError as exc:
                if known and "/values/" in str(exc):
                    return key
            finally:
                self.store.put(key, clean)
        raise AssertionError(day)

    def flip(self, key, position=None):
        """Flip one bit of an object."""
        path = self.store.file(key)
        data = bytearray(path.read_bytes())
        at = len(data) // 2 if position is None else position
        data[at] ^= 4
        path.write_bytes(bytes(data))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The yard, run once."""
    folder = tmp_path_factory.mktemp("yard")
    stored = Stored(make_yard(folder / "yard", SCENES), str(folder / "store"))
    stored.walk()
    return stored


@pytest.fixture
def stored(made, tmp_path):
    """A copy of it that may be spoilt."""
    shutil.copytree(made.url, tmp_path / "store")
    return Stored(made.yard, str(tmp_path / "store"))
