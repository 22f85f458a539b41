"""Train everything on a machine with one big GPU that is there for a few minutes and has no network.

Usage::

    python on_gpu.py pack DATA VALID CARRIED    # here: what has to be carried, about 25 MB
    python on_gpu.py train CARRIED OUT          # there; next to this file, and with PyTorch
    python on_gpu.py join OUT RUNS              # here: folders as export.py and export_blt.py read them
    python on_gpu.py --smoke                    # all of it on a processor, tiny, in under a minute

``train`` ends after ``--minutes``, 8 unless told otherwise: first the entropy model, then the same
with whole characters, its threshold and its patches of the whole corpus once, and the rest of the time
the whole model on those.  Weights come out in f16 and in files of less than 16 MiB, after each part
and every minute of the last, so that what was done is kept whenever the machine goes.  Compiling and
optimiser states stay out of them: training can go on from such weights, but not as if it had not ended.
"""

from __future__ import annotations

import argparse
import json
import lzma
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from blt import Blt, BltConfig
from model import EntropyConfig, EntropyModel, Network
from patches import find_entropies
from patching import choose_threshold
from prepare import BYTES_FILE, INDEX_FILE, Corpus, prepare
from trainer import CHECKPOINT, Settings, Trainer

PART_BYTES = 15 << 20
RESERVE = 20.0
"""Seconds kept for writing the last files."""


@dataclass(frozen=True)
class Plan:
    """How long and how large; the defaults are for a GPU with 80 GB."""

    minutes: float = 8.0
    entropy_until: float = 3.4
    characters_until: float = 4.2
    """Minutes after the start at which the first two parts are over."""
    entropy: Settings = Settings(
        minutes=1,
        tokens_per_step=1 << 18,
        lengths=((512, 0.8), (1024, 0.2)),
        from_start=1 / 3,
        boost={"ko": 1.2},
        learning_rate=5e-3,
    )
    characters: Settings = Settings(
        minutes=1,
        tokens_per_step=1 << 18,
        lengths=((512, 1.0),),
        from_start=1 / 3,
        boost={"ko": 2.0, "multi": 1.7},
        learning_rate=1e-3,
    )
    whole: Settings = Settings(
        minutes=1,
        tokens_per_step=1 << 18,
        lengths=((1024, 0.75), (4096, 0.25)),  # each costs the compiler seconds
        from_start=0.2,
        boost={"ko": 1.1, "misc": 1.1},
        learning_rate=3e-3,
        begun_rate=0.5,
    )
    shape: EntropyConfig = EntropyConfig()
    whole_shape: BltConfig = BltConfig()
    mean_patch: float = 4.5
    device: str = "cuda"
    compile: bool = True
    log_every: int = 50


def tiny() -> Plan:
    """The same in seconds on a processor."""
    settings = Settings(minutes=1, tokens_per_step=1024, lengths=((128, 1.0),), from_start=1 / 3, bf16=False)
    shape = EntropyConfig(hidden_size=32, num_attention_heads=2, intermediate_size=64, sliding_window=64)
    whole = BltConfig(
        entropy=shape, hash_vocab=101, latent_size=64, latent_layers=2, latent_heads=2, latent_intermediate=96
    )
    return Plan(
        minutes=0.3 + RESERVE / 60,
        entropy_until=0.06,
        characters_until=0.1,
        entropy=settings,
        characters=settings,
        whole=settings,
        shape=shape,
        whole_shape=whole,
        mean_patch=3.0,
        device="cpu",
        compile=False,
        log_every=10,
    )


def pack(data: Path, valid: Path, carried: Path) -> None:
    """Write the corpus small, with the text that the threshold is chosen on."""
    carried.mkdir(parents=True, exist_ok=True)
    for name in (BYTES_FILE, INDEX_FILE):
        with lzma.open(carried / f"{name}.xz", "wb", preset=6) as packed, (data / name).open("rb") as plain:
            shutil.copyfileobj(plain, packed)
    shutil.copy(valid / "en_prose.txt", carried)


def unpack(carried: Path, data: Path) -> Corpus:
    data.mkdir(parents=True)
    for name in (BYTES_FILE, INDEX_FILE):
        with lzma.open(carried / f"{name}.xz", "rb") as packed, (data / name).open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    return Corpus.open(data)


def write_parts(trainer: Trainer, out: Path, stem: str) -> None:
    """The weights in f16, with what an export wants to know, as ``STEM.0.pt``, ``STEM.1.pt`` and so on."""
    facts = {
        "config": trainer.model.config.to_dict(),
        "settings": asdict(trainer.settings),
        "step": trainer.step,
        "bytes_seen": trainer.bytes_seen,
        "elapsed": trainer.elapsed,
    }
    parts: list[dict[str, torch.Tensor]] = [{}]
    room = PART_BYTES
    for name, weight in trainer.model.state_dict().items():
        small = weight.detach().cpu().half()
        if small.nbytes > room:
            parts.append({})
            room = PART_BYTES
        parts[-1][name] = small
        room -= small.nbytes
    for number, part in enumerate(parts):
        file = out / f"{stem}.{number}.pt"
        temporary = out / f"{stem}.{number}.pt.tmp"
        torch.save(facts | {"model": part}, temporary)
        temporary.replace(file)


def join(out: Path, runs: Path) -> None:
    """Make run folders with a checkpoint from the parts, without optimiser states."""
    for first in sorted(out.glob("*.0.pt")):
        stem = first.name.removesuffix(".0.pt")
        parts = [torch.load(file, map_location="cpu", weights_only=True) for file in out.glob(f"{stem}.*.pt")]
        weights = {name: weight.float() for part in parts for name, weight in part["model"].items()}
        (runs / stem).mkdir(parents=True, exist_ok=True)
        torch.save(parts[0] | {"model": weights}, runs / stem / CHECKPOINT)


def run_part(
    plan: Plan, corpus: Corpus, settings: Settings, stem: str, out: Path, make_model: Callable[[], Network], end: float
) -> Trainer:
    """Train one network until the clock says ``end``."""
    with tempfile.TemporaryDirectory() as scratch:
        # The whole model compiles its blocks itself.
        trainer = Trainer(corpus, Path(scratch), settings, make_model, plan.device, plan.compile and stem != "whole")
        if plan.compile:
            trainer.compile_ahead()
        trainer.settings = replace(settings, minutes=max(0.01, (end - time.monotonic()) / 60))
        saved = time.monotonic()
        with (out / "log.jsonl").open("a", encoding="utf-8") as log:
            for report in trainer.train(plan.log_every, save_minutes=60):
                line = json.dumps({"part": stem} | report)
                print(line, flush=True)
                print(line, file=log, flush=True)
                if time.monotonic() - saved > 60:
                    write_parts(trainer, out, stem)
                    saved = time.monotonic()
                if time.monotonic() > end:
                    break
    write_parts(trainer, out, stem)
    return trainer


def train(carried: Path, out: Path, plan: Plan, started: float) -> dict[str, Any]:
    """Everything, in the minutes of the plan since ``started`` on the monotonic clock."""
    out.mkdir(parents=True, exist_ok=True)
    end = started + 60 * plan.minutes - RESERVE
    with tempfile.TemporaryDirectory() as scratch:
        corpus = unpack(carried, Path(scratch) / "data")
        # What is read again and again is better in memory.
        corpus = replace(corpus, data=np.array(corpus.data))
        (Path(scratch) / "valid").mkdir()
        texts = (carried / "en_prose.txt").read_bytes().split(b"\x1e\n")
        for number, text in enumerate(filter(None, texts)):
            (Path(scratch) / "valid" / f"{number:04}.txt").write_bytes(text)
        valid = prepare(Path(scratch) / "valid", Path(scratch) / "valid-data")
        valid = replace(valid, data=np.array(valid.data), short=valid.short[:0])

    def entropy_model() -> EntropyModel:
        return EntropyModel(plan.shape)

    until = started + 60 * plan.entropy_until
    first = run_part(plan, corpus, plan.entropy, "entropy", out, entropy_model, until).model
    assert isinstance(first, EntropyModel)

    def whole_characters() -> EntropyModel:
        model = EntropyModel(plan.shape)
        model.load_state_dict(first.state_dict())
        model.teachers.append(first)
        return model

    until = started + 60 * plan.characters_until
    patcher = run_part(plan, corpus, plan.characters, "characters", out, whole_characters, until).model
    assert isinstance(patcher, EntropyModel)
    patcher.teachers.clear()

    # The patches are those of the rounded weights, which are the ones exported.
    patcher.load_state_dict({name: weight.half().float() for name, weight in patcher.state_dict().items()})
    sizes = np.diff(valid.texts)[:, 0]
    at_once = 1 << 18 if plan.device == "cuda" else 1 << 14
    found = np.split(find_entropies(patcher, valid, at_once), np.cumsum(sizes + 1)[:-1])
    threshold = choose_threshold([entropies[:-1] for entropies in found], plan.mean_patch)
    begun = time.monotonic()
    starts = find_entropies(patcher, corpus, at_once) > threshold
    facts = {
        "threshold": threshold,
        "mean_patch_of_the_corpus": round(len(starts) / int(starts.sum()), 3),
        "seconds_for_patches": round(time.monotonic() - begun, 1),
        "seconds_before_the_whole_model": round(time.monotonic() - started, 1),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if plan.device == "cuda" else plan.device,
    }
    (out / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(json.dumps(facts), flush=True)

    def whole_model() -> Blt:
        model = Blt(replace(plan.whole_shape, entropy=plan.shape, threshold=threshold), patcher)
        model.start_from(first)
        if plan.compile:
            # Their shapes are always the same; the number of patches is not.
            for layer in (*model.local_encoder.layers, *model.local_decoder.layers):
                layer.compile()
        return model

    run_part(plan, replace(corpus, patches=starts), plan.whole, "whole", out, whole_model, end)
    return facts


def smoke() -> None:
    """Everything on made-up text: it must run, come back and load."""
    started = time.monotonic()
    random = np.random.default_rng(0)
    words = "the ship came back to shore, and nobody knew why. 배가 돌아왔다.".split()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in ("text/en_prose", "text/ko", "valid"):
            (folder / name).mkdir(parents=True)
        for number in range(40):
            text = " ".join(random.choice(words, 600))
            (folder / "text" / ("ko", "en_prose")[number % 2] / f"{number}.txt").write_text(text, encoding="utf-8")
        (folder / "valid" / "en_prose.txt").write_text(" ".join(random.choice(words, 900)), encoding="utf-8")
        prepare(folder / "text", folder / "data")
        pack(folder / "data", folder / "valid", folder / "carried")
        train(folder / "carried", folder / "out", tiny(), time.monotonic())
        join(folder / "out", folder / "runs")
        states = {run.name: torch.load(run / CHECKPOINT, weights_only=True) for run in (folder / "runs").iterdir()}
        assert sorted(states) == ["characters", "entropy", "whole"], sorted(states)
        config = BltConfig.from_dict(states["whole"]["config"])
        Blt(config, EntropyModel(config.entropy)).load_state_dict(states["whole"]["model"])
        log = [json.loads(line) for line in (folder / "out" / "log.jsonl").read_text().splitlines()]
        bits = [line["bits_per_byte"]["all"] for line in log if line["part"] == "entropy"]
        assert bits[-1] < bits[0], bits
    print(f"all parts ran, came back and load, in {time.monotonic() - started:.0f} s")


def main() -> None:
    started = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="try all of it on a processor")
    commands = parser.add_subparsers(dest="command")
    packing = commands.add_parser("pack")
    for name in ("data", "valid", "carried"):
        packing.add_argument(name, type=Path)
    training = commands.add_parser("train")
    for name in ("carried", "out"):
        training.add_argument(name, type=Path)
    training.add_argument("--minutes", type=float, default=Plan.minutes)
    training.add_argument("--no-compile", action="store_true")
    joining = commands.add_parser("join")
    for name in ("out", "runs"):
        joining.add_argument(name, type=Path)
    args = parser.parse_args()
    if args.smoke:
        smoke()
    elif args.command == "pack":
        pack(args.data, args.valid, args.carried)
    elif args.command == "train":
        plan = replace(Plan(), minutes=args.minutes, compile=not args.no_compile)
        train(args.carried, args.out, plan, started)
    elif args.command == "join":
        join(args.out, args.runs)
    else:
        parser.error("say what to do")


if __name__ == "__main__":
    main()
