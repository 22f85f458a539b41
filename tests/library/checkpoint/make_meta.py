#!/usr/bin/env python3
"""Make one small model in every layout that a checkpoint can have.

    make_meta.py SOURCE TARGET [--torch]

SOURCE is a checkpoint in the transformers layout whose shapes are at least those below (the golden
k2_base is); the corner of each of its tensors is what every layout in TARGET holds:
  * transformers/        config.json, model.safetensors
  * hub/                 config.json with `args`, train_args.json, model.safetensors under Meta's names,
                         entropy_model/ with params.json and consolidated.pth
  * original/blt_tiny/, original/entropy_model/   params.json and consolidated.pth each
With --torch, PyTorch itself also reads every consolidated.pth, weights only, and writes
  * torch/params.json, torch/consolidated.pth   the entropy model alone with the corners of the corners,
    as parameters, one of them a view into a larger storage.

Without --torch the standard library is enough: pickles are written by Python's own pickler with stand-ins
for the few names of PyTorch that they mention. The members of the archives are not aligned, on purpose.
"""
import json
import pathlib
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

D, G, K, VOCAB, ROWS, TABLES = 8, 16, 2, 260, 50, 6
FFN = {D: 24, G: 48}  # round_up(int(8 * width / 3), 12)
MULTIPLE = 12
THRESHOLD = 1.335442066192627

BLOCK = {
    "attention.wq": ("self_attn.q_proj", lambda d: [d, d]),
    "attention.wk": ("self_attn.k_proj", lambda d: [d, d]),
    "attention.wv": ("self_attn.v_proj", lambda d: [d, d]),
    "attention.wo": ("self_attn.o_proj", lambda d: [d, d]),
    "feed_forward.w1": ("mlp.gate_proj", lambda d: [FFN[d], d]),
    "feed_forward.w2": ("mlp.down_proj", lambda d: [d, FFN[d]]),
    "feed_forward.w3": ("mlp.up_proj", lambda d: [FFN[d], d]),
    "attention_norm": ("input_layernorm", lambda d: [d]),
    "ffn_norm": ("post_attention_layernorm", lambda d: [d]),
}
CROSS = {
    "wq": ("q_proj", lambda d: [d, d]),
    "wk": ("k_proj", lambda d: [d, d]),
    "wv": ("v_proj", lambda d: [d, d]),
    "wo": ("o_proj", lambda d: [d, d]),
    "cross_attn_norm_q": ("q_norm", lambda d: [d]),
    "cross_attn_norm_kv": ("k_norm", lambda d: [d]),
}


def members(theirs, ours, layers, table, width):
    for i in range(layers):
        for name, (other, shape) in table.items():
            yield f"{theirs}.{i}.{name}.weight", f"{ours}.{i}.{other}.weight", shape(width)


def names_of_blt():
    """(Meta's name, transformers' name, shape); the hash tables are apart."""
    yield "local_encoder.tok_embeddings.weight", "model.local_encoder.embed_tokens.weight", [VOCAB, D]
    yield from members("local_encoder.layers", "model.local_encoder.layers", 1, BLOCK, D)
    yield from members("local_encoder.cross_attn_layers", "model.local_encoder.cross_attn_layers", 1, CROSS, D)
    same = "patch_embedding_projection.weight"
    yield f"local_encoder.{same}", f"model.local_encoder.{same}", [K * D, D]
    yield from members("global_transformer.layers", "model.global_transformer.layers", 2, BLOCK, G)
    yield f"local_decoder.{same}", f"model.local_decoder.{same}", [K * D, G]
    yield from members("local_decoder.layers", "model.local_decoder.layers", 2, BLOCK, D)
    yield from members("local_decoder.cross_attn_layers", "model.local_decoder.cross_attn_layers", 2, CROSS, D)
    yield "local_decoder.norm.weight", "model.local_decoder.norm.weight", [D]
    yield "local_decoder.output.weight", "lm_head.weight", [VOCAB, D]


def names_of_entropy():
    yield "tok_embeddings.weight", "model.patcher.embed_tokens.weight", [VOCAB, D]
    yield from members("layers", "model.patcher.layers", 2, BLOCK, D)
    yield "norm.weight", "model.patcher.norm.weight", [D]
    yield "output.weight", "model.patcher.lm_head.weight", [VOCAB, D]


# --- safetensors ---------------------------------------------------------------------------------------


def read(path):
    """safetensors file of F32 -> {name: (shape, bytes)}"""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    data = memoryview(raw)[8 + length :]
    assert all(t["dtype"] == "F32" for t in header.values())
    return {n: (t["shape"], bytes(data[slice(*t["data_offsets"])])) for n, t in header.items()}


def write(path, tensors):
    header, at = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values()))


def corner(tensor, shape, row=0):
    """The first rows and columns, from a row on."""
    (whole, data), width = tensor, tensor[0][-1]
    if len(shape) == 1:
        assert shape[0] <= whole[0]
        return data[: 4 * shape[0]]
    assert row + shape[0] <= whole[0] and shape[1] <= width
    return b"".join(data[4 * width * r : 4 * (width * r + shape[1])] for r in range(row, row + shape[0]))


# --- torch.save ----------------------------------------------------------------------------------------


def stand_in(module, name, value):
    """A thing that pickles by the name that PyTorch has for it."""
    value.__module__, value.__qualname__, value.__name__ = module, name, name
    setattr(sys.modules.setdefault(module, types.ModuleType(module)), name, value)
    return value


class Storage:
    def __init__(self, key, elements):
        self.key, self.elements = key, elements


class Tensor:
    def __init__(self, storage, shape):
        self.storage, self.shape = storage, shape

    def __reduce__(self):
        strides, step = [], 1
        for n in reversed(self.shape):
            strides.insert(0, step)
            step *= n
        # storage, offset, size, stride, requires_grad, backward_hooks
        return REBUILD, (self.storage, 0, tuple(self.shape), tuple(strides), False, OrderedDict())


def save(path, tensors):
    """What torch.save({"model": tensors}) writes."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                return ("storage", FLOAT, thing.key, "cpu", thing.elements)
            return None

    model = OrderedDict()
    files = {}
    for name, (shape, data) in tensors.items():
        key = str(len(files))
        files[key] = data
        model[name] = Tensor(Storage(key, len(data) // 4), shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:

        def member(name, data):
            archive.writestr(zipfile.ZipInfo(f"consolidated/{name}"), data)

        with archive.open(zipfile.ZipInfo("consolidated/data.pkl"), "w") as out:
            Pickler(out, protocol=2).dump({"model": model})
        member("byteorder", b"little")
        for key, data in files.items():
            member(f"data/{key}", data)
        member("version", b"3\n")


# --- configs -------------------------------------------------------------------------------------------


def dump(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def transformers_config(source):
    """The source's config with the sizes of the corner."""
    config = json.loads((source / "config.json").read_text())
    config["encoder_hash_byte_group_vocab"] = ROWS
    config["patching_threshold"] = THRESHOLD
    for part in ("encoder_config", "decoder_config", "patcher_config", "global_config"):
        width = G if part == "global_config" else D
        config[part].update(hidden_size=width, intermediate_size=FFN[width], num_attention_heads=4)
        config[part].pop("head_dim", None)
    for part in ("encoder_config", "decoder_config"):
        config[part]["hidden_size_global"] = G
    return config


BLT_ARGS = {
    "dim": 512, "n_layers": 8, "head_dim": None, "n_heads": 8, "n_kv_heads": None, "ffn_dim_multiplier": 1.0,
    "multiple_of": MULTIPLE, "norm_eps": 1e-5, "rope_theta": 500000.0, "max_seqlen": 4096, "attn_impl": "xformers",
    "attn_bias_type": "block_causal", "eos_id": 2, "seed": 42, "vocab_size": VOCAB, "weight_tying": False,
    "patch_in_forward": False, "dim_token": D, "dim_global": G, "dim_local_decoder": D, "dim_local_encoder": D,
    "n_layers_global": 2, "n_layers_local_decoder": 2, "n_layers_local_encoder": 1, "patch_size": 4.5,
    "patching_mode": "entropy", "patching_threshold": 3.0, "patching_threshold_add": None, "monotonicity": False,
    "max_patch_length": None, "tie_local_encoder_decoder_logits": False, "use_local_encoder_transformer": True,
    "max_encoder_seq_length": 24576, "encoder_enable_byte_ngrams": False, "cross_attn_encoder": True,
    "cross_attn_decoder": True, "cross_attn_window_encoder": None, "cross_attn_window_decoder": None,
    "cross_attn_k": K, "cross_attn_nheads": 4, "cross_attn_all_layers_decoder": True,
    "cross_attn_all_layers_encoder": False, "cross_attn_init_by_pooling": True,
    "encoder_hash_byte_group_size": [3, 4, 5, 6, 7, 8], "encoder_hash_byte_group_vocab": ROWS,
    "encoder_hash_byte_group_nb_functions": 1, "non_linearity": "swiglu", "use_rope": True, "norm_affine": True,
    "pre_norm": True, "norm_type": "rmsnorm", "encoder_ngram_to_size_str": None, "downsampling_by_pooling": "max",
    "n_heads_global": 4, "n_heads_local_decoder": 4, "n_heads_local_encoder": 4, "n_kv_heads_global": None,
    "local_attention_window_len": 512, "pm_size": 0, "share_encoder_decoder_emb": True,
}
PATCHER_ARGS = {
    "patching_mode": "entropy", "threshold": THRESHOLD, "threshold_add": None, "max_patch_length": None,
    "patch_size": 4.5, "monotonicity": False, "realtime_patching": False,
}
TRAIN_ARGS = {
    "name": "tiny", "seed": 777, "data": {"batch_size": 2, "patcher_args": PATCHER_ARGS},
    "model": BLT_ARGS, "entropy_model": None, "train_entropy_model": False,
}


def entropy_params(width, heads, mode):
    args = {"dim": width, "n_layers": 2, "n_heads": heads, "vocab_size": VOCAB, "max_seqlen": 8192,
            "ffn_dim_multiplier": 1.0, "multiple_of": MULTIPLE, "sliding_window": None}
    # What its training was to cut with means nothing.
    return {"name": "tiny-entropy", "data": {"patcher_args": {"patching_mode": mode, "threshold": 9.0}},
            "model": None, "entropy_model": args, "train_entropy_model": True}


def main(source, target, torch):
    ours = read(source / "model.safetensors")
    hash_name = "model.encoder_hash_tok_embedding.weight"
    rows = ours[hash_name][0][0] // TABLES
    tables = {f"encoder_hash_tok_embedding.{i}.weight": ([ROWS, D], corner(ours[hash_name], [ROWS, D], i * rows))
              for i in range(TABLES)}
    blt, entropy, plain = dict(tables), {}, {}
    plain[hash_name] = ([TABLES * ROWS, D], b"".join(data for _, data in tables.values()))
    for names, theirs in ((names_of_blt(), blt), (names_of_entropy(), entropy)):
        for meta, transformers, shape in names:
            theirs[meta] = plain[transformers] = (shape, corner(ours[transformers], shape))

    dump(target / "transformers/config.json", transformers_config(source))
    write(target / "transformers/model.safetensors", plain)
    dump(target / "hub/config.json", {"args": BLT_ARGS})
    dump(target / "hub/train_args.json", TRAIN_ARGS)
    write(target / "hub/model.safetensors", blt)
    dump(target / "hub/entropy_model/params.json", entropy_params(D, 4, "byte"))
    save(target / "hub/entropy_model/consolidated.pth", entropy)
    dump(target / "original/blt_tiny/params.json", TRAIN_ARGS)
    save(target / "original/blt_tiny/consolidated.pth", blt)
    dump(target / "original/entropy_model/params.json", entropy_params(D, 4, "byte"))
    save(target / "original/entropy_model/consolidated.pth", entropy)
    if torch:
        with_torch(target, entropy)


def with_torch(target, entropy):
    for name in list(sys.modules):
        if name.split(".")[0] == "torch":
            del sys.modules[name]
    import torch

    for path in target.glob("*/*/consolidated.pth"):
        read_back = torch.load(path, weights_only=True)["model"]
        print(path, len(read_back), "tensors read by torch", torch.__version__)
    width, ffn = 2, MULTIPLE
    model = OrderedDict()
    for name, (shape, data) in entropy.items():
        whole = torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
        small = [n if n == VOCAB else ffn if n == FFN[D] else width for n in shape]
        tensor = whole[tuple(slice(n) for n in small)].contiguous().to(torch.bfloat16)
        model[name] = torch.nn.Parameter(tensor)
    # Two tensors of one storage.
    both = torch.cat([model["norm.weight"].data, model["layers.0.ffn_norm.weight"].data])
    model["norm.weight"] = torch.nn.Parameter(both[:width])
    model["layers.0.ffn_norm.weight"] = both[width:]
    model._metadata = OrderedDict({"": {"version": 1}})
    dump(target / "torch/params.json", entropy_params(width, 1, "entropy"))
    torch.save({"model": model, "step": 7}, target / "torch/consolidated.pth")


REBUILD = stand_in("torch._utils", "_rebuild_tensor_v2", lambda *_: None)
FLOAT = stand_in("torch", "FloatStorage", type("FloatStorage", (), {}))

if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), "--torch" in sys.argv[3:])
