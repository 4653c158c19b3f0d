"""The Catalog: STAC search over what the service holds, with its paging and its field rules.

Answers are listed newest first and paged by an integer offset, as recorded. Errors have the
Catalog's own body. Paths under both families (`/api/v1/catalog/1.0.0`, `/catalog/v1`) answer alike.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from railwatch.testing.sentinel_hub import cql2
from railwatch.testing.sentinel_hub.answer import Answer, Request, catalog_error, wrong_method
from railwatch.testing.sentinel_hub.holdings import Holding
from railwatch.testing.sentinel_hub.rules import first_violation

DEFAULT_LIMIT = 10
QUERYABLE: dict[str, tuple[str, ...]] = {
    "sentinel-2-l2a": ("eo:cloud_cover",),
    "sentinel-2-l1c": ("eo:cloud_cover",),
    "sentinel-1-grd": (
        "sar:instrument_mode",
        "sat:orbit_state",
        "s1:polarization",
        "s1:resolution",
        "s1:timeliness",
    ),
}
DISTINCT: dict[str, tuple[str, ...]] = {
    "sentinel-2-l2a": ("date",),
    "sentinel-2-l1c": ("date",),
    "sentinel-1-grd": ("date", "sar:instrument_mode", "sat:orbit_state", "s1:polarization"),
}
_ALWAYS = ("id", "type", "geometry", "bbox", "links", "assets", "properties.datetime")
"""What an item keeps when `fields` is given but names nothing to include."""
_CRS84 = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC::CRS84"}}


@dataclass(frozen=True)
class Catalog:
    """Searches the holdings of one deployment."""

    holdings: Callable[[], Sequence[Holding]]
    """Newest first; asked anew for each search, since an archive may grow."""
    milliseconds: bool = True
    """CDSE gives times with milliseconds, the main deployment whole seconds."""

    def answer(self, request: Request, path: str) -> Answer:
        """Answer a request whose `path` is relative to the catalog's root."""
        if path == "/search":
            body = _body_of(request)
            return self.search(body, f"{request.headers.get('x-base', '')}{request.path}")
        if request.method != "GET":
            raise wrong_method()
        if path in ("", "/"):
            return Answer.of_json(self._landing(request.path.rstrip("/")))
        if path == "/conformance":
            return Answer.of_json({"conformsTo": list(_CONFORMS)})
        if path == "/collections":
            return Answer.of_json({"collections": [_collection(c) for c in self._known()]})
        return self._collection_part(request, path.removeprefix("/collections/").split("/"))

    def search(self, body: Mapping[str, Any], href: str) -> Answer:
        """Answer one search."""
        violation = first_violation("catalog-search-request", body)
        if violation is not None:
            raise catalog_error(f"Cannot parse parameter `{violation[0]}`. {violation[1]}")
        collection = body["collections"][0]
        if collection not in self._known():
            raise catalog_error(f"Illegal collection: {collection}")
        found = [h for h in self.holdings() if h.collection == collection]
        found = _within(found, body)
        if body.get("filter"):
            found = _filtered(found, body["filter"], collection)
        if "distinct" in body:
            found_values = _distinct(found, str(body["distinct"]), collection)
            return self._page(found_values, body, href)
        return self._page(found, body, href, lambda h: _chosen(self.item(h), body.get("fields")))

    def item(self, holding: Holding) -> dict[str, Any]:
        """Render one holding as the service lists it."""
        properties = {
            "datetime": self._moment(holding.acquired),
            "eo:cloud_cover": holding.cloud_cover,
        }
        for name in (
            "platform",
            "instruments",
            "constellation",
            "gsd",
            "proj:epsg",
            "proj:bbox",
            *QUERYABLE["sentinel-1-grd"],
            "sat:relative_orbit",
        ):
            if name in holding.properties:
                properties[name] = holding.properties[name]
        if holding.collection == "sentinel-1-grd":
            del properties["eo:cloud_cover"]
        geometry = mapping(_multi(holding.footprint))
        root = "/api/v1/catalog/1.0.0"
        return {
            "stac_version": "1.0.0",
            "stac_extensions": [
                "https://stac-extensions.github.io/eo/v1.0.0/schema.json",
                "https://stac-extensions.github.io/projection/v1.0.0/schema.json",
            ],
            "type": "Feature",
            "id": holding.id,
            "collection": holding.collection,
            "bbox": list(holding.footprint.bounds),
            "geometry": {**geometry, "crs": _CRS84},
            "properties": properties,
            "assets": {
                "data": {
                    "href": f"s3://EODATA/{holding.collection}/{holding.id}",
                    "title": "s3",
                    "type": "inode/directory",
                }
            },
            "links": [
                {
                    "href": f"{root}/collections/{holding.collection}/items/{holding.id}",
                    "rel": "self",
                    "type": "application/geo+json",
                }
            ],
        }

    def _moment(self, moment: dt.datetime) -> str:
        """Write a time as the deployment does."""
        unit = "milliseconds" if self.milliseconds else "seconds"
        return f"{moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec=unit)}Z"

    def _page(
        self,
        found: Sequence[Any],
        body: Mapping[str, Any],
        href: str,
        render: Callable[[Any], Any] = lambda value: value,
    ) -> Answer:
        """Cut one page out of what was found."""
        limit, start = body.get("limit", DEFAULT_LIMIT), body.get("next") or 0
        page = found[start : start + limit]
        context: dict[str, int] = {"limit": limit, "returned": len(page)}
        links: list[dict[str, Any]] = [{"href": href, "rel": "self"}]
        if start + limit < len(found):
            context["next"] = start + limit
            links.append(
                {
                    "href": href,
                    "rel": "next",
                    "type": "application/geo+json",
                    "title": "Next set of results",
                    "method": "POST",
                    "body": {"next": start + limit},
                    "merge": True,
                }
            )
        answer = {
            "type": "FeatureCollection",
            "features": [render(value) for value in page],
            "links": links,
            "context": context,
        }
        return Answer.of_json(answer, content_type="application/geo+json")

    def _known(self) -> list[str]:
        """Ids of collections: the service's own and those it holds scenes of."""
        return sorted({*QUERYABLE, *(h.collection for h in self.holdings())})

    def _landing(self, root: str) -> dict[str, Any]:
        """Render the landing page."""
        children = [{"rel": "child", "href": f"{root}/collections/{c}"} for c in self._known()]
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "sentinel-hub-emulator",
            "description": "Scenes of a local archive",
            "conformsTo": list(_CONFORMS),
            "links": [
                {"rel": "root", "href": root},
                {"rel": "self", "href": root},
                {"rel": "data", "href": f"{root}/collections"},
                {"rel": "conformance", "href": f"{root}/conformance"},
                {"rel": "search", "href": f"{root}/search", "method": "GET"},
                {"rel": "search", "href": f"{root}/search", "method": "POST"},
                *children,
            ],
        }

    def _collection_part(self, request: Request, parts: Sequence[str]) -> Answer:
        """Answer `{collection}`, `{collection}/queryables`, `/items` and `/items/{id}`."""
        collection = parts[0]
        if collection not in self._known():
            raise catalog_error(f"Illegal collection: {collection}", 404)
        if len(parts) == 1:
            return Answer.of_json(_collection(collection))
        if parts[1:] == ["queryables"]:
            return Answer.of_json(_queryables(collection), content_type="application/schema+json")
        if parts[1:] == ["items"]:
            query = {**request.query, "collections": collection}
            return self.search(_body_of_query(query), request.path)
        if len(parts) == 3 and parts[1] == "items":
            for holding in self.holdings():
                if holding.collection == collection and holding.id == parts[2]:
                    return Answer.of_json(self.item(holding), content_type="application/geo+json")
        raise catalog_error("Not found", 404)


_CONFORMS = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#fields",
    "https://api.stacspec.org/v1.0.0/item-search#filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
)


def _body_of(request: Request) -> Mapping[str, Any]:
    """Read the search of a GET or POST."""
    if request.method == "GET":
        return _body_of_query(request.query)
    if request.method != "POST":
        raise wrong_method()
    try:
        body = json.loads(request.body)
    except ValueError as exc:
        raise catalog_error("Cannot parse the request body.") from exc
    if not isinstance(body, dict):
        raise catalog_error("Cannot parse the request body.")
    return body


def _body_of_query(query: Mapping[str, str]) -> dict[str, Any]:
    """Read the GET form of a search into the POST form."""
    body: dict[str, Any] = {k: query[k] for k in ("datetime", "distinct") if k in query}
    try:
        for name in ("collections", "ids"):
            if name in query:
                body[name] = query[name].split(",")
        for name in ("limit", "next"):
            if name in query:
                body[name] = int(query[name])
        if "bbox" in query:
            body["bbox"] = [float(v) for v in query["bbox"].split(",")]
        if "intersects" in query:
            body["intersects"] = json.loads(query["intersects"])
    except ValueError as exc:
        raise catalog_error(f"Cannot parse the query. {exc}") from exc
    if "filter" in query:
        body |= {"filter": query["filter"], "filter-lang": "cql2-text"}
    if "fields" in query:
        names = [n for n in query["fields"].split(",") if n]
        body["fields"] = {
            "include": [n.lstrip("+ ") for n in names if not n.startswith("-")],
            "exclude": [n[1:] for n in names if n.startswith("-")],
        }
    return body


def _within(found: list[Holding], body: Mapping[str, Any]) -> list[Holding]:
    """Keep what lies in the search's time and place and has one of its ids."""
    if "datetime" in body:
        start, end = _period(body["datetime"])
        found = [h for h in found if start <= h.acquired <= end]
    if body.get("ids") is not None:
        found = [h for h in found if h.id in body["ids"]]
    place = _place(body)
    if place is not None:
        shapely.prepare(place)
        found = [h for h in found if place.intersects(h.footprint)]
    return found


def _period(text: str) -> tuple[dt.datetime, dt.datetime]:
    """Read an instant or interval; both ends are inclusive."""
    first, _, last = text.partition("/")
    start = dt.datetime.min.replace(tzinfo=dt.UTC) if first == ".." else _instant(first)
    end = _instant(last or first) if last != ".." else dt.datetime.max.replace(tzinfo=dt.UTC)
    if start > end:
        raise catalog_error("Cannot parse parameter `datetime`. From is later than to.")
    return start, end


def _instant(text: str) -> dt.datetime:
    """Read an RFC 3339 time; fractions beyond microseconds are cut."""
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError as exc:
        raise catalog_error(f"Cannot parse parameter `datetime`. {exc}") from exc


def _place(body: Mapping[str, Any]) -> BaseGeometry | None:
    """Read the search's area; a box whose west exceeds its east crosses the antimeridian."""
    if "intersects" in body:
        place: BaseGeometry = shape(body["intersects"])
        if not place.is_valid:
            raise catalog_error("Cannot parse parameter `intersects`. Invalid geometry.")
        return place
    if "bbox" not in body:
        return None
    box = body["bbox"]
    west, south, east, north = box if len(box) == 4 else (*box[:2], *box[3:5])
    if west > east:
        halves = (shapely.box(west, south, 180, north), shapely.box(-180, south, east, north))
        both: BaseGeometry = shapely.union_all(halves)
        return both
    around: BaseGeometry = shapely.box(west, south, east, north)
    return around


def _filtered(found: list[Holding], given: Any, collection: str) -> list[Holding]:
    """Keep what meets the CQL2 filter."""
    condition = cql2.parse_text(given) if isinstance(given, str) else given
    cql2.check_properties(condition, QUERYABLE.get(collection, ()))
    return [
        h for h in found if cql2.holds(condition, {**h.properties, "eo:cloud_cover": h.cloud_cover})
    ]


def _distinct(found: list[Holding], name: str, collection: str) -> list[str]:
    """List the distinct values of a property, newest or greatest first."""
    if name not in DISTINCT.get(collection, ("date",)):
        raise catalog_error(f"Querying is not supported on property '{name}'")
    if name == "date":
        values = {h.acquired.astimezone(dt.UTC).date().isoformat() for h in found}
    else:
        values = {str(h.properties[name]) for h in found if name in h.properties}
    return sorted(values, reverse=True)


def _chosen(item: dict[str, Any], fields: Mapping[str, Any] | None) -> dict[str, Any]:
    """Leave of an item what `fields` asks for.

    Observed: with `include` given, nothing but what it names comes back; `exclude` is applied last.
    """
    if fields is None:
        return item
    include, exclude = fields.get("include") or (), fields.get("exclude") or ()
    chosen: dict[str, Any] = {}
    for name in include or _ALWAYS:
        head, _, rest = name.partition(".")
        if head not in item:
            continue
        if not rest:
            chosen[head] = item[head]
        elif rest in item[head]:
            chosen[head] = {**chosen.get(head, {}), rest: item[head][rest]}
    for name in exclude:
        head, _, rest = name.partition(".")
        if not rest:
            chosen.pop(head, None)
        elif head in chosen:
            chosen[head] = {k: v for k, v in chosen[head].items() if k != rest}
    return chosen


def _multi(footprint: BaseGeometry) -> BaseGeometry:
    """Footprints are listed as MultiPolygons, also where one polygon would do."""
    if footprint.geom_type == "Polygon":
        return shapely.multipolygons([footprint])  # type: ignore[return-value]  # stubs say array
    return footprint


def _collection(collection: str) -> dict[str, Any]:
    """Render a collection's description."""
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": collection,
        "description": collection,
        "license": "proprietary",
        "extent": {
            "spatial": {"bbox": [[-180, -85, 180, 85]]},
            "temporal": {"interval": [["2014-10-03T00:00:00Z", None]]},
        },
        "links": [],
    }


def _queryables(collection: str) -> dict[str, Any]:
    """Render what a collection can be filtered by."""
    kinds = {"eo:cloud_cover": {"type": "number", "minimum": 0, "maximum": 100}}
    names = QUERYABLE.get(collection, ())
    return {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "type": "object",
        "properties": {name: kinds.get(name, {"type": "string"}) for name in names},
        "additionalProperties": False,
    }
