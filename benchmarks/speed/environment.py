"""The peers' environments: built from pins, each in a folder of its own, kept under build/.

Peers are never installed beside railwatch: each set resolves for itself, as its users' would.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

PINS = Path(__file__).parent / "peers"
PYTHON = {"arrays": "3.13", "eolearn": "3.12"}
"""Newest interpreter each set of pins was resolved for; older ones are tried in turn."""


class MissingPeersError(Exception):
    """A set of peers cannot be installed here; says why."""


def python_of(name: str, build: Path) -> Path:
    """Build the environment `name` unless it stands there already, and return its interpreter.

    Raises
    ------
    MissingPeersError
        No interpreter, no registry, or a pin that cannot be met.
    """
    pins = PINS / f"{name}.txt"
    interpreter = _interpreter(PYTHON[name])
    digest = hashlib.sha256(pins.read_bytes() + str(interpreter).encode()).hexdigest()[:12]
    folder = build / "peers" / f"{name}-{digest}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    uv = Path(sys.executable).parent / "uv"
    for command in (
        [uv, "venv", "--quiet", "--python", interpreter, folder],
        [uv, "pip", "install", "--quiet", "--python", python, "-r", pins],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise MissingPeersError(f"{name}: {lines[-1] if lines else done.returncode}")
    (folder / "complete").touch()
    return python


def _interpreter(newest: str) -> Path:
    """Find the interpreter asked for, pyenv's included, else the one that runs this."""
    homes = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [*sorted(homes.glob(f"{newest}.*/bin/python{newest}")), shutil.which(f"python{newest}")]
    return next((Path(one) for one in found if one), Path(sys.executable))
