"""Export a checkpoint of the whole model: weights in f16, and its configuration.

Usage::

    python export_blt.py RUN OUT

Also writes ``training.json``, what is known of the run, and ``training.svg``, its bits per byte, for the
model card.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from artifact import write_blt, write_json
from blt import Blt, BltConfig
from curve import draw_log
from model import EntropyModel
from trainer import CHECKPOINT


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of train_blt.py")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    state = torch.load(args.run / CHECKPOINT, map_location="cpu", weights_only=True)
    config = BltConfig.from_dict(state["config"])
    model = Blt(config, EntropyModel(config.entropy))
    model.load_state_dict(state["model"])
    write_blt(model, args.out)
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    facts = {
        "parameters": sum(parts.values()),
        "parameters_by_part": parts,
        "steps": state["step"],
        "bytes_seen": state["bytes_seen"],
        "minutes": round(state["elapsed"] / 60, 1),
        "settings": state["settings"],
    }
    write_json(args.out / "training.json", facts)
    draw_log(args.run / "log.jsonl", args.out / "training.svg")


if __name__ == "__main__":
    main()
