"""Bits per byte and mean patch length of an exported model, by category.

Usage::

    python evaluate.py MODEL VALID            # a whole model, or an entropy model
    python evaluate.py MODEL VALID --entropy  # the entropy model of a whole one

``VALID`` holds one ``<category>.txt`` per category; its documents are separated by a line
that holds only the byte 0x1E.  Every document is read from BOS on, with its own context; a whole
model begins anew when its positions are used up.
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from artifact import load_blt, load_model, read_config
from blt import Blt
from model import PAD_ID, Cache, EntropyModel, encode, entropy
from patching import first_patch, inside_characters, mean_patch

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
    first_patch: float
    """Bytes per patch in the first 80 bytes of every document."""
    inside: float
    """Share of the boundaries inside a character."""


def logits_of_entropy_model(model: EntropyModel, tokens: Tensor) -> Iterator[Tensor]:
    """Logits of one document in chunks; the cache makes that the same as in one piece."""
    cache = Cache()
    for part in tokens.split(CHUNK, dim=1):
        yield model(part, cache)[0]


def logits_of_blt(model: Blt, text: Tensor) -> Iterator[Tensor]:
    """Logits of one document in pieces of as many positions as the model has."""
    window = model.config.local.sliding_window
    limit = min(model.config.local.max_position_embeddings, model.config.latent_positions)
    for piece in text[:, 1:].split(limit, dim=1):
        # BOS, and all but the last byte, which is only ever a target.
        tokens = torch.cat((text[:, :1], piece[:, :-1]), dim=1)
        length = tokens.shape[1]
        padding = -length % window if length > window else 0
        tokens = F.pad(tokens, (0, padding), value=PAD_ID)
        yield model(*model.inputs(tokens))[0, :length]


@torch.inference_mode()
def measure(model: EntropyModel | Blt, text: bytes) -> Reading:
    """Read one document; entropies are those of the model's own predictions."""
    text_ids = encode(text).to(model.lm_head.weight.device)
    if isinstance(model, Blt):
        pieces = logits_of_blt(model, text_ids)
    else:
        pieces = logits_of_entropy_model(model, text_ids[:, :-1])
    nats, entropies, read = [], [], 1
    for logits in pieces:
        wanted = text_ids[0, read : read + len(logits), None]
        nats.append(-logits.log_softmax(-1).gather(1, wanted)[:, 0].cpu())
        entropies.append(entropy(logits).cpu())
        read += len(logits)
    if not nats:
        return Reading(np.zeros(0, np.float32), np.zeros(0, np.float32))
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


def first(texts: list[bytes], limit: int | None) -> list[bytes]:
    """The first documents that together hold at least ``limit`` bytes; without a limit all."""
    kept, size = [], 0
    for text in texts:
        if limit is not None and size >= limit:
            break
        kept.append(text)
        size += len(text)
    return kept


def read_all(model: EntropyModel | Blt, documents: dict[str, list[bytes]]) -> dict[str, list[Reading]]:
    return {name: [measure(model, text) for text in texts] for name, texts in documents.items()}


def score(documents: dict[str, list[bytes]], readings: dict[str, list[Reading]], threshold: float) -> dict[str, Score]:
    """The figures by category, with xz on the same bytes to compare with."""
    scores = {}
    for name, texts in documents.items():
        size = sum(map(len, texts))
        entropies = [reading.entropies for reading in readings[name]]
        packed = lzma.compress(b"".join(texts), preset=9 | lzma.PRESET_EXTREME)
        nats = sum(float(reading.nats.sum(dtype=np.float64)) for reading in readings[name])
        scores[name] = Score(
            bytes=size,
            documents=len(texts),
            bits_per_byte=round(nats / size / math.log(2), 4),
            xz_bits_per_byte=round(8 * len(packed) / size, 4),
            mean_patch=round(mean_patch(entropies, threshold), 3),
            first_patch=round(first_patch(entropies, threshold), 3),
            inside=round(inside_characters(entropies, texts, threshold), 4),
        )
    return scores


def table(scores: dict[str, Score]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| category | bytes | bits per byte | xz -9e | mean patch | first 80 bytes | boundaries in characters |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, s in scores.items():
        bits = f"{s.bits_per_byte:.3f} | {s.xz_bits_per_byte:.3f}"
        lines.append(f"| {name} | {s.bytes} | {bits} | {s.mean_patch:.2f} | {s.first_patch:.2f} | {s.inside:.1%} |")
    return "\n".join(lines)


def blt_table(scores: dict[str, tuple[int, float]]) -> str:
    """Bytes and bits per byte as a Markdown table; patches are those of the entropy model."""
    lines = ["| category | bytes | bits per byte |", "|---|---:|---:|"]
    lines += [f"| {name} | {size} | {bits:.3f} |" for name, (size, bits) in scores.items()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder of an exported model")
    parser.add_argument("valid", type=Path, help="folder with one <category>.txt per category")
    parser.add_argument("--entropy", action="store_true", help="the entropy model of a whole model")
    parser.add_argument("--threshold", type=float, help="instead of the model's own")
    parser.add_argument("--bytes", type=int, help="read no more of each category than this (about)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    raw = read_config(args.model)
    whole = "patcher_config" in raw and not args.entropy
    threshold = args.threshold or raw["patching_threshold"]
    documents = {name: first(texts, args.bytes) for name, texts in read_documents(args.valid).items()}
    model = (load_blt if whole else load_model)(args.model).to(args.device)
    if whole and args.threshold:
        model.config = replace(model.config, threshold=args.threshold)
    readings = read_all(model, documents)
    if whole:
        found = {
            name: (
                sum(map(len, texts)),
                float(sum(r.nats.sum(dtype=np.float64) for r in readings[name])) / sum(map(len, texts)) / math.log(2),
            )
            for name, texts in documents.items()
        }
        print(json.dumps(found, indent=2) if args.json else f"threshold {threshold} nats\n\n{blt_table(found)}")
        return
    scores = score(documents, readings, threshold)
    if args.json:
        print(json.dumps({name: asdict(s) for name, s in scores.items()}, indent=2))
    else:
        print(f"threshold {threshold} nats\n\n{table(scores)}")


if __name__ == "__main__":
    main()
