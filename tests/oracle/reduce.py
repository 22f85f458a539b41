#!/usr/bin/env python3
"""Cut the golden data of a whole BLT down to what the entropy model's tests need.

    reduce.py SOURCE TARGET

SOURCE holds one folder per variant (config.json, model.safetensors, golden_<input>.safetensors)
and manifest.json; TARGET receives the same with
  * model.safetensors: the tensors of the entropy model only (`model.patcher.*`), except for the
    variant named in WHOLE, which stays complete,
  * golden_<input>.safetensors: input_ids, entropies, patch_lengths and, for short inputs, patcher_logits,
  * golden_eos.safetensors where the source has Meta's document-masked run (eosmask_meta.safetensors),
  * manifest.json: the inputs in hex, and per variant the threshold and its margin,
  * shapes.json: name and shape of every tensor of every whole checkpoint, also of those without entropy model.

Tensors are copied as raw bytes, so every dtype (bf16 too) survives untouched; the standard library is enough.
"""
import json
import pathlib
import shutil
import struct
import sys

WHOLE = "k2_base"
STAGES = ("input_ids", "entropies", "patch_lengths", "patcher_logits")
# Inputs whose 260 logits per position would outweigh everything else: their entropies are kept.
NO_LOGITS = ("long", "repeat")


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


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    manifest = json.loads((source / "manifest.json").read_text())
    kept = {"inputs": manifest["inputs"], "variants": {}}
    shapes = {}
    for folder in sorted(p for p in source.iterdir() if (p / "model.safetensors").is_file()):
        model = read(folder / "model.safetensors")
        shapes[folder.name] = {n: t[1] for n, t in sorted(model.items())}
        entropy = {n: t for n, t in model.items() if n.startswith("model.patcher.")}
        if not entropy:
            continue
        out = target / folder.name
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "config.json", out / "config.json")
        if folder.name == WHOLE:
            shutil.copyfile(folder / "model.safetensors", out / "model.safetensors")
        else:
            write(out / "model.safetensors", entropy)
        for golden in sorted(folder.glob("golden_*.safetensors")):
            name = golden.stem.removeprefix("golden_")
            stages = {n: t for n, t in read(golden).items() if n in STAGES}
            if name in NO_LOGITS:
                stages.pop("patcher_logits", None)
            write(out / golden.name, stages)
        masked = folder / "eosmask_meta.safetensors"
        if masked.is_file():
            write(out / "golden_eos.safetensors", {n: t for n, t in read(masked).items() if n in STAGES})
        facts = manifest["variants"][folder.name]
        kept["variants"][folder.name] = {
            k: facts[k] for k in ("seed", "threshold", "threshold_margin", "entropy_min", "entropy_median", "entropy_max")
        } | {"inputs": {n: s["S"] for n, s in facts["shapes"].items()}}
    lines = ",\n".join(f"{json.dumps(v)}:{json.dumps(t, separators=(',', ':'))}" for v, t in shapes.items())
    (target / "shapes.json").write_text("{\n" + lines + "\n}\n")
    (target / "manifest.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
