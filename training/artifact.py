"""Reading and writing the exported model: ``config.json`` and ``model.safetensors`` in f16."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from model import BOS_ID, EOS_ID, PAD_ID, EntropyConfig, EntropyModel

WEIGHTS, CONFIG = "model.safetensors", "config.json"


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


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_model(model: EntropyModel, out: Path, threshold: float | None = None) -> None:
    """Write weights and configuration."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {n: t.detach().cpu().half().contiguous() for n, t in model.state_dict().items()}
    save_file(weights, out / WEIGHTS, metadata={"format": "pt"})
    (out / WEIGHTS).chmod(0o644)
    write_json(out / CONFIG, config_json(model.config, threshold))


def read_config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / CONFIG).read_text(encoding="utf-8"))


def load_model(folder: Path) -> EntropyModel:
    """An exported model, computing in f32."""
    raw = read_config(folder)
    known = {name: raw[name] for name in EntropyConfig().to_dict() if name in raw}
    model = EntropyModel(EntropyConfig(rope_theta=raw["rope_parameters"]["rope_theta"], **known))
    model.load_state_dict({n: t.float() for n, t in load_file(folder / WEIGHTS).items()})
    return model.eval()
