"""Average the weights of exported models of one shape, in f16.

Usage::

    python average.py OUT MODEL MODEL…

Where one model was trained on from another, their mean is often better than either.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.torch import load_file

from artifact import CONFIG, WEIGHTS, read_config, write_json, write_weights


def average(models: list[Path], out: Path) -> None:
    """Write the mean of models, with the configuration of the first."""
    loaded = [load_file(model / WEIGHTS) for model in models]
    for model, weights in zip(models, loaded, strict=True):
        shapes = {name: tensor.shape for name, tensor in weights.items()}
        if shapes != {name: tensor.shape for name, tensor in loaded[0].items()}:
            raise SystemExit(f"{model} has other weights than {models[0]}")
    mean = {name: sum(weights[name].float() for weights in loaded) / len(loaded) for name in loaded[0]}
    write_weights(mean, out)
    write_json(out / CONFIG, read_config(models[0]) | {"dtype": "float16"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    args = parser.parse_args()
    average(args.models, args.out)


if __name__ == "__main__":
    main()
