"""Bits per byte and mean patch length of an exported model, by category.

Usage::

    python evaluate.py MODEL VALID

``VALID`` holds one ``<category>.txt`` per category; its documents are separated by a line
that holds only the byte 0x1E.  Every document is read from BOS on, with its own context.
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from artifact import load_model, read_config
from model import Cache, EntropyModel, encode, entropy
from patching import mean_patch

SEPARATOR = b"\x1e\n"
CHUNK = 512


@dataclass(frozen=True)
class Reading:
    """What the model said about every byte of a document, given those before it."""

    nats: np.ndarray
    """Minus the logarithm of the probability it gave the byte."""
    entropies: np.ndarray
    """Entropy of its prediction over all ids."""


@dataclass(frozen=True)
class Score:
    """Figures of one category."""

    bytes: int
    documents: int
    bits_per_byte: float
    xz_bits_per_byte: float
    mean_patch: float


@torch.inference_mode()
def measure(model: EntropyModel, text: bytes) -> Reading:
    """Read one document in chunks; the cache makes that the same as in one piece."""
    device = model.lm_head.weight.device
    tokens = encode(text)[:, :-1].to(device)
    targets = encode(text)[0, 1:].to(device)
    cache, nats, entropies = Cache(), [], []
    for begin in range(0, max(len(text), 1), CHUNK):
        logits = model(tokens[:, begin : begin + CHUNK], cache)[0]
        wanted = targets[begin : begin + CHUNK, None]
        nats.append(-logits.log_softmax(-1).gather(1, wanted)[:, 0].cpu())
        entropies.append(entropy(logits).cpu())
    return Reading(torch.cat(nats).numpy(), torch.cat(entropies).numpy())


def read_documents(folder: Path) -> dict[str, list[bytes]]:
    """The documents of every category."""
    found = {
        path.stem: [text for text in path.read_bytes().split(SEPARATOR) if text]
        for path in sorted(folder.glob("*.txt"))
    }
    if not found:
        raise SystemExit(f"no <category>.txt in {folder}")
    return found


def read_all(model: EntropyModel, documents: dict[str, list[bytes]]) -> dict[str, list[Reading]]:
    return {name: [measure(model, text) for text in texts] for name, texts in documents.items()}


def score(documents: dict[str, list[bytes]], readings: dict[str, list[Reading]], threshold: float) -> dict[str, Score]:
    """The figures by category, with xz on the same bytes to compare with."""
    scores = {}
    for name, texts in documents.items():
        size = sum(map(len, texts))
        packed = lzma.compress(b"".join(texts), preset=9 | lzma.PRESET_EXTREME)
        nats = sum(float(reading.nats.sum(dtype=np.float64)) for reading in readings[name])
        scores[name] = Score(
            bytes=size,
            documents=len(texts),
            bits_per_byte=round(nats / size / math.log(2), 4),
            xz_bits_per_byte=round(8 * len(packed) / size, 4),
            mean_patch=round(mean_patch([r.entropies for r in readings[name]], threshold), 3),
        )
    return scores


def table(scores: dict[str, Score]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| category | bytes | bits per byte | xz -9e | mean patch (bytes) |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, s in scores.items():
        lines.append(f"| {name} | {s.bytes} | {s.bits_per_byte:.3f} | {s.xz_bits_per_byte:.3f} | {s.mean_patch:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder written by export.py")
    parser.add_argument("valid", type=Path, help="folder with one <category>.txt per category")
    parser.add_argument("--threshold", type=float, help="instead of the model's own")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    threshold = args.threshold or read_config(args.model)["patching_threshold"]
    documents = read_documents(args.valid)
    readings = read_all(load_model(args.model).to(args.device), documents)
    scores = score(documents, readings, threshold)
    if args.json:
        print(json.dumps({name: asdict(s) for name, s in scores.items()}, indent=2))
    else:
        print(f"threshold {threshold} nats\n\n{table(scores)}")


if __name__ == "__main__":
    main()
