"""Write logits and patch starts of a few short texts, for the tests of other implementations.

Usage (needs ``pip install transformers`` beside the requirements)::

    python fixture_blt.py MODEL embedded_blt.json

``MODEL`` is a folder in the layout of transformers. Computed with transformers in f32 on the CPU,
each text on its own after BOS and without a cache. Positions count BOS as 0, so the logits at
position ``i`` are about byte ``i`` of the text. ``starts`` are the positions at which a patch
starts; the last of them may be that of the byte that comes after the text.

    {"threshold": T, "cases": [{"name", "text", "starts": [P, ...],
                                "rows": [{"position": P, "logits": [260 numbers]}, ...]}, ...]}
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from transformers import BltForCausalLM

BOS, OFFSET = 1, 4
# Of each text, evenly spread; first and last among them.
ROWS = 12
# An entropy closer to the threshold than this may fall on the other side of it elsewhere.
MARGIN = 1e-3

TEXTS = {
    "english": "The ship had been at anchor for three days before the captain came back on board.",
    "korean": "오늘은 날씨가 좋아서 공원을 천천히 걸었습니다. 내일은 비가 온다고 합니다.",
    "code": 'fn main() {\n    let total: u32 = (1..=10).sum();\n    println!("{total}");\n}\n',
    "japanese": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "json": '{"order": 12, "date": "2025-03-14", "city": "Malmö", "total": 63.5, "vip": false}',
    "repeat": "abcabcabcabcabcabcabcabcabcabc 😀😀😀😀 the the the the the the the the",
}


def case(model: BltForCausalLM, name: str, text: str) -> dict[str, Any]:
    """What the model makes of a text."""
    ids = torch.tensor([[BOS, *(byte + OFFSET for byte in text.encode())]])
    positions = ids.shape[1]
    threshold = model.config.patching_threshold
    entropies, lengths, _ = model.model.patcher(
        ids, patch_size=model.config.patch_size, threshold=threshold, max_patch_length=None
    )
    # The entropy at BOS decides nothing: the first byte always starts a patch.
    decisive = entropies[0, 1:]
    margin = float((decisive - threshold).abs().min())
    if margin < MARGIN:
        raise SystemExit(f"an entropy of the text {name} is {margin:.1e} nats from the threshold: change the text")
    starts = [0, 1, *(i + 2 for i, entropy in enumerate(decisive.tolist()) if entropy > threshold)]
    ends = lengths[0].cumsum(0).tolist()
    if [0, *ends[:-1]] != starts:
        raise SystemExit(f"the patch lengths of the text {name} contradict its entropies")

    logits = model(ids, use_cache=False).logits[0]
    shown = sorted({round(i * (positions - 1) / (ROWS - 1)) for i in range(ROWS)})
    rows = [{"position": i, "logits": [round(v, 5) for v in logits[i].tolist()]} for i in shown]
    return {"name": name, "text": text, "starts": starts, "rows": rows}


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def written(threshold: float, cases: list[dict[str, Any]]) -> str:
    """The JSON, with a line for each row of logits."""
    parts = []
    for found in cases:
        head = compact({key: value for key, value in found.items() if key != "rows"})
        rows = ",\n".join(compact(row) for row in found["rows"])
        parts.append(f'{head[:-1]},"rows":[\n{rows}]}}')
    return f'{{"threshold":{compact(threshold)},"cases":[\n' + ",\n".join(parts) + "]}\n"


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder with config.json and model.safetensors")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    model = BltForCausalLM.from_pretrained(args.model, dtype=torch.float32, attn_implementation="eager").eval()
    cases = [case(model, name, text) for name, text in TEXTS.items()]
    args.out.write_text(written(model.config.patching_threshold, cases), encoding="utf-8")


if __name__ == "__main__":
    main()
