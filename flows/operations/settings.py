"""What an operator chooses, read from one YAML file and checked field by field."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.parameters import URL_WITHOUT_CREDENTIALS
from railwatch.errors import OperatorError

FIELDS = ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))
"""Least and greatest value of cron's fields that `H` may stand for; every month has 28 days."""


class _Chosen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorkPool(_Chosen):
    """Where flow runs run."""

    name: str = Field(default="railwatch", pattern=r"^[a-z0-9-]+$")
    type: Literal["process", "docker", "kubernetes"] = "process"
    image: str | None = None
    """Of docker and kubernetes pools."""


class Watch(_Chosen):
    """When areas are looked at."""

    cron: str = "H */6 * * *"
    """`H` stands for a value of each area's own, so that not all start at once."""
    timezone: str = "UTC"
    recent_days: int | None = Field(default=60, ge=1)
    together: bool = False
    """One run for all areas instead of a schedule each: for many hundred areas."""
    areas: dict[str, str] = {}
    """Cron of single areas, by id; `never` leaves one out."""

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str) -> str:
        spread(cron, "any")
        return cron

    @field_validator("areas")
    @classmethod
    def _are_crons(cls, areas: dict[str, str]) -> dict[str, str]:
        for area_id, cron in areas.items():
            if cron != "never":
                spread(cron, area_id)
        return areas

    def cron_of(self, area_id: str) -> str | None:
        """Cron of an area, `H` filled in; None where it is not watched."""
        said = self.areas.get(area_id, self.cron)
        return None if said == "never" else spread(said, area_id)


class Limits(_Chosen):
    """How many tasks of all runs may use at once what is scarce (`tasks.policy.Limit`)."""

    archive: int = Field(default=4, ge=1)
    record: int = Field(default=16, ge=1)
    dask: int = Field(default=4, ge=1)
    store: int = Field(default=4, ge=1)


class Alarms(_Chosen):
    """When something is wrong."""

    silent_s: int = Field(default=90, ge=60)
    """Seconds without a heartbeat (one comes every 30) after which a run is dead."""
    pending_s: int = Field(default=100, ge=60)
    """Seconds in which a run that a worker took must have begun."""


class Notice(_Chosen):
    """Where alarms are sent."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    kind: Literal["slack", "webhook", "email"]
    url_from: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    """Environment variable that holds the address, which is a secret."""

    def url(self) -> str:
        """Read the address.

        Raises
        ------
        OperatorError
            The variable is not set.
        """
        said = os.environ.get(self.url_from)
        if not said:
            raise OperatorError(
                f"notify: {self.name}: the environment has no {self.url_from}: set it to the "
                f"{self.kind} address, or leave the notice out"
            )
        return said


class Settings(_Chosen):
    """All that `railwatch ops setup` applies."""

    store: Annotated[str | None, Field(pattern=URL_WITHOUT_CREDENTIALS)] = None
    """Default of RAILWATCH_STORE's."""
    archive: Annotated[str | None, Field(pattern=URL_WITHOUT_CREDENTIALS)] = None
    work_pool: WorkPool = WorkPool()
    watch: Watch = Watch()
    limits: Limits = Limits()
    alarms: Alarms = Alarms()
    notify: tuple[Notice, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; RAILWATCH_STORE and RAILWATCH_ARCHIVE of the environment come first.

        Raises
        ------
        OperatorError
            It cannot be read, or a value is not usable; names file and field.
        """
        try:
            said = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        except OSError as exc:
            raise OperatorError(f"{path}: cannot be read: {exc.strerror}") from exc
        except (YAMLError, UnicodeDecodeError) as exc:
            raise OperatorError(f"{path}: is not YAML: {str(exc).splitlines()[0]}") from exc
        if not isinstance(said, dict):
            raise OperatorError(f"{path}: must be keys and values such as `store: s3://bucket/x`")
        for name in ("store", "archive"):
            if fromenv := os.environ.get(f"RAILWATCH_{name.upper()}"):
                said[name] = fromenv
        try:
            settings = cls.model_validate(said)
        except ValidationError as exc:
            raise OperatorError(f"{path}: {_first(exc)}") from exc
        if settings.store is None:
            raise OperatorError(
                f"{path}: store: is missing: write a folder or s3://bucket/prefix there, or set "
                "RAILWATCH_STORE"
            )
        return settings


def spread(cron: str, area_id: str) -> str:
    """Put an area's own values where a cron line says `H`.

    The values come from the id, so they are the same on every machine and at every setup.

    Raises
    ------
    ValueError
        It is no cron line of five fields.
    """
    from prefect.client.schemas.schedules import CronSchedule

    fields = cron.split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"{cron!r} has {len(fields)} fields, cron has five")
    number = zlib.crc32(area_id.encode())
    for position, (least, most) in enumerate(FIELDS):
        if re.fullmatch(r"H", fields[position]):
            fields[position] = str(least + number % (most - least + 1))
        number //= 61
    said = " ".join(fields)
    try:
        CronSchedule(cron=said)
    except ValueError as exc:
        raise ValueError(f"{cron!r} is no cron line; write one such as `H */6 * * *`") from exc
    return said


def _first(exc: ValidationError) -> str:
    """Say the first problem: where, what, and how many more."""
    problems: list[Any] = list(exc.errors())
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {first['msg']}{more}"
