"""The archive as a `SceneSource`: searching its items, reading its windows."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from railwatch.acquisition import newest_versions
from railwatch.decoder import decoded
from railwatch.errors import SceneError, SourceError
from railwatch.grid import Grid
from railwatch.scene import Rejection, Scene, SceneRaster
from railwatch.sources import Found, Price, Query
from railwatch.sources.archive import item as items
from railwatch.sources.archive.decoding import SceneJob, header
from railwatch.sources.archive.document import BadItemError, parse
from railwatch.sources.archive.item import ITEM_KEY, Archive, Item
from railwatch.store import FolderStore, Store


class ArchiveSource:
    """A tree of STAC Items with GeoTIFF assets, in a folder or bucket; see contract 2."""

    def __init__(self, url: str) -> None:
        self._store = Store.open(url)
        self.url = self._store.url
        self._items: dict[str, Item] = {}

    def __repr__(self) -> str:
        return f"ArchiveSource({self.url!r})"

    def search(self, query: Query) -> Iterator[Found]:
        """List what the archive holds of the query, ordered by (acquired, id).

        Items that cannot become scenes come with their rejection, wherever and whenever they are:
        nobody can tell whether they are of the area.

        Raises
        ------
        SourceError
            There is no such archive, or it holds nothing of a collection that is asked for.
        """
        rejected, read = self._read_all()
        held = sorted({one.scene.collection for one in read})
        missing = [name for name in query.collections if name not in held]
        if missing:
            raise SourceError(
                f"{self.url}: holds nothing of the collection {', '.join(missing)}; "
                f"it holds {', '.join(held) or 'no STAC Items with GeoTIFF bands'}"
            )
        wanted = [
            one
            for one in read
            if (not query.collections or one.scene.collection in query.collections)
            and _within(one.scene.acquired, query)
        ]
        inside = []
        for one in wanted:
            if one.bbox is None or _meet(one.bbox, query.bbox):
                self._items[str(one.scene.properties[ITEM_KEY])] = one
                inside.append(one.scene)
            else:
                rejected.append(_outside(one, query))
        kept, superseded = newest_versions(_unique(inside))
        rejected += [
            Found(
                old, None, Rejection.SUPERSEDED, f"{new} is a newer version of the same acquisition"
            )
            for old, new in superseded.items()
        ]
        yield from sorted(rejected, key=lambda found: found.item_id)
        for scene in kept:
            yield Found(scene.id, scene)

    def price(self, scene: Scene, grid: Grid, pieces: npt.NDArray[np.bool_]) -> Price:
        """Say what reading costs: nothing, the archive is one's own."""
        del scene, grid, pieces
        return Price()

    def fetch(self, scene: Scene, grid: Grid, pieces: npt.NDArray[np.bool_]) -> SceneRaster:
        """Read the scene's pixels in `pieces` onto `grid`; see `placing` for how.

        Raises
        ------
        SceneError
            A file is missing, damaged or does not reach the pieces, or holds no data there.
        """
        job = SceneJob(self._item(scene), grid, pieces)
        values, mask = decoded(job, scene.id, files=self._store).arrays
        return SceneRaster(scene.bands, values, mask)

    def __reduce__(self) -> tuple[type[ArchiveSource], tuple[str]]:
        return ArchiveSource, (self.url,)

    def _read_all(self) -> tuple[list[Found], list[Item]]:
        """Read every item of the archive, as a rejection or as what can become a scene."""
        if isinstance(self._store, FolderStore) and not self._store.path.is_dir():
            raise SourceError(f"{self.url}: there is no such folder: mend --archive")
        sizes = {listed.key: listed.size for listed in self._store.listed()}
        archive = Archive(self.url, sizes.get, functools.partial(header, self._store))
        rejected, read = [], []
        for key in (k for k in sizes if k.lower().endswith(".json")):
            name = key
            try:
                said = parse(self._store.get(key), key)
                if items.is_item(said):
                    name = str(said.get("id") or key)
                    read.append(items.read(said, key, archive))
            except BadItemError as exc:
                rejected.append(Found(name, None, exc.reason, exc.detail))
            except SceneError as exc:
                rejected.append(Found(name, None, exc.reason, f"{key}: {exc.detail}"))
        return rejected, read

    def _item(self, scene: Scene) -> Item:
        """Return a scene's item; a worker, who gets scenes only, reads it again."""
        key = scene.properties.get(ITEM_KEY)
        if not isinstance(key, str):
            raise SceneError(scene.id, Rejection.BAD_ITEM, "was not found by searching an archive")
        if key not in self._items:
            archive = Archive(self.url, self._size, functools.partial(header, self._store))
            try:
                self._items[key] = items.read(parse(self._store.get(key), key), key, archive)
            except KeyError:
                raise SceneError(scene.id, Rejection.BAD_ITEM, f"{key}: is gone") from None
            except BadItemError as exc:
                raise SceneError(scene.id, exc.reason, exc.detail) from exc
        return self._items[key]

    def _size(self, key: str) -> int | None:
        try:
            return self._store.size(key)
        except KeyError:
            return None


def _within(acquired: dt.datetime, query: Query) -> bool:
    after = query.start is None or acquired >= query.start
    return after and (query.end is None or acquired < query.end)


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether two boxes share ground; one whose west is greater than its east spans 180 degrees."""
    if a[1] > b[3] or b[1] > a[3]:
        return False

    def spans(box: tuple[float, ...]) -> list[tuple[float, float]]:
        if box[0] <= box[2]:
            return [(box[0], box[2])]
        return [(box[0], 180.0), (-180.0, box[2])]

    return any(w <= e2 and w2 <= e for w, e in spans(a) for w2, e2 in spans(b))


def _outside(one: Item, query: Query) -> Found:
    box = ", ".join(f"{v:.4f}" for v in one.bbox or ())
    area = ", ".join(f"{v:.4f}" for v in query.bbox)
    return Found(
        one.scene.id,
        None,
        Rejection.OUTSIDE_AREA,
        f"{one.scene.properties[ITEM_KEY]}: bbox: [{box}] does not meet the area [{area}]",
    )


def _unique(scenes: list[Scene]) -> list[Scene]:
    """Keep one scene an id.

    Copies of an item and its older versions go; an id that stands in two collections is told apart
    by the collection's name.
    """
    owner: dict[str, str] = {}
    best: dict[str, Scene] = {}
    for scene in sorted(scenes, key=lambda s: (s.collection, s.processed)):
        clash = owner.setdefault(scene.id, scene.collection) != scene.collection
        named = replace(scene, id=f"{scene.collection}/{scene.id}") if clash else scene
        best[named.id] = named
    return list(best.values())
