"""Write the entropies of a few short texts, for the tests of other implementations.

Usage::

    python fixture.py MODEL embedded_entropy.json

Computed in f32 on the CPU, each text on its own after BOS.  ``entropies[i]`` is the entropy
at position ``i``: position 0 is BOS, and position ``i`` speaks about byte ``i``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from artifact import load_model, read_config, write_json
from model import encode, entropy

TEXTS = {
    "english": "The ship had been at anchor for three days before the captain came back on board.",
    "korean": "오늘은 날씨가 좋아서 공원을 천천히 걸었습니다. 내일은 비가 온다고 합니다.",
    "code": 'fn main() {\n    let total: u32 = (1..=10).sum();\n    println!("{total}");\n}\n',
}


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder written by export.py")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    model = load_model(args.model)
    threshold = read_config(args.model)["patching_threshold"]
    cases = []
    for name, text in TEXTS.items():
        values = entropy(model(encode(text.encode())))[0].tolist()
        starts = [0, 1, *(i + 1 for i, h in enumerate(values) if i >= 1 and h > threshold)]
        cases.append({"name": name, "text": text, "entropies": [round(v, 6) for v in values], "starts": starts})
    write_json(args.out, {"threshold": threshold, "cases": cases})


if __name__ == "__main__":
    main()
