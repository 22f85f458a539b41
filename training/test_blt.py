"""The whole model beside transformers, and its way from training to the exported files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import patches
from artifact import load_blt, load_model, read_config, write_blt
from average import average
from blt import NARROW, Blt, BltConfig, find_patches, hash_ids
from conftest import sentences
from evaluate import measure
from model import PAD_ID, EntropyConfig, EntropyModel, encode, entropy
from patches import find_entropies, with_patches, write_patches
from prepare import Corpus
from trainer import Sampler, Settings, Trainer, make_optimizers

LOCAL = EntropyConfig(
    hidden_size=32, num_attention_heads=2, intermediate_size=48, num_hidden_layers=3, sliding_window=32
)
SHAPE = BltConfig(
    entropy=LOCAL,
    decoder_layers=2,
    hash_vocab=101,
    latent_size=64,
    latent_layers=2,
    latent_heads=2,
    latent_intermediate=80,
)
SMALL = Settings(steps=12, tokens_per_step=512, lengths=((64, 0.5), (128, 0.5)), bf16=False, seed=7)
TEXT = (sentences(3, 20) + "안녕하세요, 바다입니다. \U0001f30a\n").encode()


def make(config: BltConfig = SHAPE) -> Blt:
    """A model whose every weight does something, and whose threshold cuts half of the bytes."""
    torch.manual_seed(5)
    model = Blt(config, EntropyModel(config.entropy))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and not name.endswith("embed_tokens.weight"):
                weight.normal_(std=0.2)
            elif weight.ndim == 1:
                weight.uniform_(0.5, 1.5)
        found = entropy(model.patcher(encode(TEXT)))[0, 1:].sort().values
        middle = len(found) // 2
        model.config = replace(config, threshold=round(float(found[middle : middle + 2].mean()), 6))
    return model.eval()


def test_static_patches_begin_with_the_text() -> None:
    model = make()
    model.static = 4
    tokens = torch.cat((encode(b"eleven byte"), torch.full((1, 3), PAD_ID)), dim=1)
    starts = model.starts(tokens)[0].int().tolist()
    # BOS, its patch alone; then every fourth byte, the first among them; padding starts none.
    assert starts == [1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_hash_of_one_window_written_out() -> None:
    tokens = torch.tensor([[1, 200, 77, 5]])

    def signed(value: int) -> int:
        return (value + 2**63) % 2**64 - 2**63

    oldest, first_of_text = 200 + 77 * 1000000007 + 5 * 1000000007**2, 1000000007**3
    assert hash_ids(tokens, (3, 4), 101)[0, 3, 0] == signed(oldest) % 101
    assert hash_ids(tokens, (3, 4), 101)[0, 0, 1] == signed(first_of_text) % 101 + 101


def test_patches_of_two_rows_stand_in_one_list() -> None:
    starts = torch.tensor([[1, 1, 0, 1, 1], [1, 1, 1, 0, 0]], dtype=torch.bool)
    found = find_patches(starts)
    assert found.own.tolist() == [0, 1, 1, 2, 3, 4, 5, 5]
    assert found.seen.tolist() == [0, 0, 1, 2, 3, 4, 4, 4]
    assert found.position[:6].tolist() == [0, 1, 2, 0, 1, 2]
    places = found.slot.tolist()
    assert places[:6] == [0, 1, 2, found.per_row, found.per_row + 1, found.per_row + 2]
    assert set(places[6:]) == {found.per_row - 1}


@pytest.mark.parametrize("k, latent, window", [(2, 64, None), (3, 64, None), (2, 64, 8)])
def test_transformers_reads_what_is_written_and_agrees(tmp_path: Path, k: int, latent: int, window: int | None) -> None:
    transformers = pytest.importorskip("transformers")
    write_blt(make(replace(SHAPE, cross_attn_k=k, latent_size=latent, local_window=window)), tmp_path)
    ours = load_blt(tmp_path)
    assert ours.config.local.sliding_window == (window or LOCAL.sliding_window)
    theirs = transformers.BltForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    tokens = encode(TEXT)[:, : 4 * LOCAL.sliding_window]
    starts = ours.starts(tokens)
    assert 0.1 < starts.float().mean() < 0.9, "the threshold must cut some bytes and not others"
    with torch.inference_mode():
        expected = theirs(input_ids=tokens, use_cache=False).logits
        found = ours(*ours.inputs(tokens))
    assert expected.std() > 0.5
    assert (found - expected).abs().max() < 2e-4


def test_rows_of_a_batch_and_padding_do_not_meet() -> None:
    model = make()
    text = encode(TEXT)[:, : 2 * LOCAL.sliding_window]
    short = torch.cat((text[:, :20], torch.full((1, text.shape[1] - 20), PAD_ID)), dim=1)
    both = torch.cat((short, text))
    alone = model(*model.inputs(text))
    together = model(*model.inputs(both))
    assert (alone[0] - together[1]).abs().max() < 1e-4
    first = model(*model.inputs(text[:, :20]))
    # The last position's patch is decided by the token after it, which is not known here.
    assert (first[0, :19] - together[0, :19]).abs().max() < 1e-4


def test_stored_patches_are_those_of_the_model(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "PIECE", 128)  # so that a text has many
    begin = corpus.offsets[::2][:20]
    corpus = replace(corpus, short=np.stack((begin + 10, begin + 300), axis=1))
    model = make(replace(SHAPE, entropy=replace(LOCAL, sliding_window=16, num_hidden_layers=2)))
    entropies = find_entropies(model.patcher, corpus, at_once=2048)
    text = bytes(corpus.data[corpus.texts[0, 0] : corpus.texts[0, 1]])
    assert len(text) > 512 and np.allclose(entropies[: len(text)], measure(model.patcher, text).entropies, atol=1e-4)

    write_patches(entropies > model.config.threshold, tmp_path / "patches.npz")
    corpus = with_patches(corpus, tmp_path / "patches.npz")
    settings = replace(SMALL, tokens_per_step=32 * 512, from_start=1.0)
    batch = Sampler(corpus, settings).batch(0, 512)
    live = model.starts(batch.tokens)
    # What follows a sequence is known to the stored ones alone, and what follows EOS is nobody's.
    inside = F.pad(batch.tokens[:, 1:] != PAD_ID, (1, 0), value=True)
    assert torch.equal(batch.starts[:, :-1] & inside, live[:, :-1] & inside)
    assert batch.starts[:, 2:].any() and not batch.starts[:, :-1][~inside].any()

    trainer = Trainer(corpus, tmp_path / "run", replace(SMALL, from_start=0.5), lambda: model)
    model.patcher.forward = None  # never run
    list(trainer.train())


def test_starting_from_an_entropy_model_computes_what_it_does() -> None:
    patcher = make().patcher
    model = Blt(SHAPE, patcher)
    model.start_from(model.patcher)
    tokens = encode(TEXT)[:, :64]
    with torch.inference_mode():
        assert (model(*model.inputs(tokens)) - patcher(tokens)).abs().max() < 5e-3
    with pytest.raises(ValueError, match="as many layers"):
        Blt(replace(SHAPE, decoder_layers=1), patcher).start_from(patcher)


def test_chosen_sequences_have_a_decoder_that_sees_few_bytes() -> None:
    model = make()
    tokens = torch.randint(4, 260, (8, 64), generator=torch.Generator().manual_seed(1))
    plain = model(*model.inputs(tokens))
    model.narrow_share = 0.5
    assert torch.equal(model(*model.inputs(tokens)), plain), "nothing changes but in training"
    model.train()
    chosen = model.narrow(tokens)
    assert 0 < chosen.sum() < 8 and torch.equal(chosen, model.narrow(tokens))
    differs = (model(*model.inputs(tokens)) - plain).abs().amax(-1) > 1e-3
    # As far as a narrow decoder sees, it sees the same.
    assert differs[chosen, NARROW:].any(1).all() and not differs[:, :NARROW].any() and not differs[~chosen].any()


def test_rates_of_the_parts() -> None:
    settings = replace(SMALL, begun_rate=0.25, latent_rate=3.0)
    model = Blt(SHAPE, make().patcher)
    shares = {id(p): g["share"] for o in make_optimizers(model, settings) for g in o.param_groups for p in g["params"]}
    found = {name: shares.get(id(weight)) for name, weight in model.named_parameters()}
    assert found["local_decoder.layers.0.mlp.up_proj.weight"] == 0.25
    assert found["global_transformer.layers.0.mlp.up_proj.weight"] == 3.0
    assert found["local_decoder.cross_attn_layers.0.q_proj.weight"] == 3.0
    assert found["encoder_hash_tok_embedding.weight"] == 1.0
    assert all((share is None) == name.startswith("patcher.") for name, share in found.items())


def test_training_uses_every_part_and_leaves_the_patcher(corpus: Corpus, tmp_path: Path) -> None:
    def fresh() -> Blt:
        other = make()
        model = Blt(other.config, other.patcher)
        model.start_from(model.patcher)
        return model

    torch.manual_seed(SMALL.seed)
    before = {n: p.detach().clone() for n, p in fresh().named_parameters()}
    straight = Trainer(corpus, tmp_path / "a", SMALL, fresh)
    reports = list(straight.train(log_every=1))
    assert reports[-1]["bits_per_byte"]["all"] < 0.8 * reports[0]["bits_per_byte"]["all"]
    for name, weight in straight.model.named_parameters():
        same = torch.equal(weight, before[name])
        assert same == name.startswith("patcher."), name

    first = Trainer(corpus, tmp_path / "b", SMALL, fresh)
    list(first.train(stop_at=5))
    second = Trainer(corpus, tmp_path / "b", SMALL, fresh)
    second.load()
    list(second.train())
    for (name, one), other in zip(straight.model.named_parameters(), second.model.parameters(), strict=True):
        assert torch.equal(one, other), name


def test_exported_model_scores_as_the_one_in_memory(tmp_path: Path) -> None:
    model = make()
    write_blt(model, tmp_path)
    loaded = load_blt(tmp_path)
    assert loaded.config == model.config
    assert read_config(tmp_path)["patching_threshold"] == model.config.threshold
    ours, theirs = measure(model, TEXT), measure(loaded, TEXT)
    assert ours.nats.shape == (len(TEXT),)
    # Rounding to f16 may move a patch, which changes the bytes after it.
    assert np.median(np.abs(ours.nats - theirs.nats)) < 0.01
    patcher = load_model(tmp_path)
    assert np.abs(measure(model.patcher, TEXT).nats - measure(patcher, TEXT).nats).max() < 0.02


def test_a_long_text_begins_anew_when_positions_are_used_up() -> None:
    config = replace(SHAPE, latent_positions=64)
    whole = measure(make(config), TEXT[:100])
    parts = [measure(make(config), part) for part in (TEXT[:64], TEXT[64:100])]
    assert np.allclose(whole.nats, np.concatenate([p.nats for p in parts]), atol=1e-5)


def test_the_mean_of_a_model_and_its_opposite_is_nothing(tmp_path: Path) -> None:
    model = make()
    write_blt(model, tmp_path / "model")
    with torch.no_grad():
        for weight in model.parameters():
            weight.neg_()
    write_blt(model, tmp_path / "opposite")
    average([tmp_path / "model", tmp_path / "opposite"], tmp_path / "mean")
    assert all(not weight.any() for weight in load_blt(tmp_path / "mean").parameters())
    average([tmp_path / "model"], tmp_path / "same")
    same, kept = load_blt(tmp_path / "same"), load_blt(tmp_path / "model")
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), kept.parameters(), strict=True))
