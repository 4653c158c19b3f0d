"""railwatch counts standing railcars from satellite time series and says how sure it is.

What is published can be read with `open_counts`, `open_cube` and `open_strips`; they are imported
when they are first used, so importing railwatch costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from railwatch.readers import open_counts, open_cube, open_strips

__version__ = "0.1.0"

__all__ = ["__version__", "open_counts", "open_cube", "open_strips"]


def __getattr__(name: str) -> Any:
    """Import a reader when it is asked for (PEP 562)."""
    if name in {"open_counts", "open_cube", "open_strips"}:
        import railwatch.readers

        return getattr(railwatch.readers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
