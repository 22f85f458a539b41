"""Export a checkpoint: weights in f16, configuration with the threshold, model card.

    python export.py RUN VALID OUT

The threshold and all figures are those of the rounded weights, read back from the file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch
from evaluate import read_all, read_documents, score, table
from model import BOS_ID, EOS_ID, PAD_ID, EntropyConfig, EntropyModel
from safetensors.torch import load_file, save_file
from threshold import choose_threshold
from train_entropy import CHECKPOINT

WEIGHTS, CONFIG, CARD, FIGURES = "model.safetensors", "config.json", "README.md", "figures.json"
CARD_TEMPLATE = Path(__file__).with_name("card.md")


def config_json(config: EntropyConfig, threshold: float | None) -> dict[str, Any]:
    """The configuration in the form of transformers' ``BltPatcherConfig``."""
    return {
        "architectures": ["BltPatcher"],
        "model_type": "blt_patcher",
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_attention_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.intermediate_size,
        "hidden_act": "silu",
        "max_position_embeddings": config.max_position_embeddings,
        "rms_norm_eps": config.rms_norm_eps,
        "rope_parameters": {"rope_theta": config.rope_theta, "rope_type": "default"},
        "sliding_window": config.sliding_window,
        "tie_word_embeddings": False,
        "dtype": "float16",
        "bos_token_id": BOS_ID,
        "eos_token_id": EOS_ID,
        "pad_token_id": PAD_ID,
        "patching_mode": "entropy",
        "patching_threshold": threshold,
    }


def write_model(model: EntropyModel, out: Path, threshold: float | None = None) -> None:
    """Write the weights and the configuration."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {n: t.detach().cpu().half().contiguous() for n, t in model.state_dict().items()}
    save_file(weights, out / WEIGHTS, metadata={"format": "pt"})
    write_json(out / CONFIG, config_json(model.config, threshold))


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def read_config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / CONFIG).read_text(encoding="utf-8"))


def load_model(folder: Path) -> EntropyModel:
    """An exported model, in f32."""
    raw = read_config(folder)
    known = {name: raw[name] for name in EntropyConfig().to_dict() if name in raw}
    model = EntropyModel(EntropyConfig(rope_theta=raw["rope_parameters"]["rope_theta"], **known))
    model.load_state_dict({n: t.float() for n, t in load_file(folder / WEIGHTS).items()})
    return model.eval()


def load_checkpoint(run: Path) -> tuple[EntropyModel, dict[str, Any]]:
    """The model of a run, and everything else in its checkpoint."""
    state = torch.load(run / CHECKPOINT, map_location="cpu", weights_only=True)
    model = EntropyModel(EntropyConfig(**state["config"]))
    model.load_state_dict(state.pop("model"))
    return model.eval(), state


def export(
    run: Path, valid: Path, out: Path, category: str = "en_prose", mean: float = 4.5, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Write everything to ``out`` and return the figures."""
    model, state = load_checkpoint(run)
    write_model(model, out)
    rounded = load_model(out)
    documents = read_documents(valid)
    readings = read_all(rounded, documents)
    threshold = choose_threshold([r.entropies for r in readings[category]], mean)
    write_model(model, out, threshold)
    scores = score(documents, readings, threshold)
    above = np.concatenate([r.entropies for r in readings[category]]) > threshold
    figures = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": state["step"],
        "bytes_seen": state["bytes_seen"],
        "minutes": round(state["elapsed"] / 60, 1),
        "bytes_per_second": round(state["bytes_seen"] / state["elapsed"]),
        "settings": state["settings"],
        "threshold": threshold,
        "threshold_category": category,
        "share_of_bytes_above_threshold": round(float(above.mean()), 4),
        "categories": {name: asdict(s) for name, s in scores.items()},
    }
    write_json(out / FIGURES, figures)
    settings = state["settings"]
    card = Template(CARD_TEMPLATE.read_text(encoding="utf-8")).substitute(
        parameters=f"{figures['parameters']:,}",
        threshold=threshold,
        steps=f"{figures['steps']:,}",
        megabytes=f"{figures['bytes_seen'] / 1e6:.1f}",
        minutes=figures["minutes"],
        rate=f"{figures['bytes_per_second']:,}",
        tokens_per_step=settings["tokens_per_step"],
        learning_rate=settings["learning_rate"],
        lengths=", then ".join(f"{n} ({share:.0%} of the run)" for n, share in settings["lengths"]),
        seed=settings["seed"],
        table=table(scores),
        notes="\n".join(notes),
    )
    (out / CARD).write_text(card, encoding="utf-8")
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
