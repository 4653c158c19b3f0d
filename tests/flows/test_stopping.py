"""A run that is told to stop is gone in seconds, whatever its main thread is at."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from flows.stopping import LEAVE_WITHIN_S

STUBBORN = """
import signal, subprocess, sys, time
from flows.stopping import lead_a_group, watch_for_stop

lead_a_group()
watch_for_stop()
signal.signal(signal.SIGTERM, lambda *_: None)    # swallowed, as in a destructor
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(worker.pid, flush=True)
while True:
    time.sleep(600)
"""


def test_a_process_that_does_not_heed_sigterm_is_killed_with_its_workers():
    """Its main thread swallows the signal and sleeps on; the kernel ends both processes."""
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True
    ) as run:
        worker = Path("/proc") / run.stdout.readline().strip() / "cmdline"
        began = time.monotonic()
        run.send_signal(signal.SIGTERM)

        code = run.wait(60)

    assert code == -signal.SIGKILL
    assert time.monotonic() - began >= LEAVE_WITHIN_S - 0.5  # not before it could give up slots
    while alive(worker):
        assert time.monotonic() < began + 60
        time.sleep(0.1)


def alive(cmdline: Path) -> bool:
    """Whether a process runs; one that only waits to be buried has no command line."""
    try:
        return bool(cmdline.read_bytes())
    except OSError:
        return False
