"""What happens and somebody may want to hear of: events on Prefect's bus, for its automations.

    railwatch.quota.exhausted     the account or the budget ends here
    railwatch.area.always-cloudy  an area gave no count for a long time
    railwatch.record.confirmed    more railcars than ever before, said by two looks

The resource of each is `railwatch.area.{id}`. Events say what the publication says; they are sent
once, by the run that published it first, and losing one loses no fact.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from prefect.events import emit_event

from railwatch.count import FACILITY
from railwatch.published import Row, published_rows
from railwatch.store import Store

QUOTA_EXHAUSTED = "railwatch.quota.exhausted"
ALWAYS_CLOUDY = "railwatch.area.always-cloudy"
RECORD_CONFIRMED = "railwatch.record.confirmed"

CLOUDY_SCENES = 8
"""Refused scenes in a row that are worth a person's look ..."""

CLOUDY_FOR = dt.timedelta(days=45)
"""... if they also span so long: a winter month of clouds is no news."""


def quota_exhausted(area_id: str, sentence: str) -> None:
    """Say that no more is paid for until an operator or the next month allows it."""
    _emit(QUOTA_EXHAUSTED, area_id, sentence)


@dataclass(frozen=True)
class Published:
    """What a publication says that somebody may want to hear of."""

    confirmed: Mapping[str, str]
    """Sentence of each confirmed record, by the event's id."""
    cloudy: str | None
    """Since when there is no count; None where there is."""

    @classmethod
    def of(cls, store: Store, area_id: str) -> Self:
        """Read an area's current publication; nothing is said where there is none."""
        from railwatch.publication import current_pointer
        from railwatch.publication.pointer import LINKS

        pointer = current_pointer(store, area_id)
        if pointer is None:
            return cls({}, None)
        feed = store.get(pointer.folder + LINKS["events"]).splitlines()
        said = [json.loads(line) for line in feed]
        # A surge is stated for each record that a second look confirmed, never for a candidate.
        confirmed = {event["id"]: event["sentence"] for event in said if event["kind"] == "surge"}
        return cls(confirmed, cloudy(published_rows(store, area_id)))

    def tell_from(self, before: Self, area_id: str) -> None:
        """Say what is new since an earlier publication."""
        for event_id, sentence in self.confirmed.items():
            if event_id not in before.confirmed:
                _emit(RECORD_CONFIRMED, area_id, sentence)
        if self.cloudy is not None and before.cloudy is None:
            _emit(ALWAYS_CLOUDY, area_id, self.cloudy)


def cloudy(rows: Sequence[Row]) -> str | None:
    """Say since when an area gives no count; None where the newest scenes give some."""
    streak: list[Row] = []
    for row in reversed(_facility(rows)):
        if row["occupied_m"] is not None:
            break
        streak.append(row)
    if len(streak) < CLOUDY_SCENES:
        return None
    newest, oldest = streak[0]["acquired"], streak[-1]["acquired"]
    if newest - oldest < CLOUDY_FOR:
        return None
    reasons = ", ".join(sorted({str(row["refusal"]) for row in streak}))
    return f"no count from {len(streak)} scenes in a row since {oldest:%Y-%m-%d}: {reasons}"


def _facility(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["siding_id"] == FACILITY and row["acquired"] is not None]


def _emit(event: str, area_id: str, sentence: str) -> None:
    emit_event(
        event=event,
        resource={
            "prefect.resource.id": f"railwatch.area.{area_id}",
            "prefect.resource.name": area_id,
        },
        payload={"area": area_id, "sentence": sentence},
    )
