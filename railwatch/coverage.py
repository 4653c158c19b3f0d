"""Coverage: which share of each pixel rectangles on the ground take, seen through a Gaussian PSF.

A rectangle's share is a product of error functions along its own axes, so any angle and any GSD
cost the same. A rectangle moved along a vector (a shadow, a wall) is summed point by point.

Rectangles are rows (centre x, centre y, heading x, heading y, half length, half width) in metres.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

REACH_SIGMAS = 4.0
"""Where a Gaussian ends: 6e-5 of its integral lies beyond."""

GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@numba.njit(cache=True, nogil=True)
def cover(
    occupied: Float32,
    painted: Float32,
    plates: Float,
    colours: Float,
    west: float,
    north: float,
    gsd: float,
    sigma: float,
) -> None:
    """Add each rectangle's share of each pixel to `occupied`, colour x share to `painted`."""
    rows, cols = occupied.shape
    reach = REACH_SIGMAS * sigma
    scale = 1.0 / (sigma * math.sqrt(2.0))
    for k in range(plates.shape[0]):
        x, y, ux, uy, half, side = plates[k]
        span_x = half * abs(ux) + side * abs(uy) + reach
        span_y = half * abs(uy) + side * abs(ux) + reach
        c0 = max(0, math.ceil((x - span_x - west) / gsd - 0.5))
        c1 = min(cols - 1, math.floor((x + span_x - west) / gsd - 0.5))
        r0 = max(0, math.ceil((north - y - span_y) / gsd - 0.5))
        r1 = min(rows - 1, math.floor((north - y + span_y) / gsd - 0.5))
        for r in range(r0, r1 + 1):
            dy = north - (r + 0.5) * gsd - y
            for c in range(c0, c1 + 1):
                dx = west + (c + 0.5) * gsd - x
                u, v = dx * ux + dy * uy, dy * ux - dx * uy
                if abs(u) > half + reach or abs(v) > side + reach:
                    continue
                share = 0.25 * (
                    (math.erf((u + half) * scale) - math.erf((u - half) * scale))
                    * (math.erf((v + side) * scale) - math.erf((v - side) * scale))
                )
                occupied[r, c] += share
                for b in range(painted.shape[0]):
                    painted[b, r, c] += share * colours[k, b]


@numba.njit(cache=True, nogil=True)
def _swept(boxes: Float, vectors: Float, k: int, x: float, y: float) -> bool:
    """Whether a point lies in box k moved along any part of its vector."""
    ux, uy = boxes[k, 2], boxes[k, 3]
    dx, dy = x - boxes[k, 0], y - boxes[k, 1]
    first, last = 0.0, 1.0
    for axis in range(2):
        if axis == 0:
            p, move = dx * ux + dy * uy, vectors[k, 0] * ux + vectors[k, 1] * uy
        else:
            p, move = dy * ux - dx * uy, vectors[k, 1] * ux - vectors[k, 0] * uy
        half = boxes[k, 4 + axis]
        if abs(move) < 1e-9:
            if abs(p) > half:
                return False
            continue
        one, two = (p - half) / move, (p + half) / move
        first, last = max(first, min(one, two)), min(last, max(one, two))
    return first <= last


@numba.njit(cache=True, nogil=True)
def _near(boxes: Float, vectors: Float, x: float, y: float, radius: float) -> npt.NDArray[np.int64]:
    """Find boxes whose sweep may come within `radius` of a point."""
    found = np.empty(boxes.shape[0], dtype=np.int64)
    n = 0
    for j in range(boxes.shape[0]):
        own = boxes[j, 4] + boxes[j, 5] + abs(vectors[j, 0]) + abs(vectors[j, 1])
        if math.hypot(boxes[j, 0] - x, boxes[j, 1] - y) <= own + radius:
            found[n] = j
            n += 1
    return found[:n]


@numba.njit(cache=True, nogil=True)
def sweep(
    share: Float32,
    painted: Float32,
    boxes: Float,
    vectors: Float,
    covers: Float,
    cover_vectors: Float,
    colours: Float,
    west: float,
    north: float,
    gsd: float,
    sigma: float,
    step: float,
) -> None:
    """Add what boxes moved along vectors reach and no cover hides; overlaps count once."""
    weight = np.empty(64)
    for k in range(boxes.shape[0]):
        ux, uy, half, side = boxes[k, 2], boxes[k, 3], boxes[k, 4], boxes[k, 5]
        va = vectors[k, 0] * ux + vectors[k, 1] * uy
        vc = vectors[k, 1] * ux - vectors[k, 0] * uy
        a0, a1 = -half + min(va, 0.0), half + max(va, 0.0)
        c0, c1 = -side + min(vc, 0.0), side + max(vc, 0.0)
        na, nc = math.ceil((a1 - a0) / step), math.ceil((c1 - c0) / step)
        da, dc = (a1 - a0) / na, (c1 - c0) / nc
        radius = half + side + abs(va) + abs(vc)
        mates = _near(boxes, vectors, boxes[k, 0], boxes[k, 1], radius)
        hiders = _near(covers, cover_vectors, boxes[k, 0], boxes[k, 1], radius)
        for i in range(na):
            for j in range(nc):
                # Golden-ratio offsets: an edge parallel to the lattice is met at every fraction of
                # a cell, so what it hides is summed without the lattice's own rounding.
                a = a0 + (i + (0.5 + j * GOLDEN) % 1.0) * da
                c = c0 + (j + (0.5 + i * GOLDEN) % 1.0) * dc
                x = boxes[k, 0] + a * ux - c * uy
                y = boxes[k, 1] + a * uy + c * ux
                if not _swept(boxes, vectors, k, x, y):
                    continue
                hidden = False
                for m in hiders:
                    if _swept(covers, cover_vectors, m, x, y):
                        hidden = True
                        break
                if hidden:
                    continue
                times = 0
                for m in mates:
                    if _swept(boxes, vectors, m, x, y):
                        times += 1
                area = da * dc / times
                _splat(share, painted, colours, k, x, y, area, west, north, gsd, sigma, weight)


@numba.njit(cache=True, nogil=True)
def _splat(
    share: Float32,
    painted: Float32,
    colours: Float,
    k: int,
    x: float,
    y: float,
    area: float,
    west: float,
    north: float,
    gsd: float,
    sigma: float,
    weight: Float,
) -> None:
    """Spread `area` square metres at a point over the pixels by the PSF."""
    rows, cols = share.shape
    reach = min(REACH_SIGMAS * sigma, 30.0 * gsd)
    c0 = max(0, math.ceil((x - reach - west) / gsd - 0.5))
    c1 = min(cols - 1, math.floor((x + reach - west) / gsd - 0.5))
    r0 = max(0, math.ceil((north - y - reach) / gsd - 0.5))
    r1 = min(rows - 1, math.floor((north - y + reach) / gsd - 0.5))
    scale = 1.0 / (2.0 * sigma * sigma)
    for c in range(c0, c1 + 1):
        dx = west + (c + 0.5) * gsd - x
        weight[c - c0] = math.exp(-dx * dx * scale)
    peak = area / (2.0 * math.pi * sigma * sigma)
    for r in range(r0, r1 + 1):
        dy = north - (r + 0.5) * gsd - y
        tall = peak * math.exp(-dy * dy * scale)
        for c in range(c0, c1 + 1):
            part = tall * weight[c - c0]
            share[r, c] += part
            for b in range(painted.shape[0]):
                painted[b, r, c] += part * colours[k, b]
