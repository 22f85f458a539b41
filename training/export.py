"""Export a checkpoint: weights in f16, configuration with the threshold, figures, model card.

Usage::

    python export.py RUN VALID OUT

The threshold and all figures are those of the rounded weights, read back from the file.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any

import torch

from artifact import load_model, write_json, write_model
from evaluate import read_all, read_documents, score, table
from model import EntropyConfig, EntropyModel
from patching import choose_threshold
from trainer import CHECKPOINT

CARD, FIGURES = "README.md", "figures.json"
CARD_TEMPLATE = Path(__file__).with_name("card.md")
SOURCES = Path(__file__).with_name("sources.md")


def load_checkpoint(run: Path) -> tuple[EntropyModel, dict[str, Any]]:
    """The model of a run, and the rest of its checkpoint."""
    state = torch.load(run / CHECKPOINT, map_location="cpu", weights_only=True)
    model = EntropyModel(EntropyConfig(**state["config"]))
    model.load_state_dict(state.pop("model"))
    return model.eval(), state


def card(figures: dict[str, Any], results: str) -> str:
    """The model card, filled in with the figures of the run."""
    settings = figures["settings"]
    lengths = " then ".join(f"{n} ({share:.0%} of the time)" for n, share in settings["lengths"])
    boost = ", ".join(f"{name} x {factor}" for name, factor in settings["boost"].items())
    return Template(CARD_TEMPLATE.read_text(encoding="utf-8")).substitute(
        parameters=f"{figures['parameters']:,}",
        threshold=figures["threshold"],
        steps=f"{figures['steps']:,}",
        megabytes=f"{figures['bytes_seen'] / 1e6:.1f}",
        minutes=figures["minutes"],
        rate=f"{figures['bytes_per_second']:,}",
        tokens_per_step=f"{settings['tokens_per_step']:,}",
        learning_rate=settings["learning_rate"],
        lengths=lengths,
        from_start=f"{settings['from_start']:.0%}",
        boost=boost or "none",
        seed=settings["seed"],
        results=results,
        sources=SOURCES.read_text(encoding="utf-8").rstrip(),
    )


def export(run: Path, valid: Path, out: Path, category: str = "en_prose", wanted: float = 4.5) -> dict[str, Any]:
    """Write everything to ``out`` and return the figures."""
    model, state = load_checkpoint(run)
    write_model(model, out)
    documents = read_documents(valid)
    readings = read_all(load_model(out), documents)
    threshold = choose_threshold([reading.entropies for reading in readings[category]], wanted)
    write_model(model, out, threshold)
    scores = score(documents, readings, threshold)
    figures = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": state["step"],
        "bytes_seen": state["bytes_seen"],
        "minutes": round(state["elapsed"] / 60, 1),
        "bytes_per_second": round(state["bytes_seen"] / state["elapsed"]),
        "settings": state["settings"],
        "threshold": threshold,
        "threshold_from": {"category": category, "mean_patch": wanted},
        "categories": {name: asdict(s) for name, s in scores.items()},
    }
    write_json(out / FIGURES, figures)
    (out / CARD).write_text(card(figures, table(scores)), encoding="utf-8")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of train_entropy.py")
    parser.add_argument("valid", type=Path, help="folder with one <category>.txt per category")
    parser.add_argument("out", type=Path)
    parser.add_argument("--category", default="en_prose", help="category that decides the threshold")
    parser.add_argument("--mean-patch", type=float, default=4.5, help="bytes per patch wanted there")
    args = parser.parse_args()
    figures = export(args.run, args.valid, args.out, args.category, args.mean_patch)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
