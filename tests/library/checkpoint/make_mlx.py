"""Makes `mlx`: an entropy model that MLX itself has quantised and written.

    pip install "mlx[cpu]"
    python tests/library/checkpoint/make_mlx.py

The head has 8 bits in groups of 64, all else 4 bits in groups of 32. What MLX takes the
numbers of the first rows for is in `dequantised.safetensors`.
"""

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn

WIDTH, FEED, VOCABULARY, HEADS = 64, 128, 260, 2
ROWS = 8  # of each matrix that are kept as numbers


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        for name in "qkvo":
            setattr(self, f"{name}_proj", nn.Linear(WIDTH, WIDTH, bias=False))


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj = nn.Linear(WIDTH, FEED, bias=False)
        self.up_proj = nn.Linear(WIDTH, FEED, bias=False)
        self.down_proj = nn.Linear(FEED, WIDTH, bias=False)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn, self.mlp = Attention(), FeedForward()
        self.input_layernorm = nn.RMSNorm(WIDTH)
        self.post_attention_layernorm = nn.RMSNorm(WIDTH)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.layers = [Block()]
        self.norm = nn.RMSNorm(WIDTH)
        self.lm_head = nn.Linear(WIDTH, VOCABULARY, bias=False)


mx.random.seed(1)
model = Model()
model.set_dtype(mx.bfloat16)
four, eight = {"group_size": 32, "bits": 4}, {"group_size": 64, "bits": 8}
quantised = (nn.Linear, nn.Embedding)
nn.quantize(
    model,
    **four,
    class_predicate=lambda path, module: isinstance(module, quantised)
    and (eight if path == "lm_head" else four),
)
folder = Path(__file__).parent / "mlx"
folder.mkdir(exist_ok=True)
model.save_weights(str(folder / "model.safetensors"))

numbers = {}
for name, module in model.named_modules():
    if hasattr(module, "scales"):
        how = eight if name == "lm_head" else four
        pairs = [part[:ROWS].astype(mx.float32) for part in (module.scales, module.biases)]
        parts = [module.weight[:ROWS], *pairs]
        numbers[f"{name}.weight"] = mx.dequantize(*parts, **how)
mx.save_safetensors(str(folder / "dequantised.safetensors"), numbers)

config = {
    "model_type": "blt_patcher",
    "architectures": ["BltPatcher"],
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "head_dim": WIDTH // HEADS,
    "intermediate_size": FEED,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
    "sliding_window": 512,
    "tie_word_embeddings": False,
    "dtype": "bfloat16",
    "patching_mode": "entropy",
    "patching_threshold": 1.3,
    "quantization": {**four, "lm_head": eight},
}
(folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
