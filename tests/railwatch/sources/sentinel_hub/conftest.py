"""A source on an emulator over a sample archive, in a hurry."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from railwatch.grid import PIECE_PX
from railwatch.scene import Scene
from railwatch.sources import Query
from railwatch.sources.sentinel_hub import (
    Account,
    Bounds,
    Credentials,
    Pace,
    Patience,
    SentinelHubSource,
)
from railwatch.testing.sentinel_hub import Emulator
from railwatch.testing.sentinel_hub.sample import GRID, Sample, write_sample
from railwatch.testing.sentinel_hub.server import CLIENT_ID, CLIENT_SECRET

QUICK = Patience(
    attempts=6,
    total_s=30.0,
    backoff_s=0.01,
    backoff_cap_s=0.05,
    wait_floor_s=0.01,
    wait_cap_s=0.2,
)
TIGHT = Bounds(deadline_s=8.0, connect_s=2.0, grace_s=0.3, least_rate=50_000.0, think_s=6.0)
WHERE = Query((130.5, 42.3, 130.8, 42.5), collections=("sentinel-2-l2a",))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Sample, ...]]:
    """Three optical and two radar scenes on disk."""
    folder = tmp_path_factory.mktemp("archive")
    return folder, write_sample(folder, optical=3, radar=2)


@pytest.fixture
def connected() -> Iterator[Callable[..., SentinelHubSource]]:
    """Make sources for a running emulator; they are closed at the end."""
    with ExitStack() as opened:

        def connect(hub: Emulator, **changed: Any) -> SentinelHubSource:
            given: dict[str, Any] = {
                "account": Account(hub.url, hub.token_url),
                "credentials": Credentials(CLIENT_ID, CLIENT_SECRET),
                "own": {},
                "patience": QUICK,
                "bounds": TIGHT,
                "pace": Pace(),
            }
            return opened.enter_context(SentinelHubSource(**{**given, **changed}))

        yield connect


@pytest.fixture
def hub(sample: tuple[Path, tuple[Sample, ...]]) -> Iterator[Emulator]:
    """An emulator without limits or faults."""
    with Emulator(archive=sample[0]) as emulator:
        yield emulator


@pytest.fixture
def every_piece() -> Any:
    """All pieces of the sample's grid."""
    return np.ones((GRID.shape[0] // PIECE_PX, GRID.shape[1] // PIECE_PX), dtype=np.bool_)


@pytest.fixture
def scene() -> Scene:
    """A scene to name things by."""
    moment = dt.datetime(2024, 1, 3, 2, 10, 49, tzinfo=dt.UTC)
    return Scene("scene-1", "sentinel-2-l2a", moment, "sentinel-2a", 10.0, ("blue",))
