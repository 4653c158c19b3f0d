"""A round: the areas of one run, one after another, each on its own.

An area that fails does not keep the others from being done; what ends the account ends the round.
Two runs never work on one area at a time for no reason: the one that comes second leaves it to the
first. That is a courtesy that saves work. Correctness does not rest on it, since the record keeps
each scene once whoever comes.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from prefect.concurrency.sync import concurrency
from prefect.runtime import deployment, flow_run

from flows.outcome import Outcome
from flows.progress import RoundProgress
from flows.stopping import watch_for_stop
from railwatch.errors import OperatorError, QuotaError, RailwatchError, TransientError
from railwatch.store import Store
from tasks.publish import publish_roots

logger = logging.getLogger(__name__)

LEASE_S = 60.0
"""Seconds after which the server takes a slot back from a run that died; the least it allows."""

Go = Callable[[str, Path], Outcome]


class UnfinishedError(RailwatchError):
    """Some areas of a round could not be done; the others are."""

    kind = "unfinished"


def go_round(
    areas: Mapping[str, Path],
    go: Go,
    *,
    occasion: str,
    alone: bool = False,
    store: Store | None = None,
) -> list[Outcome]:
    """Do `go` for every area and give the outcomes.

    Parameters
    ----------
    areas
        Area file by id, in the order they are done.
    go
        Does one area; gets id and file.
    occasion
        Word for what is done.
    alone
        Hold each area against other runs of the occasion, and leave out those that another holds.
    store
        Where catalog and page of all areas are brought up to date in the end; None leaves them.

    Raises
    ------
    UnfinishedError
        Areas failed or were left out; the sentence names each with its reason.
    """
    if deployment.id is not None:
        watch_for_stop()
    done: list[Outcome] = []
    failed: dict[str, str] = {}
    progress = RoundProgress(occasion, len(areas))
    for area_id, file in areas.items():
        try:
            with held(occasion, area_id) if alone else nullcontext(True) as ours:
                if ours:
                    done.append(go(area_id, file))
                else:
                    logger.info("%s: another run is at it and is left to it", area_id)
        except QuotaError as exc:
            failed[area_id] = str(exc)
            break
        except (TransientError, OperatorError) as exc:
            logger.warning("%s: %s", area_id, exc)
            failed[area_id] = str(exc)
        progress.advance(area_id, done[-1] if done and done[-1].area_id == area_id else None)
    if store is not None:
        publish_roots(store, [*areas])
    progress.close(failed)
    if failed:
        said = "; ".join(f"{area_id}: {why}" for area_id, why in list(failed.items())[:5])
        more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
        raise UnfinishedError(
            f"{len(failed)} of {len(areas)} areas unfinished: {said}{more}. "
            "The same run, started again, does the rest and only the rest"
        )
    return done


@contextmanager
def held(occasion: str, area_id: str) -> Iterator[bool]:
    """Hold an area against other runs of the occasion; False where another one has it.

    Without a limit of that name on the server, as in a private one, everybody holds everything.
    """
    entered = False
    try:
        with concurrency(
            limit_name(occasion, area_id),
            timeout_seconds=1,
            lease_duration=LEASE_S,
            strict=False,
            raise_on_lease_renewal_failure=False,
        ):
            entered = True
            yield True
    except TimeoutError:
        if entered:
            raise
        yield False


def named() -> str:
    """Name a run by its flow and areas, for Prefect."""
    areas = list(flow_run.parameters.get("areas") or [])
    more = f" and {len(areas) - 3} more" if len(areas) > 3 else ""
    return f"{flow_run.flow_name} {', '.join(areas[:3]) or 'everywhere'}{more}"


def limit_name(occasion: str, area_id: str) -> str:
    """Name the global concurrency limit that holds an area."""
    return f"railwatch-{occasion}-{area_id}"
