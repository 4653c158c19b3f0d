"""Teach the class A networks on yards drawn fresh; their weights ship, this does not run in use.

    python -m benchmarks.class_a.teach draw FOLDER --first 0 --shards 60     # any number at once
    python -m benchmarks.class_a.teach strip FOLDER OUT.npz                  # what a cell shows
    python -m benchmarks.class_a.teach axis FOLDER OUT.npz                   # where a track lies

`draw` needs railwatch's environment only; the others need torch too (`pip install torch` into a
throw-away environment; it is no dependency). Colours are turned and brightness stretched at random,
so that only shape and contrast can be learned. The nets are judged by `make evaluate`, whose
renderings are never shown here.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.class_a.lessons import teach_on
from railwatch.detector import segmented_axis as axes
from railwatch.detector import segmented_evidence as evidence
from railwatch.detector.segmented_strip import PLANES, STEP_M

YARDS = 40
"""In a shard."""
BINS = len(evidence.AXIS_M) + 1
STRIP_CHANNELS = 49 * PLANES + 37 + 1 + evidence.LIGHT_CHANNELS
IMPORTANCE = (1.0, 1.0, 2.0, 0.7)
"""Of empty track, roof, gap and no track: gaps are rare."""


def draw(folder, first, shards, sketched):
    """Write shards of lessons; a share of the yards is `sketched`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + shards):
        lessons = teach_on(range(number * YARDS, (number + 1) * YARDS), sketched)
        part = folder / f"part-{number:05d}.npz"
        np.savez(part, **asdict(lessons))
        part.rename(folder / f"{number:05d}.npz")
        print(f"shard {number}: {len(lessons.windows)} windows", flush=True)


class Shards:
    """Lessons in a folder, which may still be growing."""

    def __init__(self, folder, names):
        self.folder, self.names = folder, names
        self.seen, self.held = set(), []

    def refresh(self):
        """Read shards that came since."""
        for path in sorted(self.folder.glob("[0-9]*.npz")):
            if path not in self.seen:
                with np.load(path) as shard:
                    self.held.append({name: shard[name] for name in self.names})
                self.seen.add(path)

    def some(self, rng, count):
        """`count` lessons of any shard, by name."""
        sizes = np.cumsum([len(shard[self.names[0]]) for shard in self.held])
        chosen = rng.integers(sizes[-1], size=count)
        which = np.searchsorted(sizes, chosen, side="right")
        at = chosen - np.concatenate([[0], sizes])[which]
        return {
            name: np.stack([self.held[w][name][k] for w, k in zip(which, at, strict=True)])
            for name in self.names
        }


def windows(rng, held, count):
    """Some windows in disguise: (window, cell, channel) as the network sees them, and labels."""
    some = held.some(rng, count)
    x = some["windows"].astype(np.float32)
    cover, axis = (some[name].astype(np.int64) for name in ("cover", "axis"))
    gsd_m, light = some["gsd_m"], some["light"].astype(np.float32)
    cells, rows = x.shape[1], x.shape[2] // PLANES
    x = x.reshape(count, cells, rows, PLANES)
    light = light * np.exp(rng.normal(0, 0.03, (count, 1))) + rng.normal(0, 0.03, light.shape)
    told = rng.random((2, count)) < ((0.85,), (0.55,))
    # As the detector does: the sun, where known, stands ahead and to the left.
    mirrored = np.where(told[0], light[:, 1] < 0, rng.random(count) < 0.5)
    x[mirrored] = x[mirrored][:, :, ::-1]
    light[mirrored] *= (1, -1, 1, -1)
    bins = axis[mirrored]
    axis[mirrored] = np.where((bins >= 0) & (bins < BINS - 1), BINS - 2 - bins, bins)
    turned = np.where(told[0], light[:, 0] < 0, rng.random(count) < 0.5)
    x[turned] = x[turned][:, ::-1]
    light[turned] *= (-1, 1, -1, 1)
    cover[turned], axis[turned] = cover[turned][:, ::-1], axis[turned][:, ::-1]
    x = (x.reshape(count, -1, PLANES) @ _disguise(rng, count)).reshape(x.shape)
    x[..., 0] += rng.normal(0, 0.3, count).astype(np.float32)[:, None, None]
    for k in np.flatnonzero(rng.random(count) < 0.3):
        x[k] += _noise(rng, (cells, rows), float(gsd_m[k]))
    x = np.clip(x, -8, 8)
    seen = np.empty((count, cells, STRIP_CHANNELS), np.float32)
    for k in range(count):
        along = np.tile(light[k].astype(np.float32), (cells, 1))
        slant = evidence.Slant(
            along[:, :2] if told[0, k] else None, along[:, 2:] if told[1, k] else None
        )
        seen[k] = evidence.channels(x[k], float(gsd_m[k]), slant.channels(cells))
    return seen, cover, axis


def _disguise(rng, count):
    """Matrices that stretch brightness, and turn, stretch and perhaps take away colour."""
    level = np.exp(rng.normal(0, 0.3, count))
    turn = rng.uniform(0, 2 * np.pi, count)
    first, second = np.exp(rng.normal(0, 0.3, (2, count)))
    second *= rng.choice([-1, 1], count)
    left = level * np.where(rng.random(count) < 0.15, rng.uniform(0, 0.5, count), 1.0)
    matrix = np.zeros((count, 3, 3), np.float32)
    matrix[:, 0, 0] = level
    matrix[:, 1, 1], matrix[:, 2, 1] = left * first * np.cos(turn), -left * first * np.sin(turn)
    matrix[:, 1, 2], matrix[:, 2, 2] = left * second * np.sin(turn), left * second * np.cos(turn)
    return matrix


def _noise(rng, shape, gsd_m):
    """Noise as large as a pixel: where a scene holds no cars it is all there is to scale by."""
    step = int(np.clip(round(gsd_m / STEP_M), 1, 4))
    spread = rng.uniform(0, 0.3) if rng.random() < 0.6 else rng.uniform(0.2, 1.2)
    small = tuple(-(-n // step) for n in shape)
    noise = rng.standard_normal((*small, PLANES), dtype=np.float32) * spread
    noise[..., 1:] *= rng.uniform(0.3, 1.0)
    return noise.repeat(step, 0).repeat(step, 1)[: shape[0], : shape[1]]


def profiles(rng, held, count):
    """Some profiles in disguise, (profile, row, channel), and where axes lie."""
    some = held.some(rng, count)
    x, here = some["profiles"].astype(np.float32), some["here"].astype(np.float32)
    x[:, :, [0, 3, 4, 5, 6, 7]] *= np.exp(rng.normal(0, 0.3, count))[:, None, None]
    x[:, :, [0, 4, 5]] += rng.normal(0, 0.3, count)[:, None, None]
    turn = rng.uniform(0, 2 * np.pi, count)[:, None]
    first, second = x[:, :, 1].copy(), x[:, :, 2].copy()
    x[:, :, 1] = np.cos(turn) * first - np.sin(turn) * second
    x[:, :, 2] = np.sin(turn) * first + np.cos(turn) * second
    mirrored = rng.random(count) < 0.5
    x[mirrored], here[mirrored] = x[mirrored][:, ::-1], here[mirrored][:, ::-1]
    seen = np.empty((*x.shape[:2], axes.FEATURES + 1), np.float32)
    seen[..., :-1] = x
    seen[..., -1] = some["profile_gsd_m"][:, None]
    return seen, here


def network(torch, channels, width, outputs, shape):
    """Convolutions with batch normalisation, the first plain or of stride 2, the rest residual."""

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            first, taps, stride, dilations = shape
            layers = [torch.nn.Conv1d(channels, width, first, stride, first // 2, bias=False)]
            layers += [
                torch.nn.Conv1d(width, width, taps, padding=taps // 2 * d, dilation=d, bias=False)
                for d in dilations[1:]
            ]
            self.layers = torch.nn.ModuleList(layers)
            self.norms = torch.nn.ModuleList([torch.nn.BatchNorm1d(width) for _ in layers])
            self.out = torch.nn.Conv1d(width, outputs, 1)

        def forward(self, x):
            for n, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
                new = torch.relu(norm(layer(x)))
                x = new if n == 0 else x + new
            return self.out(x)

        def folded(self):
            """Matrix and bias of each layer, normalisation folded in, as the detector reads."""
            arrays = []
            for layer, norm in zip(self.layers, self.norms, strict=True):
                gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                arrays.append(_matrix(layer.weight * gain[:, None, None]))
                arrays.append(norm.bias - norm.running_mean * gain)
            arrays += [_matrix(self.out.weight), self.out.bias]
            return [a.detach().numpy().astype(np.float16) for a in arrays]

    return Network()


def _matrix(weight):
    """(out, in, tap) to (tap x in, out)."""
    return weight.permute(2, 1, 0).reshape(-1, weight.shape[0])


def _strip_loss(torch, out, cover, axis):
    """Cross entropy of the class of each cell, and of the axis of each pair."""
    count, _, pairs = out.shape
    covers = evidence.COVERS
    logits = out[:, : 2 * covers].reshape(count, 2, covers, pairs).permute(0, 3, 1, 2)
    lose = torch.nn.functional.cross_entropy
    weight = torch.tensor(IMPORTANCE)
    of_class = lose(logits.reshape(-1, covers), cover.reshape(-1), weight=weight, ignore_index=-1)
    of_axis = lose(
        out[:, 2 * covers :].permute(0, 2, 1).reshape(-1, BINS),
        axis[:, ::2].reshape(-1),
        ignore_index=-1,
    )
    return of_class + 0.1 * of_axis


def _axis_loss(torch, out, here):
    """Of an empty track's axis everywhere it is known, and of a row of cars."""
    total = 0.0
    for kind in (1, 2):
        wanted = (here == kind).float()
        weight = (here >= 0).float() * (1 + 3 * wanted)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            out[:, kind - 1], wanted, reduction="none"
        )
        total = total + (loss * weight).sum() / weight.sum()
    return total / 2


def teach(kind, folder, out, *, steps, rate, seed, start):
    """Teach one network and write its weights, and its state beside them as it goes."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    strip = kind == "strip"
    if strip:
        held = Shards(folder, ("windows", "cover", "axis", "gsd_m", "light"))
        outputs = 2 * evidence.COVERS + BINS
        net = network(torch, STRIP_CHANNELS, 64, outputs, (5, 5, 2, evidence.DILATIONS))
    else:
        held = Shards(folder, ("profiles", "here", "profile_gsd_m"))
        net = network(torch, axes.FEATURES + 1, 32, 2, (9, 7, 1, axes.DILATIONS))
    if start:
        net.load_state_dict(torch.load(start))
    adam = torch.optim.Adam(net.parameters(), rate)
    plan = torch.optim.lr_scheduler.OneCycleLR(adam, rate, total_steps=steps, pct_start=0.1)
    recent, began = [], time.monotonic()
    for step in range(1, steps + 1):
        if step % 250 == 1:
            held.refresh()
        if strip:
            x, *wanted = windows(rng, held, 16)
        else:
            x, *wanted = profiles(rng, held, 192)
        answer = net(torch.from_numpy(x).transpose(1, 2))
        wanted = [torch.from_numpy(np.ascontiguousarray(w)) for w in wanted]
        loss = (_strip_loss if strip else _axis_loss)(torch, answer, *wanted)
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        adam.step()
        plan.step()
        recent.append(loss.item())
        if step % 100 == 0:
            seconds = time.monotonic() - began
            print(
                f"{step} steps, {seconds:.0f} s, {len(held.held)} shards: "
                f"loss {np.mean(recent):.4f}",
                flush=True,
            )
            recent = []
        if step % 500 == 0 or step == steps:
            torch.save(net.state_dict(), out.with_suffix(".pt"))
            np.savez_compressed(out, *net.folded())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("draw", "strip", "axis"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shards", type=int, default=60)
    parser.add_argument("--sketched", type=float, default=0.0, help="share of sketched yards")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="state of an earlier network of this shape")
    said = parser.parse_args()
    if said.what == "draw":
        draw(said.folder, said.first, said.shards, said.sketched)
    else:
        teach(
            said.what,
            said.folder,
            said.out,
            steps=said.steps,
            rate=said.rate,
            seed=said.seed,
            start=said.start,
        )


if __name__ == "__main__":
    main()
