"""The patch rule and the threshold that gives a wanted mean patch length.

A patch starts at the first byte of a document, and at every later byte whose entropy, given
all before it, is strictly above the threshold.  ``entropies[i]`` is always that of byte
``i`` given the bytes before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def count_patches(entropies: np.ndarray, threshold: float) -> int:
    """Patches of one document, without the one of BOS alone."""
    return 1 + int((entropies[1:] > threshold).sum())


def mean_patch(documents: Sequence[np.ndarray], threshold: float) -> float:
    """Bytes per patch over all documents."""
    return sum(map(len, documents)) / sum(count_patches(d, threshold) for d in documents)


def first_patch(documents: Sequence[np.ndarray], threshold: float, size: int = 80) -> float:
    """Bytes per patch in the first bytes of every document."""
    return mean_patch([document[:size] for document in documents], threshold)


def inside_characters(documents: Sequence[np.ndarray], texts: Sequence[bytes], threshold: float) -> float:
    """The share of the boundaries that stand inside a character of UTF-8."""
    inside = starts = 0
    for entropies, text in zip(documents, texts, strict=True):
        starting = np.frombuffer(text, dtype=np.uint8)[1:][entropies[1:] > threshold]
        inside += int(((starting & 0xC0) == 0x80).sum())
        starts += 1 + len(starting)
    return inside / starts


def choose_threshold(documents: Sequence[np.ndarray], wanted: float) -> float:
    """The threshold in nats, to four decimals, whose mean patch is nearest to ``wanted``."""
    falling = np.sort(np.concatenate([document[1:] for document in documents]))[::-1]
    starts = round(sum(map(len, documents)) / wanted) - len(documents)
    starts = min(max(starts, 1), len(falling) - 1)
    return round(float((falling[starts - 1] + falling[starts]) / 2), 4)
