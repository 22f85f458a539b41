"""Speed of `blt bench` beside that of transformers, on the same model, text and machine.

Usage::

    pip install torch transformers safetensors
    python benches/compare_transformers.py --size small --threads 2

Makes a checkpoint with random weights of a fixed seed, and a patching threshold that gives patches
of about 4.5 bytes on the text. Both programs read it from the same files. transformers computes in
f32, on the processor or with ``--device cuda`` on a GPU, and without a cache: its cached generation crashes, and where it is patched not to, it is wrong,
so that every byte is a full recompute. Both continue the text greedily, and the bytes are compared:
two speeds of different computations say nothing.

Prints one Markdown table on standard output.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from transformers import BltConfig, BltForCausalLM

ROOT = Path(__file__).resolve().parent.parent
BOS, OFFSET = 1, 4
MEAN_PATCH = 4.5


@dataclass
class Size:
    """A model, and how much of it is worth the time."""

    patcher: dict
    encoder: dict
    latent: dict
    decoder: dict
    dtype: torch.dtype
    bytes: int
    repeat: int

    def config(self) -> BltConfig:
        shared = {"cross_attn_k": 2, "hidden_size_global": self.latent["hidden_size"]}
        return BltConfig(
            patcher_config=self.patcher,
            encoder_config=self.encoder | shared | {"cross_attn_all_layers": False},
            global_config=self.latent,
            decoder_config=self.decoder | shared | {"cross_attn_all_layers": True},
            cross_attn_k=2,
            # A row of the tables costs the same however many there are.
            encoder_hash_byte_group_vocab=2002,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )


def stack(layers: int, width: int, heads: int, feed_forward: int) -> dict:
    return {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "intermediate_size": feed_forward,
    }


SIZES = {
    "small": Size(
        patcher=stack(2, 192, 6, 512),
        encoder=stack(1, 192, 6, 512),
        latent=stack(4, 256, 8, 704),
        decoder=stack(2, 192, 6, 512),
        dtype=torch.bfloat16,
        bytes=32,
        repeat=5,
    ),
    # The layers of the published model of that name; only its hash tables are smaller.
    "1b": Size(
        patcher=stack(14, 768, 12, 2048),
        encoder=stack(1, 1024, 16, 2816),
        latent=stack(25, 2048, 16, 5632),
        decoder=stack(9, 1024, 16, 2816),
        dtype=torch.bfloat16,
        bytes=2,
        repeat=2,
    ),
}


def say(*words: object) -> None:
    print(*words, file=sys.stderr, flush=True)


def tokens(text: bytes, device: torch.device) -> torch.Tensor:
    return torch.tensor([[BOS, *(byte + OFFSET for byte in text)]], device=device)


def threshold(model: BltForCausalLM, text: bytes) -> float:
    """An entropy that starts a patch every 4.5 bytes, in the widest gap thereabouts.

    Far from every entropy, so that rounding does not move a patch.
    """
    # The entropy at BOS decides nothing; the first byte always starts a patch.
    entropies = model.model.patcher(tokens(text, model.device))[0][0, 1:].sort(descending=True).values
    wanted = round(len(entropies) / MEAN_PATCH)
    nearby = entropies[max(wanted - 5, 0) : wanted + 5]
    widest = int((nearby[:-1] - nearby[1:]).argmax())
    return float((nearby[widest] + nearby[widest + 1]) / 2)


def make(size: Size, text: bytes, folder: Path) -> None:
    """Writes the checkpoint, in the layout of transformers."""
    torch.manual_seed(1)
    model = BltForCausalLM(size.config()).eval().to(size.dtype)
    with torch.inference_mode():
        # Livelier than what training starts from: entropies and logits that differ clearly.
        model.lm_head.weight *= 3
        model.model.patcher.lm_head.weight *= 3
    model.save_pretrained(folder)
    del model
    model = load(folder)
    with torch.inference_mode():
        found = threshold(model, text)
    config = json.loads((folder / "config.json").read_text())
    config["patching_threshold"] = found
    (folder / "config.json").write_text(json.dumps(config, indent=2))


def load(folder: Path) -> BltForCausalLM:
    return BltForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def most_likely(model: BltForCausalLM, ids: torch.Tensor) -> tuple[int, float]:
    """The byte to come, and how far its logit is above the next."""
    logits = model(input_ids=ids, use_cache=False).logits[0, -1, OFFSET:]
    best = logits.topk(2)
    return int(best.indices[0]), float(best.values[0] - best.values[1])


def continued(model: BltForCausalLM, text: bytes, count: int) -> tuple[bytes, float]:
    """The greedy bytes after a text, and the least by which one was above the next."""
    ids, decoded, least = tokens(text, model.device), bytearray(), float("inf")
    for _ in range(count):
        byte, margin = most_likely(model, ids)
        decoded.append(byte)
        least = min(least, margin)
        ids = torch.cat((ids, torch.tensor([[byte + OFFSET]], device=model.device)), dim=1)
    return bytes(decoded), least


def timed(count: int, repeat: int, run: Callable, *arguments: object) -> tuple[list[float], tuple]:
    """Bytes per second of each run but the first, which warms up, and what the last gave."""
    found = []
    for _ in range(repeat + 1):
        started = time.perf_counter()
        result = run(*arguments)
        found.append(count / (time.perf_counter() - started))
    return found[1:], result


@dataclass
class Row:
    """What one of the two did in one test."""

    mean: float
    deviation: float
    decoded: bytes = b""
    margin: float = float("inf")
    bytes_per_step: float = float("nan")

    def __str__(self) -> str:
        digits = max(0, 2 - len(str(int(self.mean))) + 1)
        return f"{self.mean:.{digits}f} ± {self.deviation:.{digits}f}"


def summed(found: list[float], **more: object) -> Row:
    deviation = statistics.stdev(found) if len(found) > 1 else 0.0
    return Row(statistics.mean(found), deviation, **more)


def of_transformers(folder: Path, text: bytes, contexts: list[int], args: argparse.Namespace) -> dict:
    model = load(folder).to(args.device)
    rows = {}
    with torch.inference_mode():
        for context in contexts:
            say(f"transformers: prefill {context}")
            ids = tokens(text[:context], model.device)
            found, _ = timed(context, args.repeat, most_likely, model, ids)
            rows["prefill", context] = summed(found)
        for context in contexts:
            say(f"transformers: decode {args.bytes} @ {context}")
            before = text[:context]
            found, result = timed(args.bytes, args.repeat, continued, model, before, args.bytes)
            rows["decode", context] = summed(found, decoded=result[0], margin=result[1])
    del model
    gc.collect()
    return rows


def of_blt(folder: Path, text: Path, contexts: list[int], args: argparse.Namespace) -> tuple[dict, dict]:
    command = [args.blt, "bench", "-m", folder, "-p", ",".join(map(str, contexts)), "-n", args.bytes]
    command += ["-r", args.repeat, "--text", text, "--greedy", "-o", "json", *args.flags]
    say(*command)
    done = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE)
    found = json.loads(done.stdout)
    rows = {
        (row["test"], row["context"] or row["bytes"]): Row(
            row["bytes_per_second"],
            row["bytes_per_second_sd"] or 0.0,
            bytes.fromhex(row["decoded"]),
            bytes_per_step=row["bytes_per_step"],
        )
        for row in found
    }
    return rows, found[0]


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def agreement(theirs: dict, ours: dict) -> tuple[list[str], bool]:
    """How many greedy bytes are the same, in words, and whether all are."""
    lines, whole = [], True
    for (test, context), row in theirs.items():
        if test != "decode":
            continue
        other = ours[test, context].decoded
        pairs = zip(row.decoded, other, strict=True)
        same = next((at for at, (a, b) in enumerate(pairs) if a != b), len(row.decoded))
        lines.append(
            f"Greedy bytes after {context}: {same} of {len(row.decoded)} the same"
            f" (the likeliest byte is at least {row.margin:.2g} above the next)."
        )
        whole &= row.decoded == other
    return lines, whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    parser.add_argument("--device", default="cpu", help="of PyTorch: cpu, cuda, or auto for cuda where it is")
    parser.add_argument("--contexts", type=int, nargs="+", default=[256, 1024], metavar="BYTES")
    parser.add_argument("--bytes", type=int, help="how many to decode [default: 32, with 1b 2]")
    parser.add_argument("--repeat", type=int, help="after one to warm up [default: 5, with 1b 2]")
    parser.add_argument("--text", type=Path, default=ROOT / "README.md")
    parser.add_argument("--blt", type=Path, default=ROOT / "target/release/blt")
    parser.add_argument("flags", nargs="*", help="further flags of `blt bench`, after --")
    args = parser.parse_args()
    size = SIZES[args.size]
    args.bytes, args.repeat = args.bytes or size.bytes, args.repeat or size.repeat
    torch.set_num_threads(args.threads)
    if args.device == "auto":
        args.device = "cuda" if torch.cuda.is_available() else "cpu"
    where = f"{args.threads} threads"
    if args.device != "cpu":
        where = torch.cuda.get_device_name(args.device)
        # As exact as on the processor: the bytes are compared.
        torch.backends.cuda.matmul.allow_tf32 = False
    transformers.logging.disable_progress_bar()
    text = args.text.read_bytes()
    needed = max(args.contexts) + args.bytes
    if len(text) < needed:
        parser.error(f"{args.text} has {len(text)} bytes, and {needed} are read")

    with tempfile.TemporaryDirectory(prefix="blt-bench-") as folder:
        say(f"making {args.size}")
        make(size, text[:needed], Path(folder))
        theirs = of_transformers(Path(folder), text, args.contexts, args)
        ours, setting = of_blt(Path(folder), args.text, args.contexts, args)

    print("| model | test | transformers, bytes/s | blt, bytes/s | ratio | blt, bytes per latent step |")
    print("|---|---|---:|---:|---:|---:|")
    for (test, context), row in theirs.items():
        own = ours[test, context]
        name = f"prefill {context}" if test == "prefill" else f"decode {args.bytes} @ {context}"
        ratio = f"{own.mean / row.mean:.2f}"
        # A few bytes may pass without a latent step.
        steps = "-" if own.bytes_per_step is None else f"{own.bytes_per_step:.2f}"
        print(f"| {args.size} | {name} | {row} | {own} | {ratio} | {steps} |")
    lines, whole = agreement(theirs, ours)
    version = subprocess.run([args.blt, "--version"], check=True, capture_output=True, text=True)
    print()
    print("\n".join(lines))
    print(
        f"{processor()}, {platform.system()}; Python {platform.python_version()},"
        f" PyTorch {torch.__version__} with {where} in f32,"
        f" transformers {transformers.__version__}, {version.stdout.strip()} on"
        f" {setting['adapter']}, tier {setting['tier']}; mean ± deviation of {args.repeat}."
    )
    if not whole:
        sys.exit("the two continue the text differently: the speeds cannot be compared")


if __name__ == "__main__":
    main()
