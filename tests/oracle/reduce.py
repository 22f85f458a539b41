#!/usr/bin/env python3
"""Cut the golden data of whole BLTs down to what the tests need.

    reduce.py SOURCE TARGET

SOURCE holds one folder per variant (config.json, model.safetensors, golden_<input>.safetensors)
and manifest.json; TARGET receives the same with
  * config.json and model.safetensors as they are,
  * golden_<input>.safetensors: every stage, except the entropy model's logits where they are heavy and
    stages that another one repeats (the last latent layer is `global_out`; without a projection into the
    latent model, `global_in` is `enc_cross`),
  * golden_eos.safetensors: Meta's document-masked run (eosmask_meta.safetensors), where the source has one,
  * manifest.json: the inputs in hex, and per variant the threshold and its margin,
  * shapes.json: name and shape of every tensor of every checkpoint.

Tensors are copied as raw bytes, so every dtype (bf16 too) survives untouched; the standard library is enough.
"""
import json
import pathlib
import shutil
import struct
import sys

# Inputs whose 260 logits of the entropy model per position would outweigh everything
# else: their entropies are kept.
NO_PATCHER_LOGITS = ("long", "repeat", "code")
FACTS = ("seed", "threshold", "threshold_margin", "entropy_min", "entropy_median", "entropy_max")


def read(path):
    """safetensors file -> {name: (dtype, shape, bytes)}"""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    data = memoryview(raw)[8 + length :]
    return {n: (t["dtype"], t["shape"], bytes(data[slice(*t["data_offsets"])])) for n, t in header.items()}


def write(path, tensors):
    """The inverse; sorted by falling element size, then name, header padded to 8 bytes, as the library does."""
    size = {"I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2}
    order = sorted(tensors, key=lambda n: (-size[tensors[n][0]], n))
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name in order:
        dtype, shape, data = tensors[name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(tensors[n][2] for n in order))


def last_latent_layer(stages):
    return max((n for n in stages if n.startswith("global_layer.")), default=None)


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    manifest = json.loads((source / "manifest.json").read_text())
    kept = {"inputs": manifest["inputs"], "variants": {}}
    shapes = {}
    for folder in sorted(p for p in source.iterdir() if (p / "model.safetensors").is_file()):
        shapes[folder.name] = {n: t[1] for n, t in sorted(read(folder / "model.safetensors").items())}
        out = target / folder.name
        out.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "model.safetensors"):
            shutil.copyfile(folder / name, out / name)
        for golden in sorted(folder.glob("golden_*.safetensors")):
            stages = read(golden)
            if golden.stem.removeprefix("golden_") in NO_PATCHER_LOGITS:
                stages.pop("patcher_logits", None)
            for name, same in (("global_in", "enc_cross"), (last_latent_layer(stages), "global_out")):
                if name in stages and stages[name] == stages[same]:
                    del stages[name]
            write(out / golden.name, stages)
        masked = folder / "eosmask_meta.safetensors"
        if masked.is_file():
            write(out / "golden_eos.safetensors", read(masked))
        facts = manifest["variants"][folder.name]
        kept["variants"][folder.name] = {k: facts[k] for k in FACTS if k in facts} | {
            "inputs": {n: s["S"] for n, s in facts["shapes"].items()}
        }
    lines = ",\n".join(f"{json.dumps(v)}:{json.dumps(t, separators=(',', ':'))}" for v, t in shapes.items())
    (target / "shapes.json").write_text("{\n" + lines + "\n}\n")
    (target / "manifest.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
