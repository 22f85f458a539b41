"""Choose the entropy threshold that gives a wanted mean patch length.

Usage::

    python threshold.py MODEL VALID --category en_prose --mean-patch 4.5
"""

from __future__ import annotations

import argparse
from pathlib import Path

from artifact import load_model
from evaluate import measure, read_documents
from patching import choose_threshold, mean_patch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder written by export.py")
    parser.add_argument("valid", type=Path, help="folder with one <category>.txt per category")
    parser.add_argument("--category", default="en_prose")
    parser.add_argument("--mean-patch", type=float, default=4.5)
    args = parser.parse_args()
    model = load_model(args.model)
    documents = [measure(model, text).entropies for text in read_documents(args.valid)[args.category]]
    threshold = choose_threshold(documents, args.mean_patch)
    print(f"{threshold} nats gives {mean_patch(documents, threshold):.3f} bytes per patch")


if __name__ == "__main__":
    main()
