"""200 publications by a publisher that is killed again and again, with a reader beside it.

    make readers                                             # into a folder
    python -m benchmarks.readers --publications 50 --s3      # into a real S3 server

Prints what was published, killed and read; fails where the reader met a mixture or a link that
leads nowhere (`railwatch.testing.torn_readers`).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from railwatch.testing.object_storage import object_storage
from railwatch.testing.torn_readers import leftovers, torment


@contextlib.contextmanager
def somewhere(folder: Path, *, s3: bool) -> Iterator[str]:
    """Give a URL to publish to: a folder, or a bucket of a real S3 server."""
    if not s3:
        yield str(folder / "store")
        return
    with object_storage(folder) as server:
        os.environ |= server.environment
        server.make_bucket("readers")
        yield "s3://readers/store"


def main() -> int:
    """Torment, report, fail where a reader met something torn."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--publications", type=int, default=200)
    asked.add_argument("--s3", action="store_true", help="a real S3 server instead of a folder")
    asked.add_argument("--seed", type=int, default=1)
    wanted = asked.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="railwatch-readers-") as folder,
        somewhere(Path(folder), s3=wanted.s3) as url,
    ):
        done = torment(url, wanted.publications, wanted.seed)
        left = leftovers(url) if not done.problem else []
    print(
        f"{done.published} publications, publisher killed {done.killed} times before it was done; "
        f"beside it {done.rounds} rounds read {done.objects} objects of {done.seen} publications "
        f"in {done.seconds:.0f} s"
    )
    print(f"mixtures or dangling links: {done.problem or 'none'}")
    print(f"objects nobody refers to after collecting: {len(left)}")
    return 1 if done.problem or left else 0


if __name__ == "__main__":
    sys.exit(main())
