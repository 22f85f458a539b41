"""The command line that all training commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch

from model import Network
from prepare import Corpus
from trainer import Settings, Trainer


def parse_pairs(text: str) -> list[tuple[str, float]]:
    """``a:1,b:2`` as pairs."""
    pairs = [item.split(":") for item in text.split(",") if item]
    return [(name, float(value)) for name, value in pairs]


def parser(description: str, lengths: str) -> argparse.ArgumentParser:
    """The options of a run; ``lengths`` is the default of ``--lengths``."""
    default = Settings()
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", type=Path, help="folder written by prepare.py")
    parser.add_argument("run", type=Path, help="folder for the checkpoint and the log")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=int)
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--bytes", type=int, help="text to read, each time that it is read")
    parser.add_argument("--tokens-per-step", type=int, default=default.tokens_per_step)
    parser.add_argument("--lengths", default=lengths, help="sequence length : share of the run [%(default)s]")
    parser.add_argument(
        "--from-start",
        type=float,
        default=default.from_start,
        help="share of sequences that begin a text [%(default)s]",
    )
    parser.add_argument("--boost", default="", help="category:factor, comma separated")
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default=default.optimizer)
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate)
    parser.add_argument(
        "--begun-rate", type=float, default=default.begun_rate, help="factor for layers that began trained"
    )
    parser.add_argument(
        "--latent-rate", type=float, default=default.latent_rate, help="factor for what works on patches"
    )
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads")
    parser.add_argument("--no-bf16", action="store_true")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--log-every", type=int, default=100)
    parser.add_argument("--save-minutes", type=float, default=5.0)
    return parser


def train(
    args: argparse.Namespace, make_model: Callable[[], Network], change: Callable[[Corpus], Corpus] = lambda c: c
) -> None:
    """Run what the options ask for; every report goes to standard output and to ``RUN/log.jsonl``."""
    if args.threads:
        torch.set_num_threads(args.threads)
    settings = Settings(
        steps=args.steps,
        minutes=args.minutes,
        bytes=args.bytes,
        tokens_per_step=args.tokens_per_step,
        lengths=tuple((int(length), share) for length, share in parse_pairs(args.lengths)),
        from_start=args.from_start,
        boost=dict(parse_pairs(args.boost)),
        optimizer=args.optimizer,
        learning_rate=args.learning_rate,
        begun_rate=args.begun_rate,
        latent_rate=args.latent_rate,
        seed=args.seed,
        bf16=not args.no_bf16,
    )
    corpus = change(Corpus.open(args.data))
    trainer = Trainer(corpus, args.run, settings, make_model, args.device, not args.no_compile)
    if args.resume:
        trainer.load()
    args.run.mkdir(parents=True, exist_ok=True)
    with (args.run / "log.jsonl").open("a" if args.resume else "w", encoding="utf-8") as log:
        for report in trainer.train(args.log_every, args.save_minutes):
            line = json.dumps(report)
            print(line, flush=True)
            print(line, file=log, flush=True)
