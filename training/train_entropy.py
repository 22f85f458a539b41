"""Train the entropy model on a prepared corpus.

Usage::

    python train_entropy.py DATA RUN --minutes 60
    python train_entropy.py DATA RUN --steps 5000 --resume
"""

from __future__ import annotations

from command import parser, train
from model import EntropyModel


def main() -> None:
    train(parser(__doc__.splitlines()[0], lengths="512:0.8,1024:0.2").parse_args(), EntropyModel)


if __name__ == "__main__":
    main()
