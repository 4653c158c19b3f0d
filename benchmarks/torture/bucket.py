"""Object storage that goes wrong: a real S3 server behind a proxy that does it on purpose."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator

from benchmarks.torture.figure import Figure, every, most, none
from benchmarks.torture.kills import Arena
from railwatch.testing.fault_proxy import FaultProxy, Ill, Mix
from railwatch.testing.object_storage import ObjectStorage

ILLS = {Ill.LOST: 0.03, Ill.BUSY: 0.03, Ill.RESET: 0.02, Ill.TRUNCATED: 0.02}


def buckets(storage: ObjectStorage) -> Iterator[str]:
    """Give URLs of new, empty buckets for ever."""
    os.environ |= storage.environment
    while True:
        name = f"torture-{uuid.uuid4().hex[:12]}"
        storage.make_bucket(name)
        yield f"s3://{name}/store"


def behind_proxy(
    arena: Arena, storage: ObjectStorage, urls: Iterator[str], runs: int, seed: int
) -> Iterator[Figure]:
    """Whole backfills through faults, through flapping, and until keys expire."""
    through(arena, storage, next(urls), Mix())  # warm
    least, _ = through(arena, storage, next(urls), Mix())
    struck = asked = 0
    for run in range(runs):
        url = next(urls)
        proxy, news = through(arena, storage, url, Mix(ILLS, seed=seed + run))
        tries = 1
        while news["state"] == "error" and tries < 5:  # as the next scheduled run would
            _, news = through(arena, storage, url, Mix(ILLS, seed=seed + 100 * tries + run))
            tries += 1
        struck += proxy.requests - proxy.done["whole"]
        asked += proxy.requests
        os.environ |= storage.environment
        arena.finish(url)
    said = f"{struck} of {asked} requests struck: answers lost, 503, resets, truncation"
    yield from arena.figures("S3 with 10 % faults", said, happened=struck > 0)
    ratio = asked / max(1, runs * least.requests)
    yield most("S3 with 10 % faults: requests over an undisturbed run's", ratio, 1.4, said)
    yield from _flapping(arena, storage, next(urls), least)
    yield from _expired(arena, storage, next(urls), least)


def through(
    arena: Arena, storage: ObjectStorage, url: str, mix: Mix
) -> tuple[FaultProxy, dict[str, object]]:
    """Run one backfill through a proxy."""
    with FaultProxy(storage.endpoint, mix) as proxy:
        os.environ["AWS_ENDPOINT_URL"] = proxy.url
        news = arena.zygote.run(arena.yard.folder, url)
    os.environ |= storage.environment
    return proxy, news


def _flapping(
    arena: Arena, storage: ObjectStorage, url: str, least: FaultProxy
) -> Iterator[Figure]:
    """The bucket is up for three seconds and gone for one, over and over."""
    started = time.monotonic()
    proxy, news = through(arena, storage, url, Mix(up_s=3.0, down_s=1.0))
    took = time.monotonic() - started
    refused = proxy.done[Ill.DOWN.value]
    if news["state"] != "done":
        arena.toll.bugs.append(str(news))
    arena.finish(url)
    said = f"{refused} of {proxy.requests} requests met nobody in {took:.0f} s, 3 s up, 1 s down"
    yield from arena.figures("S3 flapping", said, happened=refused > 0)
    share = proxy.requests / max(1, least.requests)
    yield most("S3 flapping: requests over an undisturbed run's", share, 1.5, said)


def _expired(arena: Arena, storage: ObjectStorage, url: str, least: FaultProxy) -> Iterator[Figure]:
    """Keys expire in mid-run: a clear stop in one sentence, and fresh keys go on from there."""
    proxy, news = through(arena, storage, url, Mix(expires_after=least.requests // 2))
    refused = proxy.done[Ill.EXPIRED.value]
    says = str(news.get("says", ""))
    clear = news["state"] == "error" and storage.secret_key not in says
    said = f"{refused} requests answered 403 ExpiredToken; it said: {says[:120]}"
    yield every("S3 keys expire: one clear stop", int(clear and refused > 0), 1, said)
    yield none("S3 keys expire: requests after the refusal", max(0, refused - 24), said)
    arena.finish(url)
    yield from arena.figures("S3 keys expire, then fresh ones", said, happened=refused > 0)
