"""History: the publications an area has had, and which of them are still kept."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass

from railwatch.publication.content import utc


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one publication's folder holds; it exists when the folder is complete."""

    publication: str
    area_id: str
    published_at: dt.datetime
    siding_set: str
    detector: str
    snapshot: str
    scenes: int
    """Scenes the record listed."""
    objects: dict[str, tuple[int, str]]
    """(bytes, sha256) by path below the folder."""
    evidence: tuple[str, ...]
    """Names below `areas/{area}/evidence/` that the folder refers to, shared with others."""
    blocks: dict[str, str]
    """What each block of the published Zarr is made of, by the block's path below the folder."""

    def to_json(self) -> bytes:
        """Spell the manifest."""
        said = {
            "publication": self.publication,
            "area_id": self.area_id,
            "published_at": utc(self.published_at),
            "siding_set": self.siding_set,
            "detector": self.detector,
            "snapshot": self.snapshot,
            "scenes": self.scenes,
            "objects": self.objects,
            "evidence": self.evidence,
            "blocks": self.blocks,
        }
        return json.dumps(said, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Read a manifest."""
        said = json.loads(data)
        return cls(
            publication=said["publication"],
            area_id=said["area_id"],
            published_at=dt.datetime.fromisoformat(said["published_at"]),
            siding_set=said["siding_set"],
            detector=said["detector"],
            snapshot=said["snapshot"],
            scenes=said["scenes"],
            objects={path: (size, sha256) for path, (size, sha256) in said["objects"].items()},
            evidence=tuple(said["evidence"]),
            blocks=said["blocks"],
        )
