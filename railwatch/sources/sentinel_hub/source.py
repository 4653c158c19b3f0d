"""`SentinelHubSource`: any place on Earth, for whoever has an account.

Searching costs nothing; every fetched rectangle is priced before it is asked for, taken from the
spool if it was paid for before, and believed only when it proves to be what was asked for.
"""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import shapely

from railwatch.errors import QuotaError, SceneError, SourceError
from railwatch.grid import PIECE_PX, Grid
from railwatch.rectangle import Rectangle, cheapest_cover
from railwatch.scene import NODATA, MaskClass, Rejection, Scene, SceneRaster
from railwatch.siding import SidingSet
from railwatch.sources import Found, Price, Query, SceneSource
from railwatch.sources.sentinel_hub.account import Account, Credentials
from railwatch.sources.sentinel_hub.collection import (
    DEFAULT,
    Collection,
    collection_of,
    own_collections,
)
from railwatch.sources.sentinel_hub.delivery import Expected, unpacked
from railwatch.sources.sentinel_hub.listing import period_of, scenes_of, selection_of
from railwatch.sources.sentinel_hub.mask import mask_of
from railwatch.sources.sentinel_hub.patience import Pace, Patience
from railwatch.sources.sentinel_hub.price import Budget, processing_units, response_bytes
from railwatch.sources.sentinel_hub.spool import Paid, Spool, request_digest
from railwatch.sources.sentinel_hub.transport import Bounds, Reply, Transport

if TYPE_CHECKING:
    from railwatch.sources.sentinel_hub.client import Hub

_SPENT = "x-processingunits-spent"
_SKEW = dt.timedelta(seconds=5)
"""Versions of one acquisition differ in time by up to this, so a period is searched this wider."""
_HULL_MARGIN_DEG = 1e-3
"""About 100 m, so that a single straight siding has an area, too."""
_FIRST = dt.datetime(2014, 10, 3, tzinfo=dt.UTC)
"""The oldest scene any of the collections has."""


@dataclass
class SentinelHubSource:
    """Sentinel Hub as a source of scenes (`railwatch.sources.SceneSource`).

    Any thread may use it. It can be pickled; the credentials stay behind and are read from the
    environment where the pickle is opened.
    """

    account: Account = field(default_factory=Account.from_environment)
    credentials: Credentials = field(default_factory=Credentials.from_environment, repr=False)
    own: Mapping[str, Collection] = field(default_factory=own_collections)
    """The account's own collections (BYOC) by id."""
    spool: Spool | None = None
    """Where paid answers are kept until the record holds them; None: nowhere."""
    budget: Budget = field(default_factory=Budget)
    sidings: SidingSet | None = None
    """Search what touches these rather than a query's whole box."""
    most_cloud: float = 100.0
    """Per cent of a scene under cloud above which it is not listed."""
    patience: Patience = field(default_factory=Patience)
    bounds: Bounds = field(default_factory=Bounds)
    pace: Pace = field(default_factory=Pace)

    _transport: Transport = field(init=False, repr=False, compare=False)
    _covers: dict[Any, tuple[Rectangle, ...]] = field(init=False, repr=False, compare=False)
    _made: Hub | None = field(init=False, repr=False, compare=False)
    _lock: threading.Lock = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._start()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the service."""
        self._transport.close()

    def search(self, query: Query) -> Iterator[Found]:
        """List scenes that meet the query, ordered by (acquired, id), one a pass.

        Raises
        ------
        SourceError
            Account or collection cannot be used.
        TransientError
            The catalog could not be read for now.
        """
        found: list[Found] = []
        for name in query.collections or DEFAULT:
            collection = collection_of(name, self.own)
            place = self._place(query)
            start = (query.start or _FIRST) - _SKEW
            end = (query.end or dt.datetime.now(dt.UTC)) + _SKEW
            if place.is_empty:
                continue
            items = self._hub().items(collection.id, place, (_second(start), _second(end)))
            found += [f for f in scenes_of(items, collection, place) if self._meets(f, query)]
        earliest = dt.datetime.min.replace(tzinfo=dt.UTC)
        found.sort(key=lambda f: (f.scene.acquired if f.scene else earliest, f.item_id))
        return iter(found)

    def price(self, scene: Scene, grid: Grid, pieces: npt.NDArray[np.bool_]) -> Price:
        """Say what `fetch` would cost if nothing of it is in the spool."""
        collection = collection_of(scene.collection, self.own)
        cover = self._cover(collection, grid, pieces)
        sizes = [(r.columns, r.rows) for r in cover]
        return Price(
            requests=len(cover),
            processing_units=sum(processing_units(collection, *size) for size in sizes),
            bytes=sum(response_bytes(collection, *size) for size in sizes),
        )

    def fetch(self, scene: Scene, grid: Grid, pieces: npt.NDArray[np.bool_]) -> SceneRaster:
        """Read the scene's pixels in `pieces` onto `grid`.

        Raises
        ------
        SceneError
            The service cannot render it, or shows nothing of the wanted pieces.
        TransientError
            The same call may succeed later.
        QuotaError
            Paying for it would exceed the account or the budget.
        SourceError
            Account or request cannot be used.
        """
        collection = collection_of(scene.collection, self.own)
        bands = tuple(collection.bands)
        values = np.full((len(bands), *grid.shape), NODATA, dtype=np.uint16)
        mask = np.full(grid.shape, MaskClass.NODATA, dtype=np.uint8)
        spent_pu = 0.0
        for rectangle in self._cover(collection, grid, pieces):
            planes, pu = self._rectangle(scene, collection, grid, rectangle)
            spent_pu += pu
            measured = planes[len(bands)] != 0
            values[:, *rectangle.window] = np.where(measured, planes[: len(bands)], NODATA)
            layers = dict(zip(collection.quality, planes[len(bands) + 1 :], strict=True))
            mask[rectangle.window] = mask_of(measured, layers)
        wanted = np.kron(pieces, np.ones((PIECE_PX, PIECE_PX), dtype=np.bool_))
        unwanted = ~wanted[: grid.shape[0], : grid.shape[1]]
        values[:, unwanted] = NODATA
        mask[unwanted] = MaskClass.NODATA
        if (mask == MaskClass.NODATA).all():
            detail = "the service shows no measured pixel in the wanted pieces"
            raise SceneError(scene.id, Rejection.NODATA, detail)
        return SceneRaster(bands, values, mask, spent_pu)

    def committed(self, scene_ids: Sequence[str]) -> None:
        """Drop the spooled answers of scenes the record now holds (`PaidSource`)."""
        if self.spool is not None:
            self.spool.drop(scene_ids)

    def tidy(self, recorded: AbstractSet[str]) -> None:
        """Drop spooled answers that killed runs left of scenes the record holds."""
        if self.spool is not None:
            self.spool.drop(self.spool.scene_ids() & recorded)

    def _rectangle(
        self, scene: Scene, collection: Collection, grid: Grid, rectangle: Rectangle
    ) -> tuple[npt.NDArray[np.uint16], float]:
        """Give one rectangle's planes, (band, y, x), and the units charged for them."""
        size = (rectangle.columns, rectangle.rows)
        request = self._hub().process_request(
            collection,
            epsg=grid.epsg,
            bounds=rectangle.bounds(grid),
            size=size,
            selection=selection_of(scene, collection),
        )
        expected = Expected(
            grid.epsg,
            rectangle.bounds(grid),
            *size,
            collection.paid_bands + 1,
            *period_of(scene),
        )
        digest = request_digest(self.account.base_url, request.post_values)
        kept = self.spool.get(scene.id, digest) if self.spool is not None else None
        if kept is not None:
            return unpacked(kept.body, expected, scene.id), kept.pu
        price_pu = processing_units(collection, *size)
        with self.budget.paying(price_pu) as charged:

            def charge(headers: Mapping[str, str]) -> None:
                charged.append(_charged(headers, price_pu))

            def accept(reply: Reply) -> tuple[npt.NDArray[np.uint16], bytes]:
                return unpacked(reply.body, expected, scene.id), reply.body

            try:
                planes, body = self._hub().client.send(
                    request, scene.id, expected.most_bytes, accept, charge
                )
            except QuotaError as exc:
                self.budget.close(str(exc))
                raise
        spent_pu = math.fsum(charged)
        if self.spool is not None:
            self.spool.keep(scene.id, digest, Paid(body, spent_pu))
        return planes, spent_pu

    def _cover(
        self, collection: Collection, grid: Grid, pieces: npt.NDArray[np.bool_]
    ) -> tuple[Rectangle, ...]:
        """Cut the wanted pieces into requests; the same ones are cut once."""
        key = (collection.id, grid, pieces.tobytes())
        cover = self._covers.get(key)
        if cover is None:
            cover = cheapest_cover(
                grid, pieces, lambda width, height: processing_units(collection, width, height)
            )
            self._covers[key] = cover
        return cover

    def _hub(self) -> Hub:
        """Make the client at the first use: importing the library takes a second."""
        with self._lock:
            if self._made is None:
                try:
                    from railwatch.sources.sentinel_hub import client
                except ModuleNotFoundError as exc:
                    raise SourceError(
                        "Sentinel Hub needs sentinelhub-py: pip install 'railwatch[sentinelhub]'"
                    ) from exc
                self._made = client.Hub(
                    client.Client(
                        self.account,
                        self.credentials,
                        transport=self._transport,
                        patience=self.patience,
                        pace=self.pace,
                    )
                )
            return self._made

    def _start(self) -> None:
        """Make what belongs to this process and never travels."""
        self._transport = Transport(self.bounds)
        self._covers = {}
        self._made = None
        self._lock = threading.Lock()

    def _place(self, query: Query) -> shapely.Polygon:
        """Say what a scene has to touch, WGS84."""
        box = shapely.box(*query.bbox)
        if self.sidings is None:
            return box
        lines = [shapely.LineString(s.coordinates) for s in self.sidings]
        hull = shapely.convex_hull(shapely.MultiLineString(lines))
        both = box.intersection(hull.buffer(_HULL_MARGIN_DEG, quad_segs=2))
        return both if isinstance(both, shapely.Polygon) else shapely.Polygon()

    def _meets(self, found: Found, query: Query) -> bool:
        """Whether a scene lies in the query's period and is not too cloudy."""
        scene = found.scene
        if scene is None:
            return True
        late = query.end is not None and scene.acquired >= query.end
        early = query.start is not None and scene.acquired < query.start
        cloud = scene.properties.get("eo:cloud_cover", 0.0)
        cloudy = isinstance(cloud, float) and cloud > self.most_cloud
        return not (late or early or cloudy)


def _charged(headers: Mapping[str, str], price_pu: float) -> float:
    """Read what the service says it charged; the price where it says nothing usable."""
    try:
        charged = float(headers.get(_SPENT, "nan"))
    except ValueError:
        charged = float("nan")
    return charged if 0 <= charged < 1e6 else price_pu


def _second(moment: dt.datetime) -> str:
    """Write a time as sentinelhub-py reads it."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds")


_: type[SceneSource] = SentinelHubSource
