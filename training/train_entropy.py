"""Train the entropy model on a prepared corpus.

Usage::

    python train_entropy.py DATA RUN --minutes 60
    python train_entropy.py DATA RUN --steps 5000 --resume
    python train_entropy.py DATA RUN --start MODEL --calm-characters 1.7 --steps 150

In UTF-8 the first byte of a Korean syllable says little, and most of the uncertainty is in its
second one: a patch rule that looks at entropy alone cuts such characters after their first byte.
``--calm-characters`` makes the model surer than it should be inside a character, at some cost in
bits per byte, so that it is not cut there.
"""

from __future__ import annotations

from pathlib import Path

from artifact import load_model
from command import parser, train
from model import EntropyModel


def main() -> None:
    options = parser(__doc__.splitlines()[0], lengths="512:0.8,1024:0.2")
    options.add_argument("--start", type=Path, help="begin with the weights of this exported model")
    options.add_argument(
        "--calm-characters", type=float, metavar="NATS", help="penalize entropy above this inside a character"
    )
    args = options.parse_args()

    def make_model() -> EntropyModel:
        model = load_model(args.start).train() if args.start else EntropyModel()
        model.calm = args.calm_characters
        return model

    train(args, make_model)


if __name__ == "__main__":
    main()
