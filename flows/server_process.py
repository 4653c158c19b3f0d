"""The child process of `flows.local_server`: a Prefect API that lives as long as its parent.

Run as `python -m flows.server_process SOCKET TEMPLATE DATABASE`. It migrates an empty SQLite
database once for a Prefect version, keeps the result as TEMPLATE and copies that into place on
every later start (docs/decisions/0021 has the seconds). It answers on the listening socket it
inherited, says `ready` on stdout, and exits when stdin closes, so that a parent that was killed
leaves no server behind. Its database goes with it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import socket
import sys
import threading
from pathlib import Path


def prepare(template: Path, database: Path) -> None:
    """Put a migrated, empty database at `database`, migrating only if there is no `template`."""
    if template.exists():
        shutil.copyfile(template, database)
        return
    asyncio.run(_migrate())
    # Two first runs may do this at once: each renames a whole file, and either will do.
    unfinished = template.with_name(f"{template.name}.{os.getpid()}")
    shutil.copyfile(database, unfinished)
    unfinished.replace(template)


async def _migrate() -> None:
    """Create Prefect's tables in the configured database, and let go of it."""
    from prefect.server.database import provide_database_interface

    interface = provide_database_interface()
    await interface.create_db()
    engine = await interface.engine()
    async with engine.connect() as connection:
        # Everything must be in the one file that is copied, nothing in the write-ahead log.
        await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    await engine.dispose()


def serve(listening: socket.socket, orphaned: threading.Event) -> None:
    """Answer on the socket until stdin is closed, which sets `orphaned`, or SIGTERM arrives."""
    import uvicorn
    from prefect.server.api.server import create_app

    class Announcing(uvicorn.Server):
        """Says on stdout when it answers."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            if self.started:
                sys.stdout.write("ready\n")
                sys.stdout.flush()

    app = create_app(ephemeral=True, final=True)
    server = Announcing(
        uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
    )

    def follow_parent() -> None:
        sys.stdin.buffer.read()
        orphaned.set()
        server.should_exit = True

    threading.Thread(target=follow_parent, daemon=True).start()
    server.run(sockets=[listening])


def main(descriptor: str, template: str, database: str) -> None:
    """Prepare the database and serve; with the parent gone, remove what it can no longer."""
    prepare(Path(template), Path(database))
    gc.freeze()
    gc.enable()
    orphaned = threading.Event()
    try:
        serve(socket.socket(fileno=int(descriptor)), orphaned)
    finally:
        if orphaned.is_set():
            shutil.rmtree(Path(database).parent, ignore_errors=True)


if __name__ == "__main__":
    # Two thousand modules are imported before the first answer and stay: collecting garbage
    # meanwhile costs a fifth of the start (7.1 s of CPU with it, 5.8 s without).
    gc.disable()
    main(*sys.argv[1:])
