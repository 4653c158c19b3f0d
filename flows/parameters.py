"""Parameters of deployments: typed, so that the Prefect UI shows a form and refuses bad values.

Only references travel as parameters: names of files and stores, never credentials, which Prefect
would show in plain text. Prefect reads these annotations at run time, so this module and those of
the flows do without `from __future__ import annotations`.
"""

import datetime as dt
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic_core import CoreSchema

from flows.places import known

URL_WITHOUT_CREDENTIALS = r"^[^@?#]+$"


class Depot(BaseModel):
    """Where scenes come from and counts go to, for all areas of a run."""

    # A URL that is refused may be refused for the secret in it, which no message may repeat.
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, title="Store and archive"
    )

    store: str = Field(
        description="Folder or s3://bucket/prefix that holds records and publications",
        pattern=URL_WITHOUT_CREDENTIALS,
    )
    archive: str | None = Field(
        default=None,
        description=(
            "Folder or bucket of STAC Items with GeoTIFF assets; empty: Sentinel Hub, with the "
            "account from the environment of the flow run"
        ),
        pattern=URL_WITHOUT_CREDENTIALS,
    )

    def place(self, area_file: str) -> "Place":
        """Give the place of one area."""
        return Place(area=area_file, store=self.store, archive=self.archive)


class Place(Depot):
    """One area, and where its scenes come from and its counts go to."""

    model_config = ConfigDict(title="Place")

    area: str = Field(
        title="Area file",
        description="YAML file of the area, as flow runs see it, e.g. infra/areas/tumangang.yaml",
        min_length=1,
    )


class _Choices:
    """Puts the ids of known areas into the schema, so that a form offers them and no other."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        said = handler(schema)
        choices = list(known())
        return {**said, "enum": choices} if choices else dict(said)


AreaId = Annotated[
    str, StringConstraints(min_length=1), Field(title="Area", description="Id"), _Choices()
]
"""Id of an area in the folder of area files; what deployments take instead of a file."""


Areas = Annotated[
    list[AreaId],
    Field(title="Areas", description="Ids of areas; all known ones where none is named"),
]

RecentDays = Annotated[
    int | None,
    Field(
        ge=1,
        le=36500,
        title="Days to look back",
        description="Older scenes are a backfill's; empty: all the archive holds",
    ),
]


MaxPU = Annotated[
    float | None,
    Field(
        ge=0,
        title="Processing units",
        description="Processing units it may spend; empty: the account's quota",
    ),
]
"""Parameter of every flow that may pay."""


class Window(BaseModel):
    """Days of acquisition, UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: dt.date | None = Field(default=None, description="First day; empty: the archive's first")
    end: dt.date | None = Field(default=None, description="Last day, included; empty: its last")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start is not None and self.end is not None and self.start > self.end:
            raise ValueError(f"start {self.start} is after end {self.end}")
        return self


EVERYTHING = Window()
"""All that an archive holds."""


class Pace(BaseModel):
    """How a backfill goes through its window."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    newest_first: bool = Field(
        default=True, description="Begin with the newest months; else with the oldest"
    )
    months_each: int = Field(
        default=6, ge=1, le=120, description="Months of acquisition ingested at a time"
    )
    max_pu: MaxPU = None
    dry_run: bool = Field(
        default=False, description="Say what is left to fetch and its price, and do nothing"
    )


STEADILY = Pace()
"""The defaults."""
