"""Rolling stock: what railcars measure and what their tops look like from above.

Lengths are over coupler faces, so a run of coupled cars is as long as its cars' lengths together.
Dimensions come from makers' sheets where method.md 3.1 names one and are customary values else.
Paints are (blue, green, red, nir, swir16) reflectances: starting points that `draw_paint` spreads
widely, because no published spectra of railcar tops exist to be exact about (method.md 3.3).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

SPECTRAL_BANDS: tuple[str, ...] = ("blue", "green", "red", "nir", "swir16")
"""Order of every `Spectrum`."""

Spectrum = tuple[float, float, float, float, float]


class Top(enum.StrEnum):
    """What the satellite looks down on."""

    OPEN = "open"
    """A box without a roof: load, tarpaulin or floor between the walls."""
    ROOF = "roof"
    BARREL = "barrel"
    """A tank lying on its frame."""
    DECK = "deck"
    """A flat car: bare, or with containers or goods."""
    ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class RollingStock:
    """One type of vehicle."""

    kind: str
    length_m: float
    """Over coupler faces."""
    gap_m: float
    """Between the bodies of two coupled cars of this type."""
    width_m: float
    height_m: float
    """Of the top above the rail's foot."""
    top: Top
    weight: float
    """How often it is met, relative to the others; 0: only where asked for."""
    freight: bool = True


CATALOGUE: tuple[RollingStock, ...] = (
    RollingStock("gondola", 13.92, 1.14, 3.16, 3.6, Top.OPEN, 5.0),
    RollingStock("gondola-c64", 13.44, 1.10, 3.24, 3.2, Top.OPEN, 1.0),
    RollingStock("gondola-c70", 13.98, 0.97, 3.24, 3.2, Top.OPEN, 1.0),
    RollingStock("gondola-eanos", 15.74, 1.24, 3.05, 3.3, Top.OPEN, 0.7),
    RollingStock("gondola-chip", 23.20, 1.30, 3.15, 4.8, Top.OPEN, 0.1),
    RollingStock("hopper-coal", 12.50, 1.20, 3.10, 3.8, Top.OPEN, 0.7),
    RollingStock("boxcar", 14.73, 1.10, 3.20, 4.4, Top.ROOF, 1.5),
    RollingStock("boxcar-280", 16.97, 1.20, 3.20, 4.6, Top.ROOF, 0.4),
    RollingStock("boxcar-habbins", 23.26, 1.20, 2.90, 4.2, Top.ROOF, 0.2),
    RollingStock("hopper-grain", 14.72, 1.30, 3.15, 4.5, Top.ROOF, 0.8),
    RollingStock("tank", 12.02, 1.20, 3.00, 4.2, Top.BARREL, 2.0),
    RollingStock("tank-8-axle", 20.00, 1.30, 3.10, 4.4, Top.BARREL, 0.2),
    RollingStock("flat", 14.62, 1.20, 2.95, 1.4, Top.DECK, 0.8),
    RollingStock("flat-container-60", 19.62, 1.20, 2.50, 3.9, Top.DECK, 0.6),
    RollingStock("flat-container-80", 25.50, 1.20, 2.50, 3.9, Top.DECK, 0.3),
    RollingStock("passenger", 24.50, 0.90, 3.10, 4.3, Top.ROOF, 0.1, freight=False),
    RollingStock("locomotive-m62", 17.50, 1.10, 3.00, 4.4, Top.ENGINE, 0.0, freight=False),
    RollingStock("locomotive-tem2", 16.97, 1.20, 3.08, 4.4, Top.ENGINE, 0.0, freight=False),
)
"""Types met on 1520 mm and 1435 mm yards (method.md 3.1)."""

BY_KIND: dict[str, RollingStock] = {stock.kind: stock for stock in CATALOGUE}

PAINTS: dict[str, Spectrum] = {
    "coal": (0.04, 0.045, 0.05, 0.07, 0.09),
    "iron-ore": (0.06, 0.07, 0.13, 0.18, 0.20),
    "gravel": (0.16, 0.18, 0.20, 0.24, 0.28),
    "timber": (0.11, 0.15, 0.21, 0.32, 0.30),
    "scrap": (0.08, 0.09, 0.11, 0.14, 0.18),
    "rust": (0.07, 0.08, 0.11, 0.16, 0.21),
    "galvanised": (0.16, 0.17, 0.18, 0.20, 0.22),
    "silver": (0.27, 0.28, 0.29, 0.30, 0.29),
    "white": (0.42, 0.44, 0.45, 0.46, 0.40),
    "black": (0.035, 0.035, 0.04, 0.05, 0.07),
    "grey": (0.12, 0.125, 0.13, 0.15, 0.18),
    "blue": (0.18, 0.15, 0.10, 0.20, 0.18),
    "green": (0.06, 0.10, 0.07, 0.16, 0.15),
    "red": (0.06, 0.08, 0.20, 0.26, 0.26),
    "brown": (0.05, 0.06, 0.09, 0.15, 0.20),
    "yellow": (0.09, 0.24, 0.36, 0.42, 0.38),
    "wood": (0.09, 0.11, 0.14, 0.21, 0.24),
    "tarp-green": (0.07, 0.10, 0.07, 0.18, 0.16),
    "tarp-blue": (0.17, 0.14, 0.09, 0.22, 0.18),
    "tarp-grey": (0.20, 0.21, 0.22, 0.26, 0.26),
}
"""Working values (method.md 3.3); what the detector sees is `draw_paint` of one of them."""

LOADS = ("coal", "iron-ore", "gravel", "timber", "scrap", "rust")
TARPS = ("tarp-green", "tarp-blue", "tarp-grey")
ROOFS = ("galvanised", "grey", "brown", "green", "rust", "white")
BARRELS = ("silver", "black", "grey", "white", "brown", "yellow")
CONTAINERS = ("blue", "red", "green", "white", "brown", "grey", "yellow")
ENGINES = ("green", "red", "blue", "grey")


def draw_paint(rng: np.random.Generator, material: str, spread: float = 0.22) -> Spectrum:
    """Vary a material's spectrum as age, dirt and make do.

    Parameters
    ----------
    spread
        Standard deviation of the natural logarithm of brightness; colour varies by a third of it.
    """
    # Thousands of cars are painted to calibrate one site: arrays of five would take five times as
    # long. All normals in one call are the same as one after the other.
    level, *colour = rng.standard_normal(1 + len(SPECTRAL_BANDS)).tolist()
    level *= spread
    colour_spread = spread / 3.0
    blue, green, red, nir, swir16 = (
        min(max(paint * float(np.exp(level + colour_spread * c)), 0.01), 0.8)
        for paint, c in zip(PAINTS[material], colour, strict=True)
    )
    return (blue, green, red, nir, swir16)


@dataclass(frozen=True, slots=True)
class Panel:
    """A rectangle of one look on a vehicle's top, in metres from the body's centre."""

    along_m: tuple[float, float]
    """From, to; positive towards rising chainage."""
    across_m: tuple[float, float]
    """From, to; positive to the left of rising chainage."""
    reflectance: Spectrum
    slope_deg: float = 0.0
    """How far it leans to the left, as the left half of a pitched roof or tank does."""
    depth_m: float = 0.0
    """How far it lies below the walls around it, which then throw shadow into it."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One vehicle as it stands: its size and its look."""

    kind: str
    length_m: float
    """Over coupler faces."""
    body_m: float
    width_m: float
    height_m: float
    panels: tuple[Panel, ...]
    """Together they cover `body_m` x `width_m` exactly."""
    tarp: bool = False
    freight: bool = True


def dress(
    rng: np.random.Generator, stock: RollingStock, *, load: str | None = None, tarp: bool = False
) -> Vehicle:
    """Give one vehicle of a type its paint and load.

    Parameters
    ----------
    load
        A key of `PAINTS`; None draws one that fits the type. Tanks and roofs are painted with it.
    tarp
        An open car's load lies under a tarpaulin.
    """
    body = stock.length_m - stock.gap_m
    half, side = body / 2.0, stock.width_m / 2.0
    height = stock.height_m
    painted = {
        Top.OPEN: lambda: _open(rng, half, side, load, tarp=tarp),
        Top.ROOF: lambda: _roof(rng, half, side, load),
        Top.BARREL: lambda: _barrel(rng, half, side, load),
        Top.ENGINE: lambda: _engine(rng, half, side, load),
    }
    if stock.top is Top.DECK:
        bare = "container" not in stock.kind and load is None and rng.random() < 0.5
        panels = _deck(rng, half, side, load, bare=bare)
        height = stock.height_m if bare else max(stock.height_m, float(rng.uniform(2.2, 3.9)))
    else:
        panels = painted[stock.top]()
    return Vehicle(
        stock.kind,
        stock.length_m,
        body,
        stock.width_m,
        height,
        panels,
        tarp=tarp and stock.top is Top.OPEN,
        freight=stock.freight,
    )


def _pick(rng: np.random.Generator, among: tuple[str, ...], wanted: str | None) -> Spectrum:
    return draw_paint(rng, wanted if wanted is not None else among[int(rng.integers(len(among)))])


def _frame(half: float, side: float, rim: float, wall: Spectrum) -> tuple[Panel, ...]:
    """Lay the four walls of an open car, `rim` metres thick seen from above."""
    return (
        Panel((-half, half), (side - rim, side), wall),
        Panel((-half, half), (-side, rim - side), wall),
        Panel((-half, rim - half), (rim - side, side - rim), wall),
        Panel((half - rim, half), (rim - side, side - rim), wall),
    )


def _open(
    rng: np.random.Generator, half: float, side: float, load: str | None, *, tarp: bool
) -> tuple[Panel, ...]:
    rim = 0.12
    wall = _pick(rng, ("rust", "brown", "grey", "green", "red"), None)
    inner = ((rim - half, half - rim), (rim - side, side - rim))
    if tarp:
        cover = _pick(rng, TARPS, load)
        left, right = (inner[1][1], 0.0), (0.0, inner[1][0])
        return (
            *_frame(half, side, rim, wall),
            Panel(inner[0], (left[1], left[0]), cover, slope_deg=12.0),
            Panel(inner[0], (right[1], right[0]), cover, slope_deg=-12.0),
        )
    full = rng.random() < 0.65
    depth = float(rng.uniform(0.0, 0.5) if full else rng.uniform(1.6, 2.2))
    what = "rust" if depth > 1.0 and load is None else load
    return (
        *_frame(half, side, rim, wall),
        Panel(*inner, _pick(rng, LOADS, what), depth_m=depth),
    )


def _roof(
    rng: np.random.Generator, half: float, side: float, load: str | None
) -> tuple[Panel, ...]:
    paint = _pick(rng, ROOFS, load)
    slope = float(rng.uniform(6.0, 16.0))
    return (
        Panel((-half, half), (0.0, side), paint, slope_deg=slope),
        Panel((-half, half), (-side, 0.0), paint, slope_deg=-slope),
    )


def _barrel(
    rng: np.random.Generator, half: float, side: float, load: str | None
) -> tuple[Panel, ...]:
    paint = _pick(rng, BARRELS, load)
    frame = draw_paint(rng, "brown")
    end = float(rng.uniform(0.35, 0.7))
    edges = side * np.array([-1.0, -0.8, -0.5, -0.18, 0.18, 0.5, 0.8, 1.0])
    middles = (edges[1:] + edges[:-1]) / 2.0
    slopes = np.degrees(np.arcsin(middles / side))
    strips = tuple(
        Panel((end - half, half - end), (float(a), float(b)), paint, slope_deg=float(t))
        for a, b, t in zip(edges[:-1], edges[1:], slopes, strict=True)
    )
    return (
        Panel((-half, end - half), (-side, side), frame),
        Panel((half - end, half), (-side, side), frame),
        *strips,
    )


def _deck(
    rng: np.random.Generator, half: float, side: float, load: str | None, *, bare: bool
) -> tuple[Panel, ...]:
    floor = _pick(rng, ("wood", "rust"), None)
    if bare:
        return (Panel((-half, half), (-side, side), floor),)
    boxes = max(1, round(2.0 * half / float(rng.choice([6.4, 12.5]))))
    edges = np.linspace(-half, half, boxes + 1)
    gap = 0.15
    panels: list[Panel] = []
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        filled = boxes == 1 or rng.random() < 0.85
        look = _pick(rng, (*CONTAINERS, *TARPS), load) if filled else floor
        panels.append(Panel((a, a + gap), (-side, side), floor))
        panels.append(Panel((a + gap, b - gap), (-side, side), look))
        panels.append(Panel((b - gap, b), (-side, side), floor))
    return tuple(panels)


def _engine(
    rng: np.random.Generator, half: float, side: float, load: str | None
) -> tuple[Panel, ...]:
    paint = _pick(rng, ENGINES, load)
    grille = draw_paint(rng, "black")
    fans = half * float(rng.uniform(0.25, 0.5))
    return (
        Panel((-half, -fans), (-side, side), paint),
        Panel((-fans, 0.0), (-side, side), grille),
        Panel((0.0, half), (-side, side), paint),
    )
