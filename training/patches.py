"""Store where the patches of a frozen entropy model start, so that training the whole model need not run it.

Usage::

    python patches.py DATA MODEL OUT.npz

``DATA`` is a folder written by prepare.py and ``MODEL`` one written by export.py, whose threshold is
used.  Every text of the corpus is read as one, the short texts too: a sentence has other patches
where it stands alone.  What is stored are flags, for each text in turn one for each byte and one for
the end of the text, packed eight to a byte.  ``train_blt.py --patches OUT.npz`` reads them.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from model import BOS_ID, BYTE_OFFSET, PAD_ID, EntropyModel, entropy
from prepare import Corpus

PIECE = 8192
"""Positions of a long text that are read at once."""


def round_up(value: int, step: int) -> int:
    return -(-value // step) * step


@torch.inference_mode()
def find_entropies(model: EntropyModel, corpus: Corpus, at_once: int = 1 << 18) -> np.ndarray:
    """Entropies of all texts end to end, f32: of each byte given those before it, then of what follows the last.

    A long text is read in pieces, each with as many positions before it as its predictions can depend
    on, so the pieces do not matter.  ``at_once`` positions are read together.
    """
    config, device = model.config, model.lm_head.weight.device
    window = config.sliding_window
    before = round_up(config.num_hidden_layers * (window - 1), window)
    piece = max(PIECE, 2 * before)
    texts = corpus.texts
    sizes = texts[:, 1] - texts[:, 0] + 1
    place = np.cumsum(sizes) - sizes
    # (positions with padding, text, first position read, first position wanted, end)
    jobs = []
    for text, size in enumerate(sizes.tolist()):
        wanted = 0
        while wanted < size:
            begin = max(0, wanted - before)
            end = min(size, begin + piece)
            jobs.append((round_up(end - begin, 64 if end - begin <= window else window), text, begin, wanted, end))
            wanted = end
    jobs.sort()
    found = np.zeros(int(sizes.sum()), dtype=np.float32)
    while jobs:
        length = jobs[-1][0]
        rows = max(1, at_once // length)
        batch, jobs = jobs[-rows:], jobs[:-rows]
        tokens = np.full((len(batch), length), PAD_ID, dtype=np.int64)
        for row, (_, text, begin, _, end) in enumerate(batch):
            first = texts[text, 0]
            # Position 0 is BOS, and position p the byte p - 1.
            tokens[row, : end - begin] = BOS_ID
            read = corpus.data[first + max(begin - 1, 0) : first + end - 1]
            tokens[row, end - begin - len(read) : end - begin] = read.astype(np.int64) + BYTE_OFFSET
        result = entropy(model(torch.from_numpy(tokens).to(device))).cpu().numpy()
        for row, (_, text, begin, wanted, end) in enumerate(batch):
            found[place[text] + wanted : place[text] + end] = result[row, wanted - begin : end - begin]
    return found


def write_patches(starts: np.ndarray, out: Path) -> None:
    with out.open("wb") as file:
        np.savez(file, starts=np.packbits(starts), count=len(starts))


def with_patches(corpus: Corpus, file: Path) -> Corpus:
    """The corpus with stored patches, which must be those of its texts."""
    stored = np.load(file)
    texts = corpus.texts
    if int(stored["count"]) != int((texts[:, 1] - texts[:, 0] + 1).sum()):
        raise SystemExit(f"{file} belongs to another corpus")
    return replace(corpus, patches=np.unpackbits(stored["starts"], count=int(stored["count"])).astype(bool))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder written by prepare.py")
    parser.add_argument("model", type=Path, help="folder written by export.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    # Only here: beside a GPU, where on_gpu.py uses the rest, there may be no safetensors.
    from artifact import load_model, read_config

    if args.threads:
        torch.set_num_threads(args.threads)
    corpus, model = Corpus.open(args.data), load_model(args.model).to(args.device)
    # Batches that fit into the caches are quicker on a processor.
    entropies = find_entropies(model, corpus, 1 << 18 if args.device.startswith("cuda") else 1 << 14)
    starts = entropies > read_config(args.model)["patching_threshold"]
    write_patches(starts, args.out)
    print(f"{len(starts) / starts.sum():.3f} bytes per patch")


if __name__ == "__main__":
    main()
