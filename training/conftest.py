"""A corpus that is easy to learn, for all tests of this folder."""

from __future__ import annotations

import json
import lzma

import numpy as np
import pytest
import torch

from prepare import Corpus, prepare

torch.set_num_threads(1)  # tiny products gain nothing from more, and lose much on a busy machine


def sentences(seed: int, count: int) -> str:
    """Text that is easy to learn: a few words in random order."""
    words = "the ship came back to shore and nobody knew why it had been away so long".split()
    return " ".join(np.random.default_rng(seed).choice(words, size=count)) + ".\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    source = folder / "train.jsonl.xz"
    with lzma.open(source, "wt", encoding="utf-8") as out:
        for n in range(20):
            record = {"category": "prose", "source": "test", "license": "CC0-1.0", "text": sentences(n, 200)}
            print(json.dumps(record), file=out)
            print(json.dumps({"category": "short", "text": f"안녕 {n}"}, ensure_ascii=False), file=out)
    return prepare(source, folder / "data")
