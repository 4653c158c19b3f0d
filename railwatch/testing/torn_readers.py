"""Readers beside a publisher that is killed again and again: whole publications, always.

A publisher publishes state after state and is killed (SIGKILL) at random moments. Beside it a
reader follows `latest.json` and `catalog.json` over and over and reads everything they lead to:
each object must be the one the manifest names, byte for byte, and all must speak of one state.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import json
import multiprocessing
import os
import posixpath
import random
import time
from dataclasses import dataclass, field
from typing import Any

from railwatch.publication import Content, Retention, collect, history, publish_content
from railwatch.store import Store
from railwatch.testing.five_years import FiveYears, place

AREA = "tumangang"
SCENES = (3, 4, 5, 6)
"""Scenes of the states, in turn, so that objects come and go."""

RETENTION = Retention(keep=3, grace=dt.timedelta(minutes=2))
"""Readers here need seconds; older publications are collected while they read."""

PAUSE_S = 0.05
"""Between a reader's rounds, so that it leaves the publisher half of the machine."""

PATIENCE_S = 60.0
"""A publication that takes longer is stuck."""

# Children begin as copies of a process that has everything imported and nothing open.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["railwatch.testing.torn_readers"])


class TornError(Exception):
    """A reader met a mixture or a link that leads nowhere."""


@dataclass
class Read:
    """What the reader met."""

    rounds: int = 0
    """Times it followed the pointer to everything."""
    objects: int = 0
    publications: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Outcome:
    """What happened, in numbers."""

    published: int
    killed: int
    """Publishers that died before they were done."""
    rounds: int
    objects: int
    seen: int
    """Different publications the reader met."""
    problem: str
    seconds: float


def state(number: int) -> Content:
    """Give the content of one state; its number is in every row."""
    content = FiveYears(place(AREA), SCENES[number % len(SCENES)]).content()
    said = f"state-{number:04d}"
    counts = tuple(dataclasses.replace(count, snapshot=said) for count in content.counts)
    return dataclasses.replace(content, snapshot=said, counts=counts)


def publish_state(url: str, number: int) -> None:
    """Publish one state."""
    publish_content(Store.open(url), state(number), dt.datetime.now(dt.UTC), RETENTION)


def follow(store: Store, met: Read) -> None:
    """Read the pointer and the catalog, and everything they lead to.

    Raises
    ------
    TornError
        Something is missing, is not what the manifest says, or is of another state.
    """
    area = f"areas/{AREA}"
    pointer = json.loads(store.get(f"{area}/latest.json"))
    publication, snapshot = pointer["publication"], pointer["snapshot"]
    manifest = json.loads(_get(store, f"{area}/history/{publication}.json", met))
    _hold(manifest["complete"], f"{publication}: its manifest says it is not whole")
    folder = f"{area}/publications/{publication}"
    for path, (size, digest) in manifest["objects"].items():
        data = _get(store, f"{folder}/{path}", met)
        same = (len(data), hashlib.sha256(data).hexdigest()) == (size, digest)
        _hold(same, f"{publication}: {path} is not what the manifest says")
    for name in manifest["evidence"]:
        _get(store, f"{area}/evidence/{name}", met)
    for href in pointer["links"].values():
        target = href + "/zarr.json" if href.endswith(".zarr") else href
        _hold(target.split("/")[1] == publication, f"latest.json: {href} is of another publication")
        _get(store, f"{area}/{target}", met)
    _one_state(store, folder, snapshot, met)
    catalog = json.loads(store.get("catalog.json"))
    for link in catalog["links"]:
        if link["rel"] == "child":
            _collection(store, posixpath.normpath(link["href"]), met)
    met.rounds += 1
    met.publications.add(publication)


def _one_state(store: Store, folder: str, snapshot: str, met: Read) -> None:
    """Check that table, feed, Zarr and collection speak of the pointer's state."""
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(_get(store, f"{folder}/counts.parquet", met)))
    events = _get(store, f"{folder}/events.ndjson", met).splitlines()
    said = {
        "counts.parquet": set(table.column("snapshot").to_pylist()),
        "events.ndjson": {json.loads(line)["snapshot"] for line in events},
        "cube.zarr": {
            json.loads(_get(store, f"{folder}/cube.zarr/zarr.json", met))["attributes"]["snapshot"]
        },
        "collection.json": {
            json.loads(_get(store, f"{folder}/stac/collection.json", met))["railwatch:snapshot"]
        },
    }
    for name, found in said.items():
        _hold(found <= {snapshot}, f"{folder}: {name} speaks of {found}, the pointer of {snapshot}")


def _collection(store: Store, key: str, met: Read) -> None:
    """Read a STAC collection, its items and their assets."""
    collection = json.loads(_get(store, key, met))
    for link in collection["links"]:
        if link["rel"] == "item":
            at = posixpath.normpath(posixpath.join(posixpath.dirname(key), link["href"]))
            for asset in json.loads(_get(store, at, met))["assets"].values():
                beside = posixpath.join(posixpath.dirname(at), asset["href"])
                target = posixpath.normpath(beside)
                met.objects += 1
                try:
                    store.size(target + "/zarr.json" if target.endswith(".zarr") else target)
                except KeyError:
                    raise TornError(f"{at}: its asset {target} leads nowhere") from None


def _get(store: Store, key: str, met: Read) -> bytes:
    met.objects += 1
    try:
        return store.get(key)
    except KeyError:
        raise TornError(f"{key}: leads nowhere") from None


def _hold(holds: bool, otherwise: str) -> None:
    if not holds:
        raise TornError(otherwise)


def publish_and_die(url: str, number: int, access: dict[str, str], begun: Any) -> None:
    """Publish one state, in a process that may die at any moment once it has begun."""
    os.environ |= access
    begun.set()
    publish_state(url, number)


def read_until_told(url: str, access: dict[str, str], stop: Any, answer: Any) -> None:
    """Follow the pointer again and again; runs in a process of its own."""
    os.environ |= access
    store, met, problem = Store.open(url), Read(), ""
    try:
        while not stop.is_set():
            follow(store, met)
            time.sleep(PAUSE_S)
    except TornError as exc:
        problem = str(exc)
    answer.put((met.rounds, met.objects, len(met.publications), problem))


SLOWER = 1.2
"""By how much a publisher that was killed too early is given more time."""


def torment(url: str, publications: int, seed: int = 1) -> Outcome:
    """Publish so many states with a publisher that is killed at random, and read all the while."""
    rng = random.Random(seed)
    began = time.monotonic()
    publish_state(url, 0)
    whole_s = time.monotonic() - began
    store = Store.open(url)
    # The server that children are forked from keeps the environment it was started with.
    access = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    stop, answer = CONTEXT.Event(), CONTEXT.Queue()
    reading = (url, access, stop, answer)
    reader = CONTEXT.Process(target=read_until_told, args=reading, daemon=True)
    reader.start()
    published, killed, number = 1, 0, 1
    while published < publications and reader.is_alive():
        begun = CONTEXT.Event()
        publishing = (url, number, access, begun)
        child = CONTEXT.Process(target=publish_and_die, args=publishing, daemon=True)
        child.start()
        begun.wait(PATIENCE_S)
        # Half of them get time enough on average, so the last steps are cut as often as the first.
        child.join(rng.uniform(0.0, 2.0) * whole_s)
        child.kill()
        child.join(PATIENCE_S)
        killed += child.exitcode != 0
        now = json.loads(store.get(f"areas/{AREA}/latest.json"))["snapshot"]
        if now == f"state-{number:04d}":
            published += 1
            number += 1
        else:
            whole_s *= SLOWER  # a busy machine may need longer than the first one took
    stop.set()
    rounds, objects, seen, problem = answer.get(timeout=PATIENCE_S)
    reader.join(PATIENCE_S)
    return Outcome(published, killed, rounds, objects, seen, problem, time.monotonic() - began)


def leftovers(url: str) -> list[str]:
    """Collect everything that may go, and name what is left that no kept publication refers to."""
    store = Store.open(url)
    collect(store, AREA, Retention(1, dt.timedelta(0)), dt.datetime.now(dt.UTC))
    kept = history(store, AREA)
    wanted = {f"areas/{AREA}/evidence/{name}" for made in kept for name in made.evidence}
    wanted |= {
        f"areas/{AREA}/publications/{made.publication}/{path}"
        for made in kept
        for path in made.objects
    }
    held = {*store.list(f"areas/{AREA}/evidence"), *store.list(f"areas/{AREA}/publications")}
    return sorted(held - wanted)
