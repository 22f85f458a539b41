"""Reading and writing exported models: ``config.json`` and ``model.safetensors`` in f16."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from blt import Blt, BltConfig
from model import BOS_ID, EOS_ID, PAD_ID, EntropyConfig, EntropyModel

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def stack_json(config: EntropyConfig, positions: int) -> dict[str, Any]:
    """What the configurations of all stacks of blocks have in common."""
    return {
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_attention_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.intermediate_size,
        "hidden_act": "silu",
        "max_position_embeddings": positions,
        "rms_norm_eps": config.rms_norm_eps,
        "rope_parameters": {"rope_theta": config.rope_theta, "rope_type": "default"},
    }


def config_json(config: EntropyConfig, threshold: float | None) -> dict[str, Any]:
    """The configuration in the form of transformers' ``BltPatcherConfig``."""
    return {
        "architectures": ["BltPatcher"],
        "model_type": "blt_patcher",
        "vocab_size": config.vocab_size,
        **stack_json(config, config.max_position_embeddings),
        "sliding_window": config.sliding_window,
        "tie_word_embeddings": False,
        "dtype": "float16",
        "bos_token_id": BOS_ID,
        "eos_token_id": EOS_ID,
        "pad_token_id": PAD_ID,
        "patching_mode": "entropy",
        "patching_threshold": threshold,
    }


def blt_config_json(config: BltConfig) -> dict[str, Any]:
    """The configuration in the form of transformers' ``BltConfig``."""
    patcher, local = config.entropy, config.local
    cross = {"cross_attn_k": config.cross_attn_k, "hidden_size_global": config.latent_size}
    window = {"vocab_size": local.vocab_size, "sliding_window": local.sliding_window}
    patcher_window = window | {"sliding_window": patcher.sliding_window}

    def stack(shape: EntropyConfig, layers: int, positions: int) -> dict[str, Any]:
        return stack_json(replace(shape, num_hidden_layers=layers), positions)

    return {
        "architectures": ["BltForCausalLM"],
        "model_type": "blt",
        "vocab_size": local.vocab_size,
        "max_position_embeddings": local.max_position_embeddings,
        "rope_parameters": {"rope_theta": local.rope_theta, "rope_type": "default"},
        "tie_word_embeddings": False,
        "dtype": "float16",
        "bos_token_id": BOS_ID,
        "eos_token_id": EOS_ID,
        "pad_token_id": PAD_ID,
        "patch_in_forward": True,
        "patching_mode": "entropy",
        "patching_threshold": config.threshold,
        "patch_size": 4,
        "max_patch_length": None,
        "local_attention_window_len": local.sliding_window,
        "cross_attn_k": config.cross_attn_k,
        "encoder_hash_byte_group_size": list(config.hash_sizes),
        "encoder_hash_byte_group_vocab": config.hash_vocab,
        "encoder_hash_byte_group_nb_functions": 1,
        "patcher_config": stack(patcher, patcher.num_hidden_layers, patcher.max_position_embeddings) | patcher_window,
        "encoder_config": stack(local, config.encoder_layers, local.max_position_embeddings)
        | window
        | cross
        | {"cross_attn_all_layers": False},
        "global_config": stack_json(config.latent, config.latent_positions),
        "decoder_config": stack(local, config.decoder_layers, local.max_position_embeddings)
        | window
        | cross
        | {"cross_attn_all_layers": True},
    }


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_weights(weights: dict[str, Tensor], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rounded = {n: t.detach().cpu().half().contiguous() for n, t in weights.items()}
    for name, tensor in rounded.items():
        if not tensor.isfinite().all():
            raise ValueError(f"{name} holds values that f16 cannot")
    save_file(rounded, out / WEIGHTS, metadata={"format": "pt"})
    (out / WEIGHTS).chmod(0o644)


def write_model(model: EntropyModel, out: Path, threshold: float | None = None) -> None:
    """Write weights and configuration of an entropy model."""
    write_weights(model.state_dict(), out)
    write_json(out / CONFIG, config_json(model.config, threshold))


def write_blt(model: Blt, out: Path) -> None:
    """Write weights and configuration of the whole model, with its entropy model."""
    weights = {n if n.startswith("lm_head") else f"model.{n}": t for n, t in model.state_dict().items()}
    write_weights(weights, out)
    write_json(out / CONFIG, blt_config_json(model.config))


def read_config(folder: Path) -> dict[str, Any]:
    return json.loads((folder / CONFIG).read_text(encoding="utf-8"))


def entropy_config(raw: dict[str, Any]) -> EntropyConfig:
    known = {name: raw[name] for name in EntropyConfig().to_dict() if name in raw}
    return EntropyConfig(rope_theta=raw["rope_parameters"]["rope_theta"], **known)


def read_weights(folder: Path) -> dict[str, Tensor]:
    return {n.removeprefix("model."): t.float() for n, t in load_file(folder / WEIGHTS).items()}


def load_model(folder: Path) -> EntropyModel:
    """An exported entropy model, or that of an exported whole model, computing in f32."""
    raw, weights = read_config(folder), read_weights(folder)
    if "patcher_config" in raw:
        raw = raw["patcher_config"]
        weights = {n.removeprefix("patcher."): t for n, t in weights.items() if n.startswith("patcher.")}
    model = EntropyModel(entropy_config(raw))
    model.load_state_dict(weights)
    return model.eval()


def load_blt(folder: Path) -> Blt:
    """An exported whole model, computing in f32."""
    raw, weights = read_config(folder), read_weights(folder)
    latent, window = raw["global_config"], raw["local_attention_window_len"]
    config = BltConfig(
        entropy=entropy_config(raw["patcher_config"]),
        threshold=raw["patching_threshold"],
        local_window=None if window == raw["patcher_config"]["sliding_window"] else window,
        encoder_layers=raw["encoder_config"]["num_hidden_layers"],
        decoder_layers=raw["decoder_config"]["num_hidden_layers"],
        cross_attn_k=raw["cross_attn_k"],
        hash_sizes=tuple(raw["encoder_hash_byte_group_size"]),
        hash_vocab=raw["encoder_hash_byte_group_vocab"],
        latent_size=latent["hidden_size"],
        latent_layers=latent["num_hidden_layers"],
        latent_heads=latent["num_attention_heads"],
        latent_intermediate=latent["intermediate_size"],
        latent_positions=latent["max_position_embeddings"],
        latent_rope_theta=latent["rope_parameters"]["rope_theta"],
    )
    model = Blt(config, EntropyModel(config.entropy))
    model.load_state_dict(weights)
    return model.eval()
