"""The class A network while it is taught: forward, backward and Adam in numpy.

`railwatch.detector.segmented_evidence` reads what this writes. First layer 9 cells wide and of
stride 2, then four residual layers of 5 taps at dilations 2 to 16, then one output for two cells:
class of each (empty track, roof, coupling gap) and the offset of the axis (9 bins and none).
"""

from __future__ import annotations

import numpy as np

WIDTH = 64
TAPS = ((9, 1), (5, 2), (5, 4), (5, 8), (5, 16))
CLASSES = 3
BINS = 10


def initial(rng, channels):
    """Random weights (He et al. 2015), residual layers at half scale."""
    weights = []
    for taps, _ in TAPS:
        scale = np.sqrt(2 / (taps * channels)) * (0.5 if channels == WIDTH else 1)
        weights += [rng.standard_normal((taps * channels, WIDTH)) * scale, np.zeros(WIDTH)]
        channels = WIDTH
    outputs = 2 * CLASSES + BINS
    weights += [rng.standard_normal((WIDTH, outputs)) / np.sqrt(WIDTH), np.zeros(outputs)]
    return [w.astype(np.float32) for w in weights]


def _unfold(x, taps, dilation, stride):
    """(window, cell, channel) to (window, cell / stride, taps x channel)."""
    reach = taps // 2 * dilation
    padded = np.pad(x, ((0, 0), (reach, reach), (0, 0)))
    cells = x.shape[1]
    return np.concatenate(
        [padded[:, i * dilation : i * dilation + cells : stride] for i in range(taps)], axis=2
    )


def forward(weights, x):
    """Outputs, and what `backward` needs."""
    kept = []
    for layer, (taps, dilation) in enumerate(TAPS):
        unfolded = _unfold(x, taps, dilation, 2 if layer == 0 else 1)
        sums = unfolded @ weights[2 * layer] + weights[2 * layer + 1]
        kept.append((unfolded, sums > 0))
        new = np.maximum(sums, 0)
        x = new if layer == 0 else x + new
    return x @ weights[-2] + weights[-1], (kept, x)


def _log_softmax(x):
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _cross_entropy(logits, label, weight):
    """Mean loss over labelled (>= 0) entries, and its gradient by the logits."""
    log = _log_softmax(logits)
    safe = np.maximum(label, 0)[..., None]
    weight = np.where(label >= 0, weight, 0.0)
    weight = weight / max(weight.sum(), 1.0)
    loss = -(np.take_along_axis(log, safe, -1)[..., 0] * weight).sum()
    gradient = np.exp(log)
    np.put_along_axis(gradient, safe, np.take_along_axis(gradient, safe, -1) - 1, -1)
    return loss, (gradient * weight[..., None]).astype(np.float32)


def losses(weights, x, cover, axis):
    """Loss of class and of axis, and the gradient by each weight.

    `cover` is (window, cell) and `axis` (window, cell) int, -1 where nothing is to be learned.
    """
    out, (kept, last) = forward(weights, x)
    windows, pairs = out.shape[:2]
    logits = out[..., : 2 * CLASSES].reshape(windows, 2 * pairs, CLASSES)
    importance = np.array([1.0, 1.0, 1.5])[np.maximum(cover, 0)]
    class_loss, by_class = _cross_entropy(logits, cover, importance)
    axis_loss, by_axis = _cross_entropy(
        out[..., 2 * CLASSES :], axis[:, ::2], np.ones(axis[:, ::2].shape)
    )
    by_class = by_class.reshape(windows, pairs, 2 * CLASSES)
    by_out = np.concatenate([by_class, 0.3 * by_axis], axis=2)
    return class_loss, axis_loss, _backward(weights, kept, last, by_out)


def mistakes(weights, x, cover):
    """Mean loss of class by window, 0 where a window teaches none."""
    out, _ = forward(weights, x)
    log = _log_softmax(out[..., : 2 * CLASSES].reshape(*cover.shape, CLASSES))
    known = cover >= 0
    loss = -np.take_along_axis(log, np.maximum(cover, 0)[..., None], -1)[..., 0] * known
    return loss.sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _backward(weights, kept, last, by_out):
    gradients = [np.empty(0, np.float32)] * len(weights)
    gradients[-2] = last.reshape(-1, WIDTH).T @ by_out.reshape(-1, by_out.shape[-1])
    gradients[-1] = by_out.sum(axis=(0, 1))
    by_x = by_out @ weights[-2].T
    for layer in reversed(range(len(TAPS))):
        taps, dilation = TAPS[layer]
        unfolded, positive = kept[layer]
        by_sum = (by_x * positive).reshape(-1, WIDTH)
        gradients[2 * layer] = unfolded.reshape(len(by_sum), -1).T @ by_sum
        gradients[2 * layer + 1] = by_sum.sum(axis=0)
        if layer == 0:
            break
        windows, cells = unfolded.shape[:2]
        by_tap = (by_sum @ weights[2 * layer].T).reshape(windows, cells, taps, WIDTH)
        reach = taps // 2 * dilation
        padded = np.zeros((windows, cells + 2 * reach, WIDTH), np.float32)
        for i in range(taps):
            padded[:, i * dilation : i * dilation + cells] += by_tap[:, :, i]
        by_x = by_x + padded[:, reach : reach + cells]
    return gradients


class Adam:
    """Kingma and Ba 2015, with a cosine to a hundredth of the first rate."""

    def __init__(self, weights, rate, steps):
        self.rate, self.steps, self.step = rate, steps, 0
        self.mean = [np.zeros_like(w) for w in weights]
        self.square = [np.zeros_like(w) for w in weights]

    def move(self, weights, gradients):
        cosine = 0.5 * (1 + np.cos(np.pi * self.step / self.steps)) + 0.01
        rate = self.rate * min(1.0, (self.step + 1) / 100) * cosine
        self.step += 1
        for i, gradient in enumerate(gradients):
            self.mean[i] = 0.9 * self.mean[i] + 0.1 * gradient
            self.square[i] = 0.999 * self.square[i] + 0.001 * gradient**2
            mean = self.mean[i] / (1 - 0.9**self.step)
            square = self.square[i] / (1 - 0.999**self.step)
            weights[i] = (weights[i] - rate * mean / (np.sqrt(square) + 1e-7)).astype(np.float32)
