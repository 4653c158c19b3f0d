"""Alarms: automations that see what went wrong, do what is safe at once and tell people.

    silent      a run without heartbeats is dead: it becomes Crashed, its slots come back
    stuck       taken by a worker, never begun: the same
    failed      a run of ours failed or crashed
    late        a run of ours waits for a worker
    quota       an account or budget ends here
    cloudy      an area has given no count for long
    record      more railcars than ever before, confirmed

docs/operators.md has a runbook for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState, DoNothing, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows.happening import ALWAYS_CLOUDY, QUOTA_EXHAUSTED, RECORD_CONFIRMED
from flows.operations import MARK
from flows.operations.settings import Alarms

HEARTBEAT = "prefect.flow-run.heartbeat"
ENDED = {
    f"prefect.flow-run.{state}"
    for state in (
        "Completed",
        "Failed",
        "Crashed",
        "Cancelled",
        "Cancelling",
        "Suspended",
        "Paused",
    )
}

FLOW_RUNS = ResourceSpecification.model_validate({"prefect.resource.id": "prefect.flow-run.*"})
OURS = ResourceSpecification.model_validate(
    {"prefect.resource.id": f"prefect.tag.{MARK}", "prefect.resource.role": "tag"}
)
AREAS = ResourceSpecification.model_validate({"prefect.resource.id": "railwatch.area.*"})

RUN_BODY = (
    "{{ flow_run.name }} is {{ flow_run.state.name }}: {{ flow_run.state.message }}\n"
    "{{ flow_run|ui_url }}"
)
AREA_BODY = "{{ event.payload.area }}: {{ event.payload.sentence }}"


def apply(client: SyncPrefectClient, alarms: Alarms, blocks: Sequence[UUID]) -> None:
    """Make the server's automations the wanted ones; one that is switched off stays off."""
    there = {a.name: a for a in client.read_automations() if a.name.startswith(f"{MARK} ")}
    for automation in wanted(alarms, blocks):
        before = there.pop(automation.name, None)
        if before is None:
            client.create_automation(automation)
        elif _essence(before) != _essence(automation):
            kept = automation.model_copy(update={"enabled": before.enabled})
            client.update_automation(before.id, kept)
    for old in there.values():
        client.delete_automation(old.id)


def wanted(alarms: Alarms, blocks: Sequence[UUID]) -> list[AutomationCore]:
    """List the automations that should be."""
    dead = [_crash("no heartbeat: the machine or the process is gone")]
    unborn = [_crash("taken by a worker, but never begun")]
    return [
        _automation(
            "silent",
            "A run without heartbeats is dead; it becomes Crashed and its slots come back",
            _absence({HEARTBEAT}, ENDED | {HEARTBEAT}, alarms.silent_s),
            dead,
        ),
        _automation(
            "stuck",
            "A worker took a run and never began it; it becomes Crashed",
            _absence(
                {"prefect.flow-run.Pending"},
                ENDED | {"prefect.flow-run.Running", "prefect.flow-run.AwaitingConcurrencySlot"},
                alarms.pending_s,
            ),
            unborn,
        ),
        _automation(
            "failed",
            "A run of ours failed or crashed",
            _presence({"prefect.flow-run.Failed", "prefect.flow-run.Crashed"}, FLOW_RUNS, OURS),
            _tell(blocks, "railwatch: a run failed", RUN_BODY),
        ),
        _automation(
            "late",
            "A run of ours waits for a worker",
            _presence({"prefect.flow-run.Late"}, FLOW_RUNS, OURS),
            _tell(blocks, "railwatch: a run is late", RUN_BODY),
        ),
        *(
            _automation(
                name, description, _presence({event}, AREAS), _tell(blocks, subject, AREA_BODY)
            )
            for name, event, description, subject in (
                (
                    "quota",
                    QUOTA_EXHAUSTED,
                    "An account or budget ends here",
                    "railwatch: no more is paid for",
                ),
                (
                    "cloudy",
                    ALWAYS_CLOUDY,
                    "An area has given no count for long",
                    "railwatch: an area has not been seen for long",
                ),
                (
                    "record",
                    RECORD_CONFIRMED,
                    "More railcars than ever before, confirmed by a second look",
                    "railwatch: a record is confirmed",
                ),
            )
        ),
    ]


def _automation(
    name: str, description: str, trigger: EventTrigger, actions: list[ActionTypes]
) -> AutomationCore:
    return AutomationCore(
        name=f"{MARK} {name}",
        description=description,
        enabled=True,
        trigger=trigger,
        actions=actions,
        tags=[MARK],
    )


def _absence(after: set[str], expect: set[str], within_s: int) -> EventTrigger:
    return EventTrigger(
        after=after,
        expect=expect,
        match=FLOW_RUNS,
        match_related=OURS,
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=within_s),
    )


def _presence(
    events: set[str], match: ResourceSpecification, related: ResourceSpecification | None = None
) -> EventTrigger:
    return EventTrigger(
        expect=events,
        match=match,
        match_related=related or ResourceSpecification.model_validate({}),
        for_each={"prefect.resource.id"},
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(seconds=0),
    )


def _crash(why: str) -> ActionTypes:
    return ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=why, force=False)


def _tell(blocks: Sequence[UUID], subject: str, body: str) -> list[ActionTypes]:
    """Notify through every block; without any, the event is still in the feed of the UI."""
    told: list[ActionTypes] = [
        SendNotification(block_document_id=block, subject=subject, body=body) for block in blocks
    ]
    return told or [DoNothing()]


def _essence(automation: AutomationCore) -> dict[str, object]:
    """Give what makes two automations the same: all but whether it is switched on."""
    return AutomationCore.model_validate(automation.model_dump(exclude={"id"})).model_dump(
        mode="json", exclude={"enabled"}
    )
