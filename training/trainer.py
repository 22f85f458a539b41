"""What the training of every network here has in common: batches, schedule, log and checkpoint.

The length of a run is given in steps, bytes or minutes.  The learning rate follows the share of
the run that is done, so a run always ends with a rate of nearly zero, also on a machine
whose speed is not known beforehand.  ``RUN/checkpoint.pt`` holds everything needed to go
on; a resumed run of ``--steps`` or ``--bytes`` computes the same as one that was never interrupted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model import BOS_ID, BYTE_OFFSET, EOS_ID, PAD_ID, VOCAB_SIZE, Network
from prepare import Corpus

CHECKPOINT = "checkpoint.pt"
IGNORED = -100


@dataclass(frozen=True)
class Settings:
    """What decides the outcome of a run, kept in the checkpoint."""

    steps: int | None = None
    minutes: float | None = None
    bytes: int | None = None
    """The length of the run, in one of three ways."""
    tokens_per_step: int = 8192
    lengths: tuple[tuple[int, float], ...] = ((512, 0.8), (1024, 0.2))
    """Sequence lengths, each with its share of the run."""
    from_start: float = 0.1
    """Share of the sequences that begin where a text begins: half of them documents, half short texts."""
    boost: dict[str, float] = field(default_factory=dict)
    """Factor on a category's share of the sequences; 1 is its share of the bytes."""
    optimizer: str = "muon"
    learning_rate: float = 4e-3
    begun_rate: float = 1.0
    """Factor on the rate of what began with weights of another model."""
    latent_rate: float = 1.0
    """Factor on the rate of the part that works on patches."""
    warmup: float = 0.02
    weight_decay: float = 0.1
    clip: float = 1.0
    seed: int = 0
    bf16: bool = True


class Batch(NamedTuple):
    """Sequences to train on."""

    tokens: Tensor
    """``[rows, length]``"""
    targets: Tensor
    category: Tensor
    """``[rows]``"""
    starts: Tensor | None
    """``[rows, length + 1]``: where stored patches start, the token after the last one included."""


class Sampler:
    """Batches of sequences; batch ``n`` depends on the seed and on ``n`` alone.

    A sequence is one piece of one text: BOS if it begins where the text does and else the byte
    before it, then bytes, then EOS if the text ends within it, then padding that no target counts.
    So BOS always means that a text begins.  Nothing ever attends from one text to another.

    A text is a document or one of the short texts of the corpus.  Of those that begin a sequence
    every one is as likely as any other of its category and kind; other pieces are cut from documents
    so that every byte of a category is as likely as any other.
    """

    def __init__(self, corpus: Corpus, settings: Settings) -> None:
        self.corpus = corpus
        self.settings = settings
        self.by_category = [np.flatnonzero(corpus.document_category == c) for c in range(len(corpus.categories))]
        lengths = np.diff(corpus.offsets)
        self.cumulative = [np.cumsum(lengths[docs]) for docs in self.by_category]
        short_category = corpus.document_category[np.searchsorted(corpus.offsets, corpus.short[:, 0], "right") - 1]
        self.short = [np.flatnonzero(short_category == c) + len(lengths) for c in range(len(corpus.categories))]
        self.texts = corpus.texts
        # A text has a flag more than bytes.
        self.first_flag = np.concatenate(([0], np.cumsum(np.diff(self.texts)[:, 0] + 1)))
        weight = corpus.category_bytes()
        weight *= [settings.boost.get(name, 1.0) for name in corpus.categories]
        self.share = weight / weight.sum()

    def batch(self, step: int, length: int) -> Batch:
        """Sequences of this length, as many as the tokens of a step allow."""
        rows = max(1, self.settings.tokens_per_step // length)
        random = np.random.default_rng((self.settings.seed, step))
        category = random.choice(len(self.share), size=rows, p=self.share)
        sequence = np.full((rows, length + 1), PAD_ID, dtype=np.int64)
        used = np.zeros(rows, dtype=np.int64)
        starts = None if self.corpus.patches is None else np.zeros((rows, length + 1), dtype=bool)
        for row in range(rows):
            text, begin = self.place(random, int(category[row]), length)
            first, end = self.texts[text]
            piece = self.corpus.data[begin : min(end, begin + length)]
            sequence[row, 0] = BOS_ID if begin == first else self.corpus.data[begin - 1] + BYTE_OFFSET
            sequence[row, 1 : 1 + len(piece)] = piece.astype(np.int64) + BYTE_OFFSET
            used[row] = 1 + len(piece)
            if begin + len(piece) == end and used[row] <= length:
                sequence[row, used[row]] = EOS_ID
                used[row] += 1
            if starts is not None:
                # The token before the piece, and its first byte so that there is a closed patch to see.
                starts[row, :2] = True
                flag = self.first_flag[text] + begin - first + 1
                starts[row, 2 : used[row]] = self.corpus.patches[flag : flag + used[row] - 2]
        tokens, targets = sequence[:, :-1], sequence[:, 1:].copy()
        targets[np.arange(length) >= used[:, None] - 1] = IGNORED
        return Batch(
            torch.from_numpy(tokens),
            torch.from_numpy(targets),
            torch.from_numpy(category),
            None if starts is None else torch.from_numpy(starts),
        )

    def place(self, random: np.random.Generator, category: int, length: int) -> tuple[int, int]:
        """A text, and where in the corpus a piece of it begins."""
        documents, short = self.by_category[category], self.short[category]
        if random.random() < self.settings.from_start:
            kind = short if len(short) and random.random() < 0.5 else documents
            text = kind[random.integers(len(kind))]
            return text, self.texts[text, 0]
        cumulative = self.cumulative[category]
        at = random.integers(cumulative[-1])
        which = int(np.searchsorted(cumulative, at, side="right"))
        first, end = self.texts[documents[which]]
        # The drawn byte may stand anywhere in the piece, so the ends are not rarer.
        position = end - int(cumulative[which] - at)
        latest = max(first, end - length + 1)
        return documents[which], min(max(first, position - int(random.integers(length))), latest)


def learning_rate_factor(progress: float, warmup: float) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def length_at(progress: float, lengths: tuple[tuple[int, float], ...]) -> int:
    """The sequence length in use at this point of the run."""
    total = sum(share for _, share in lengths)
    for length, share in lengths:
        progress -= share / total
        if progress < 0:
            return length
    return lengths[-1][0]


def make_optimizers(model: Network, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks and AdamW for the rest, or AdamW for all.

    Muon's update is scaled to the size of AdamW's, so both use one learning rate.
    """

    def share(name: str) -> float:
        return settings.begun_rate if model.begun(name) else settings.latent_rate if model.latent(name) else 1.0

    trained = [(n, p, share(n)) for n, p in model.named_parameters() if p.requires_grad]

    def groups(chosen: Callable[[str, nn.Parameter], bool], weight_decay: float) -> list[dict]:
        return [
            {"params": params, "weight_decay": weight_decay, "share": share}
            for share in sorted({rate for _, _, rate in trained})
            if (params := [p for n, p, rate in trained if rate == share and chosen(n, p)])
        ]

    inner = groups(lambda n, p: "proj" in n, settings.weight_decay)
    others = groups(lambda n, p: "proj" not in n and p.ndim == 2, settings.weight_decay)
    others += groups(lambda n, p: p.ndim == 1, 0.0)
    rate = settings.learning_rate
    if settings.optimizer == "muon":
        muon = torch.optim.Muon(inner, lr=rate, adjust_lr_fn="match_rms_adamw")
        return [muon, torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95))]
    return [torch.optim.AdamW(inner + others, lr=rate, betas=(0.9, 0.95))]


class Meter:
    """Bits per byte of the training text since the last report, in all and by category."""

    def __init__(self, categories: list[str]) -> None:
        self.categories = categories
        self.clear()

    def clear(self) -> None:
        self.nats = np.zeros(len(self.categories))
        self.bytes = np.zeros(len(self.categories))

    def add(self, row_nats: Tensor, row_bytes: Tensor, category: Tensor) -> None:
        size = len(self.categories)
        self.nats += np.bincount(category, row_nats.detach().cpu().double(), size)
        self.bytes += np.bincount(category, row_bytes.cpu(), size)

    def bits(self) -> dict[str, float]:
        report = {"all": self.nats.sum() / self.bytes.sum() / math.log(2)}
        for name, nats, count in zip(self.categories, self.nats, self.bytes, strict=True):
            if count:
                report[name] = nats / count / math.log(2)
        return {name: round(float(value), 4) for name, value in report.items()}


class Trainer:
    """One run: model, optimisers, where it stands, and how it goes on."""

    def __init__(
        self,
        corpus: Corpus,
        run: Path,
        settings: Settings,
        make_model: Callable[[], Network],
        device: str = "cpu",
        compile_model: bool = False,
    ) -> None:
        if [settings.steps, settings.minutes, settings.bytes].count(None) != 2:
            raise ValueError("give one of steps, minutes and bytes")
        torch.manual_seed(settings.seed)
        self.run = run
        self.settings = settings
        self.device = torch.device(device)
        self.sampler = Sampler(corpus, settings)
        self.meter = Meter(corpus.categories)
        self.model = make_model().to(self.device)
        self.optimizers = make_optimizers(self.model, settings)
        self.step = 0
        self.bytes_seen = 0
        self.elapsed = 0.0
        self.forward: Callable[..., Tensor] = self.model
        # Beside a GPU there is a processor that can make the next batch meanwhile.
        self.pool = None if self.device.type == "cpu" else ThreadPoolExecutor(1)
        self.ahead: tuple[tuple[int, int], Future[Batch]] | None = None
        self.compiled = compile_model
        if compile_model:
            # Where the compiler cannot do a part, that part runs as it is.
            torch._dynamo.config.suppress_errors = True
            self.forward = torch.compile(self.model)

    @property
    def progress(self) -> float:
        """The share of the run that is done."""
        if self.settings.steps is not None:
            return self.step / self.settings.steps
        if self.settings.bytes is not None:
            return self.bytes_seen / self.settings.bytes
        assert self.settings.minutes is not None
        return self.elapsed / (60 * self.settings.minutes)

    def batch(self, length: int) -> Batch:
        """The batch of this step."""
        if self.pool is None:
            return self.sampler.batch(self.step, length)
        wanted, ahead = (self.step, length), self.ahead
        found = ahead[1].result() if ahead and ahead[0] == wanted else self.sampler.batch(*wanted)
        following = (self.step + 1, length)
        self.ahead = following, self.pool.submit(self.sampler.batch, *following)
        return found

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Nats per token to be minimised, and by row the nats and how many tokens count."""
        tokens, targets = batch.tokens.to(self.device), batch.targets.to(self.device)
        starts = None if batch.starts is None else batch.starts.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bf16):
            logits = self.forward(*self.model.inputs(tokens, starts))
        nats = F.cross_entropy(
            logits.view(-1, VOCAB_SIZE), targets.view(-1), ignore_index=IGNORED, reduction="none"
        ).view_as(targets)
        counted = (targets != IGNORED).sum(1)
        loss = (nats.sum() + self.model.penalty(tokens, logits, targets)) / counted.sum()
        return loss, nats.sum(1), counted

    def compile_ahead(self) -> None:
        """Let whatever compiles do so for all lengths, so that a run of minutes does not spend them on it."""
        for length in {length for length, _ in self.settings.lengths}:
            self.loss(self.sampler.batch(0, length))[0].backward()
            self.model.zero_grad(set_to_none=True)

    def train_step(self) -> None:
        settings, started = self.settings, time.perf_counter()
        progress = min(self.progress, 1.0)
        batch = self.batch(length_at(progress, settings.lengths))
        loss, nats, counted = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip)
        # The rate of the end of this step, so that the first is not zero.
        factor = learning_rate_factor(max(progress, 1e-4), settings.warmup)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * factor * group["share"]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.meter.add(nats, counted, batch.category)
        self.step += 1
        self.bytes_seen += int(counted.sum())
        self.elapsed += time.perf_counter() - started

    def save(self) -> None:
        """Write the checkpoint so that a kill at any moment leaves the old or the new one."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "config": self.model.config.to_dict(),
            "settings": asdict(self.settings),
            "step": self.step,
            "bytes_seen": self.bytes_seen,
            "elapsed": self.elapsed,
        }
        self.run.mkdir(parents=True, exist_ok=True)
        temporary = self.run / (CHECKPOINT + ".tmp")
        torch.save(state, temporary)
        temporary.replace(self.run / CHECKPOINT)

    def load(self) -> None:
        state = torch.load(self.run / CHECKPOINT, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step = state["step"]
        self.bytes_seen = state["bytes_seen"]
        self.elapsed = state["elapsed"]

    def train(self, log_every: int = 100, save_minutes: float = 5.0, stop_at: int | None = None) -> Iterator[dict]:
        """Train to the end (or to step ``stop_at``), yielding a report every few steps."""
        if self.compiled and self.settings.minutes is not None:
            self.compile_ahead()
        saved = self.elapsed
        mark_time, mark_bytes = self.elapsed, self.bytes_seen
        while self.progress < 1.0 and self.step != stop_at:
            self.train_step()
            if self.step % log_every == 0 or self.progress >= 1.0:
                spent = max(self.elapsed - mark_time, 1e-9)
                yield {
                    "step": self.step,
                    "progress": round(self.progress, 4),
                    "minutes": round(self.elapsed / 60, 2),
                    "bytes": self.bytes_seen,
                    "bytes_per_s": round((self.bytes_seen - mark_bytes) / spent),
                    "bits_per_byte": self.meter.bits(),
                }
                self.meter.clear()
                mark_time, mark_bytes = self.elapsed, self.bytes_seen
            if self.elapsed - saved > 60 * save_minutes:
                self.save()
                saved = self.elapsed
        self.save()
