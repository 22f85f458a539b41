"""Train the entropy model on a prepared corpus.

Usage::

    python train_entropy.py DATA RUN --minutes 60
    python train_entropy.py DATA RUN --steps 5000 --resume
    python train_entropy.py DATA RUN --start MODEL --whole-characters TEACHER --steps 150

In UTF-8 the first byte of a Korean syllable says little, and most of the uncertainty is in its
second one: a patch rule that looks at entropy alone cuts such characters after their first byte.
``--whole-characters`` moves the entropy of a character to its first byte, at some cost in bits per
byte: before a character that a teacher (a model trained without this) is unsure about, the model shall
be unsure enough for a boundary, and inside it surer than it should be.
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
        "--whole-characters", type=Path, metavar="TEACHER", help="keep entropy out of the inside of characters"
    )
    args = options.parse_args()

    def make_model() -> EntropyModel:
        model = load_model(args.start).train() if args.start else EntropyModel()
        if args.whole_characters:
            model.teachers.append(load_model(args.whole_characters))
        return model

    train(args, make_model)


if __name__ == "__main__":
    main()
