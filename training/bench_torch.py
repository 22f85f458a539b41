"""Speed of an exported model in PyTorch on the CPU: f32, forward pass and entropies.

Usage::

    python bench_torch.py MODEL TEXT --threads 2

Reads the text in chunks of 1024 tokens, once each chunk on its own and once with the keys
and values of the chunk before, which is what reading a long document takes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch

from artifact import load_model
from model import Cache, encode, entropy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder written by export.py")
    parser.add_argument("text", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=1024)
    parser.add_argument("--bytes", type=int, default=65536, help="how much of the text to read")
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = load_model(args.model)
    tokens = encode(args.text.read_bytes()[: args.bytes])
    chunks = [part for part in tokens.split(args.chunk, dim=1) if part.shape[1] == args.chunk]
    size = args.chunk * len(chunks)
    with torch.inference_mode():
        for name, streaming in (("separate chunks", False), ("one document", True)):
            seconds = []
            for _ in range(args.repeat + 1):
                started, cache = time.perf_counter(), Cache() if streaming else None
                for chunk in chunks:
                    entropy(model(chunk, cache))
                seconds.append(time.perf_counter() - started)
            seconds = seconds[1:]  # the first one warms up
            print(
                f"{name:16} {size / statistics.median(seconds):9.0f} bytes/s median,"
                f" {size / min(seconds):9.0f} best of {args.repeat},"
                f" {args.threads} threads, chunk {args.chunk}"
            )


if __name__ == "__main__":
    main()
