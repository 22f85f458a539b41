"""The whole way on the CPU in under two minutes: ``python -m pytest training``."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from artifact import load_model, read_config
from conftest import sentences
from curve import curves, draw, read_log
from evaluate import measure
from export import export
from model import (
    BOS_ID,
    BOUNDARY,
    BYTE_OFFSET,
    CALM,
    EOS_ID,
    FIRST_WEIGHT,
    INSIDE_WEIGHT,
    WORTH,
    Cache,
    EntropyConfig,
    EntropyModel,
    encode,
    entropy,
    rotate,
    whole_characters,
)
from patching import choose_threshold, count_patches, mean_patch
from prepare import Corpus, prepare, short_texts
from trainer import IGNORED, Sampler, Settings, Trainer, learning_rate_factor, length_at

SMALL = Settings(steps=12, tokens_per_step=512, lengths=((128, 0.5), (256, 0.5)), bf16=False, seed=7)


def random_model(**shape: int) -> EntropyModel:
    torch.manual_seed(0)
    model = EntropyModel(EntropyConfig(hidden_size=64, num_attention_heads=2, intermediate_size=96, **shape))
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])


def test_prepare_keeps_documents_and_categories(corpus: Corpus) -> None:
    assert corpus.categories == ["prose", "short"]
    assert len(corpus.document_category) == 40
    first = bytes(corpus.data[corpus.offsets[1] : corpus.offsets[2]])
    assert first.decode() == "안녕 0"


def test_prepare_reads_a_folder(tmp_path: Path) -> None:
    (tmp_path / "in" / "poems").mkdir(parents=True)
    (tmp_path / "in" / "poems" / "one.txt").write_text("rose")
    (tmp_path / "in" / "note.txt").write_text("top")
    corpus = prepare(tmp_path / "in", tmp_path / "out")
    assert bytes(corpus.data) == b"toprose"
    assert sorted(corpus.categories) == ["poems", "text"]


def test_short_texts_are_whole_sentences() -> None:
    text = 'A heading\n\nIt rained. "Why?" he\nasked. 왜 그래。몰라! No.\n\n'.encode() * 100
    texts = {text[begin:end].decode() for begin, end in short_texts(text, np.random.default_rng(0))}
    starts = ("A heading", "It rained.", '"Why?"', "왜", "몰라!", "No.")
    assert len(texts) > 1 and all(t.startswith(starts) for t in texts)
    # One ends with a paragraph, where a line ended.
    assert all(t.endswith((".", "。", "!", "A heading")) for t in texts)


def test_sequences_hold_one_document_and_padding_never_counts(corpus: Corpus) -> None:
    sampler = Sampler(corpus, Settings(steps=1, tokens_per_step=64 * 64, boost={"short": 50.0}))
    tokens, targets, category, _ = sampler.batch(3, 64)
    assert tokens.shape == targets.shape == (64, 64)
    assert (tokens[:, 1:] != BOS_ID).all()
    assert set(category.tolist()) == {0, 1}
    for row, wanted, kind in zip(tokens.tolist(), targets.tolist(), category.tolist(), strict=True):
        counted = [t for t in wanted if t != IGNORED]
        assert counted == (row[1:] + wanted[-1:])[: len(counted)]
        text = bytes(t - BYTE_OFFSET for t in counted if t >= BYTE_OFFSET)
        if kind == 1:  # a short document is whole, ends in EOS and is padded
            assert text.decode().startswith("안녕") and counted[-1] == EOS_ID
            assert len(counted) == len(text) + 1 < 64
        else:
            assert text in bytes(corpus.data) and len(counted) == 64
    again = sampler.batch(3, 64).tokens
    assert torch.equal(tokens, again) and not torch.equal(tokens, sampler.batch(4, 64).tokens)


def test_a_third_begins_where_a_text_does_and_the_rest_with_the_byte_before(corpus: Corpus) -> None:
    # Two short texts for the documents of prose, and none in those that are short themselves.
    begin = corpus.offsets[::2][:20]
    corpus = replace(corpus, short=np.stack((begin + 10, begin + 30), axis=1))
    sampler = Sampler(corpus, Settings(steps=1, tokens_per_step=600 * 64, from_start=1 / 3))
    tokens, targets, category, _ = sampler.batch(0, 64)
    data, found = bytes(corpus.data), {"document": 0, "short": 0, "inside": 0}
    for row, wanted in zip(tokens[category == 0].tolist(), targets[category == 0].tolist(), strict=True):
        text = bytes(t - BYTE_OFFSET for t in wanted if t >= BYTE_OFFSET)
        if row[0] != BOS_ID:
            found["inside"] += 1
            assert bytes([row[0] - BYTE_OFFSET]) + text in data
        elif len(text) == 20:
            found["short"] += 1
            assert EOS_ID in wanted and any(text == data[b:e] for b, e in corpus.short)
        else:
            found["document"] += 1
            assert any(data[b:].startswith(text) for b in begin)
    share = {name: count / sum(found.values()) for name, count in found.items()}
    assert abs(share["inside"] - 2 / 3) < 0.1 and abs(share["short"] - 1 / 6) < 0.06, share


def test_rotation_pairs_neighbours() -> None:
    x = torch.tensor([1.0, 0.0, 0.0, 2.0]).view(1, 1, 1, 4)
    angle = torch.tensor([[math.pi / 2, math.pi]])
    turned = rotate(x, angle.cos(), angle.sin()).flatten()
    assert torch.allclose(turned, torch.tensor([0.0, 1.0, 0.0, -2.0]), atol=1e-6)


def test_window_counts_the_token_itself() -> None:
    model = random_model(num_hidden_layers=1, sliding_window=4)
    tokens = torch.arange(4, 16).view(1, -1)
    changed = tokens.clone()
    changed[0, 5] = 200
    differs = (model(tokens) - model(changed)).abs().amax(-1)[0] > 1e-6
    assert differs.nonzero().flatten().tolist() == [5, 6, 7, 8]


def test_reading_in_pieces_equals_reading_at_once() -> None:
    model = random_model(num_hidden_layers=3, sliding_window=8)
    tokens = encode(sentences(1, 20).encode())
    whole, cache = model(tokens), Cache()
    pieces = torch.cat([model(part, cache) for part in tokens.split(7, dim=1)], dim=1)
    assert torch.allclose(whole, pieces, atol=1e-4)


def test_entropy_of_a_new_model_is_that_of_a_guess() -> None:
    assert torch.allclose(entropy(EntropyModel()(encode(b"abc"))), torch.tensor(260.0).log())


def test_entropy_of_a_character_is_that_of_its_bytes() -> None:
    targets = encode("a안b\U0001f30a".encode())[:, 1:]
    inside = (targets >= BYTE_OFFSET + 0x80) & (targets <= BYTE_OFFSET + 0xBF)
    bits = 2.0 ** torch.arange(targets.shape[1])[None]
    total = whole_characters(bits, inside)[0].tolist()
    assert total[:2] == [1, 2 + 4 + 8] and total[4:6] == [16, 32 + 64 + 128 + 256]


def test_penalty_moves_entropy_to_the_first_byte_of_a_character() -> None:
    model = random_model(num_hidden_layers=1)
    ids = encode("a안b".encode())  # one character of three bytes between two of one
    tokens, targets = ids[:, :-1], ids[:, 1:]
    guess = torch.zeros(1, targets.shape[1], 260, requires_grad=True)
    assert model.penalty(tokens, guess, targets) == 0.0
    model.teachers.append(random_model(num_hidden_layers=1))
    assert not any("teacher" in name for name, _ in model.named_parameters())
    unsure = model.penalty(tokens, guess, targets)
    assert torch.isclose(unsure, torch.tensor(2 * INSIDE_WEIGHT * (math.log(260) - CALM)))
    certain = F.one_hot(targets, 260) * 50.0
    assert torch.isclose(model.penalty(tokens, certain, targets), torch.tensor(FIRST_WEIGHT * BOUNDARY), atol=1e-3)
    # A character that the teacher foresees needs no boundary.
    model.teachers[0].lm_head.weight.data.mul_(100)
    assert whole_characters(entropy(model.teachers[0](tokens)), targets >= BYTE_OFFSET + 0x80)[0, 1] < WORTH
    assert model.penalty(tokens, certain, targets) < 1e-3


def test_an_empty_document_has_no_bytes_to_measure() -> None:
    assert measure(random_model(num_hidden_layers=1), b"").nats.shape == (0,)


def test_threshold_gives_the_wanted_mean_patch() -> None:
    random = np.random.default_rng(0)
    documents = [random.random(size).astype(np.float32) for size in (1, 300, 5000)]
    assert count_patches(np.array([9.0, 1.0, 2.0, 2.1]), 2.0) == 2
    assert abs(mean_patch(documents, choose_threshold(documents, 4.5)) - 4.5) < 0.02


def test_schedule_rises_and_ends_at_zero() -> None:
    assert learning_rate_factor(0.01, 0.02) == 0.5
    assert learning_rate_factor(0.02, 0.02) == 1.0
    assert learning_rate_factor(1.0, 0.02) < 1e-9
    assert [length_at(p, ((512, 3.0), (1024, 1.0))) for p in (0.0, 0.7, 0.8, 1.0)] == [512, 512, 1024, 1024]


def test_batches_made_ahead_are_the_same(corpus: Corpus, tmp_path: Path) -> None:
    trainer = Trainer(corpus, tmp_path, SMALL, EntropyModel)
    trainer.pool = ThreadPoolExecutor(1)
    for step, length in enumerate((128, 128, 128, 256, 256)):
        trainer.step = step
        assert torch.equal(trainer.batch(length).tokens, trainer.sampler.batch(step, length).tokens)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_resumed_training_equals_uninterrupted(corpus: Corpus, tmp_path: Path, optimizer: str) -> None:
    settings = Settings(**{**SMALL.__dict__, "optimizer": optimizer})
    straight = Trainer(corpus, tmp_path / "a", settings, EntropyModel)
    reports = list(straight.train(log_every=1))
    assert reports[-1]["bits_per_byte"]["all"] < 0.8 * reports[0]["bits_per_byte"]["all"]

    first = Trainer(corpus, tmp_path / "b", settings, EntropyModel)
    list(first.train(stop_at=5))
    second = Trainer(corpus, tmp_path / "b", settings, EntropyModel)
    second.load()
    assert second.step == 5
    list(second.train())
    assert torch.equal(weights(straight), weights(second))


def test_bytes_end_the_run(corpus: Corpus, tmp_path: Path) -> None:
    settings = replace(SMALL, steps=None, bytes=3000)
    trainer = Trainer(corpus, tmp_path, settings, EntropyModel)
    list(trainer.train())
    assert 3000 <= trainer.bytes_seen < 3000 + settings.tokens_per_step


def test_minutes_end_with_the_rate_decayed(corpus: Corpus, tmp_path: Path) -> None:
    settings = Settings(**{**SMALL.__dict__, "steps": None, "minutes": 0.02})
    trainer = Trainer(corpus, tmp_path, settings, EntropyModel)
    list(trainer.train())
    assert trainer.progress >= 1.0
    trainer.train_step()  # one more would change nothing to speak of
    assert trainer.optimizers[0].param_groups[0]["lr"] < 1e-9


def test_curve_counts_what_was_logged_last(tmp_path: Path) -> None:
    def report(step: int, bits: float) -> str:
        return json.dumps({"step": step, "bytes": 1000 * step, "bits_per_byte": {"all": 9, "code": bits, "ko": 2.0}})

    # Resumed from a checkpoint at step 1.
    steps = [(1, 3.0), (2, 9.0), (3, 9.0), (2, 2.5), (3, 2.0), (4, 1.5)]
    (tmp_path / "log.jsonl").write_text("\n".join(report(*step) for step in steps))
    lines = curves(read_log(tmp_path / "log.jsonl"), points=2)
    assert [pytest.approx(point) for point in lines["code"]] == [(0.001, 3.0), (0.003, 2.0)]
    picture = ElementTree.fromstring(draw(lines, "a < b"))
    words = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b" in words and "code 2.00" in words and "ko 2.00" in words


def test_export_reads_back(corpus: Corpus, tmp_path: Path) -> None:
    valid = tmp_path / "valid"
    valid.mkdir()
    (valid / "en_prose.txt").write_text(sentences(100, 150) + "\x1e\n" + sentences(101, 150))
    trainer = Trainer(corpus, tmp_path / "run", SMALL, EntropyModel)
    list(trainer.train())
    figures = export(tmp_path / "run", valid, tmp_path / "out")
    assert figures["parameters"] == 1_871_040
    assert (tmp_path / "out" / "model.safetensors").stat().st_size < 3_900_000
    assert read_config(tmp_path / "out")["patching_threshold"] == figures["threshold"]
    assert abs(figures["categories"]["en_prose"]["mean_patch"] - 4.5) < 0.1
    assert str(figures["threshold"]) in (tmp_path / "out" / "README.md").read_text()

    text = sentences(102, 30).encode()
    trained, loaded = measure(trainer.model, text), measure(load_model(tmp_path / "out"), text)
    assert np.abs(trained.nats - loaded.nats).max() < 0.05
