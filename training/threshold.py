"""Choose the entropy threshold that gives a wanted mean patch length.

A patch starts at the first byte of a document, and at every later byte whose entropy, given
all before it, is above the threshold.

    python threshold.py MODEL VALID --category en_prose --mean-patch 4.5
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def patches(entropies: np.ndarray, threshold: float) -> int:
    """Patches of one document; ``entropies[i]`` is that of byte ``i`` given the bytes before."""
    return 1 + int((entropies[1:] > threshold).sum())


def mean_patch(documents: Sequence[np.ndarray], threshold: float) -> float:
    """Bytes per patch over all documents; the patch of BOS alone is not counted."""
    return sum(map(len, documents)) / sum(patches(document, threshold) for document in documents)


def choose_threshold(documents: Sequence[np.ndarray], wanted: float) -> float:
    """The threshold in nats, to four decimals, whose mean patch is nearest to ``wanted``."""
    falling = np.sort(np.concatenate([document[1:] for document in documents]))[::-1]
    starts = round(sum(map(len, documents)) / wanted) - len(documents)
    starts = min(max(starts, 1), len(falling) - 1)
    return round(float((falling[starts - 1] + falling[starts]) / 2), 4)


def main() -> None:
    from evaluate import measure, read_documents
    from export import load_model

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder written by export.py")
    parser.add_argument("valid", type=Path, help="folder with one <category>.txt per category")
    parser.add_argument("--category", default="en_prose")
    parser.add_argument("--mean-patch", type=float, default=4.5)
    args = parser.parse_args()
    model = load_model(args.model)
    documents = [measure(model, text).entropies for text in read_documents(args.valid)[args.category]]
    threshold = choose_threshold(documents, args.mean_patch)
    print(f"{threshold}  gives {mean_patch(documents, threshold):.3f} bytes per patch")


if __name__ == "__main__":
    main()
