"""Notices: blocks through which alarms reach people, made from configuration.

An address is a secret. It is read from the environment once, at setup, and kept by Prefect's server
encrypted; neither the file nor the page of the block shows it.
"""

from __future__ import annotations

from uuid import UUID

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from prefect.types import SecretDict
from pydantic import SecretStr

from flows.operations import MARK
from flows.operations.settings import Notice


def apply(notices: tuple[Notice, ...]) -> list[UUID]:
    """Save a block a notice and give their ids."""
    found: list[UUID] = []
    for notice in notices:
        saved = _block(notice).save(f"{MARK}-{notice.name}", overwrite=True)
        found.append(UUID(str(saved)))
    return found


def _block(notice: Notice) -> NotificationBlock:
    if notice.kind == "webhook":
        return CustomWebhookNotificationBlock(
            name=notice.name,
            url="{{address}}",
            headers=None,
            cookies=None,
            json_data={"subject": "{{subject}}", "text": "{{body}}"},
            secrets=SecretDict({"address": notice.url()}),
        )
    # Prefect has no block for plain SMTP. This one hands any address that is no Slack hook to
    # Apprise, which sends `mailtos://` by SMTP.
    return SlackWebhook(url=SecretStr(notice.url()))
