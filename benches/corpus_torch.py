"""Entropies of a corpus in PyTorch on the CPU: f32, batches of 32 texts, padded on the right.

Usage::

    python benches/corpus_torch.py CORPUS.jsonl --model assets/entropy --threads 2

What ``blt corpus --layout meta`` does, as one would write it first: BOS, the bytes and EOS of each
text in chunks of 8192 tokens, 32 chunks of similar length at a time (sorted by length, so that
little is padding), the forward pass, and the entropies as halves. ``--order file`` takes them
as they come instead. The network is the one that the model was trained with.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "training"))

from artifact import load_model  # noqa: E402
from model import BOS_ID, EOS_ID, PAD_ID, BYTE_OFFSET, entropy  # noqa: E402

CHUNK = 8192


def chunks(texts: list[bytes]) -> list[torch.Tensor]:
    found = []
    for text in texts:
        ids = [BOS_ID, *(byte + BYTE_OFFSET for byte in text), EOS_ID]
        found += [torch.tensor(ids[at : at + CHUNK]) for at in range(0, len(ids), CHUNK)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="lines of JSON with a `text`")
    parser.add_argument("--model", type=Path, default=Path("assets/entropy"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--bytes", type=int, default=1 << 20, help="how much of the corpus to read")
    parser.add_argument("--order", choices=["length", "file"], default="length")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = load_model(args.model)
    texts, total = [], 0
    with args.corpus.open(encoding="utf-8") as lines:
        for line in lines:
            texts.append(json.loads(line)["text"].encode())
            total += len(texts[-1])
            if total >= args.bytes:
                break
    parts = chunks(texts)
    if args.order == "length":
        parts.sort(key=len, reverse=True)
    started, rows, padded = time.perf_counter(), 0, 0
    with torch.inference_mode():
        for at in range(0, len(parts), args.batch):
            batch = parts[at : at + args.batch]
            ids = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True, padding_value=PAD_ID)
            # In whole windows attention takes blocks, which is far less than all pairs.
            window = model.config.sliding_window
            if ids.shape[1] > window:
                ids = torch.nn.functional.pad(ids, (0, -ids.shape[1] % window), value=PAD_ID)
            nats = entropy(model(ids))
            halves = [row[: len(part)].half() for row, part in zip(nats, batch)]
            rows += sum(len(half) for half in halves)
            padded += ids.numel()
    seconds = time.perf_counter() - started
    print(
        f"{len(texts)} texts, {total} bytes, {rows} tokens ({100 - 100 * rows / padded:.1f} % padding):"
        f" {total / seconds:.0f} bytes/s, {args.threads} threads, batches of {args.batch}"
    )


if __name__ == "__main__":
    main()
