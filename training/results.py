"""Measure an exported model with the program itself, and write its figures and its model card.

Usage::

    python results.py MODEL VALID --blt target/release/blt

``VALID`` holds one ``<category>.txt`` per category; its documents are separated by a line that
holds only the byte 0x1E.  Everything but xz comes from commands of ``blt``, which are printed and kept
in ``MODEL/results.json``.  ``--bytes`` limits what the comparisons of patchers and of noise read of each
category; bits per byte and boundaries are those of all of it.
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from string import Template
from typing import Any

from safetensors.torch import load_file, save_file

from artifact import CONFIG, WEIGHTS, read_config, write_json
from evaluate import SEPARATOR, first, read_documents

HERE = Path(__file__).parent
SEPARATOR_ARGUMENT = r"\x1e\n"
PATCHERS = {
    "entropy": [],
    "space": ["--mode", "space"],
    "static, 4 bytes": ["--mode", "static", "--patch-size", "4"],
    "static, 6 bytes": ["--mode", "static", "--patch-size", "6"],
}
WITHOUT_LATENT = "entropy, and no latent model"
PROMPTS = {"English": "The old house at the end of the street", "Korean": "오늘은 ", "code": "fn main() {\n    let "}


class Program:
    """The program under test, with every command that was given to it."""

    def __init__(self, path: Path, model: Path) -> None:
        self.path = path
        self.model = model
        self.commands: list[str] = []

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        words = [str(a) for a in arguments]
        self.commands.append(shlex.join(["blt", *(Path(w).name if Path(w).is_absolute() else w for w in words)]))
        print(self.commands[-1], file=sys.stderr, flush=True)
        command = [str(self.path), *words[:1], *(words[1:2] if words[0] == "eval" else [])]
        rest = words[2:] if words[0] == "eval" else words[1:]
        done = subprocess.run([*command, "-m", str(self.model), *rest], capture_output=True)
        if done.returncode:
            raise SystemExit(done.stderr.decode())
        return done

    def table(self, *arguments: str | Path) -> list[dict[str, str]]:
        """The rows of a Markdown table on standard output."""
        lines = [line for line in self.run(*arguments, "--format", "md").stdout.decode().splitlines() if "|" in line]
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        return [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def without_latent(model: Path, out: Path) -> Path:
    """A copy of a model whose decoder is given zeros in place of what the latent model says."""
    weights = load_file(model / WEIGHTS)
    for name, tensor in weights.items():
        if "local_decoder.patch_embedding_projection" in name and tensor.is_floating_point():
            tensor.zero_()
    out.mkdir()
    save_file(weights, out / WEIGHTS, metadata={"format": "pt"})
    shutil.copy(model / CONFIG, out)
    return out


def many_bytes(text: bytes) -> bool:
    """Whether a tenth of a text is in characters of several bytes: others have hardly any to cut."""
    return sum(byte > 0x7F for byte in text) > len(text) / 10


def measure(blt: Program, valid: Path, limit: int) -> dict[str, Any]:
    """All figures."""
    documents = read_documents(valid)
    files = [valid / f"{name}.txt" for name in documents]
    separated = ["--separator", SEPARATOR_ARGUMENT]
    rows = blt.table("score", "--model-part", "both", *separated, *files)
    categories: dict[str, dict[str, Any]] = {}
    for name, row in zip([*documents, "all"], rows, strict=True):
        texts = documents.get(name) or [text for texts in documents.values() for text in texts]
        size = sum(map(len, texts))
        assert int(row["bytes"]) == size, f"{name} has {size} bytes"
        packed = lzma.compress(b"".join(texts), preset=9 | lzma.PRESET_EXTREME)
        categories[name] = {"score": row, "bytes": size, "xz": round(8 * len(packed) / size, 4)}
    with tempfile.TemporaryDirectory() as folder:
        for name, file in zip(documents, files, strict=True):
            if not many_bytes(b"".join(documents[name])):
                continue
            done = blt.run("patch", *separated, "-f", file, "-o", Path(folder) / "out")
            summary = done.stderr.decode()
            inside, boundaries = re.search(r"(\d+) of (\d+) boundaries inside a character", summary).groups()
            categories[name] |= {"inside": int(inside), "boundaries": int(boundaries)}
        parts = []
        for name, texts in documents.items():
            part = Path(folder) / f"{name}.txt"
            part.write_bytes(SEPARATOR.join(first(texts, limit)))
            parts.append(part)
        patchers = {
            title: blt.table("score", "--model-part", "blt", *flags, *separated, *parts)
            for title, flags in PATCHERS.items()
        }
        ablated = Program(blt.path, without_latent(blt.model, Path(folder) / "without-latent"))
        patchers[WITHOUT_LATENT] = ablated.table("score", "--model-part", "blt", *separated, *parts)
        characters = blt.table("eval", "characters", "--model-part", "both")
        noise = blt.table("eval", "noise", "--seed", "1", *separated, Path(folder) / "en_prose.txt")
    samples = {}
    for title, prompt in PROMPTS.items():
        done = blt.run("generate", "-p", prompt, "-n", "300", "--temp", "0.8", "--seed", "1", "--utf8", "replace")
        samples[title] = {"prompt": prompt, "text": done.stdout.decode()}
    return {
        "commands": blt.commands,
        "categories": categories,
        "patchers": patchers,
        "noise": noise,
        "characters": characters,
        "samples": samples,
    }


def tables(found: dict[str, Any]) -> str:
    """The figures in Markdown."""
    rows = []
    for name, category in found["categories"].items():
        score = category["score"]
        inside = "-"
        if "boundaries" in category:
            inside = f"{100 * category['inside'] / max(category['boundaries'], 1):.1f} %"
        rows.append(
            [
                name,
                str(category["bytes"]),
                f"{category['xz']:.3f}",
                f"{float(score['entropy model']):.3f}",
                f"{float(score['bits per byte']):.3f}",
                f"{float(score['mean patch']):.2f}",
                inside,
            ]
        )
    head = ["category", "bytes", "xz -9e", "entropy model", "whole model", "mean patch", "boundaries in characters"]
    main = "Bits per byte, and patches:\n\n" + markdown(head, rows)

    names = [row["file"].removesuffix(".txt") for row in found["patchers"]["entropy"]]
    rows = [
        [title, *(f"{float(row['bits per byte']):.3f} ({float(row['mean patch']):.1f})" for row in of)]
        for title, of in found["patchers"].items()
    ]
    patchers = (
        "The same weights with other patches, which they were not trained for, and with zeros in place of what\n"
        "the latent model gives to the decoder: bits per byte, and the mean patch in bytes, of the first documents\n"
        "of each category:\n\n" + markdown(["patches", *names], rows)
    )
    head = list(found["noise"][0])
    noise = (
        "Noise in the English prose of that part (`blt eval noise`; the bits are those of the noisy text):\n\n"
        + markdown(head, [list(row.values()) for row in found["noise"]])
    )
    head = list(found["characters"][0])
    characters = (
        "Copying, reversing and spelling words that are made up, and counting their letters, after four examples\n"
        "(`blt eval characters`; bits per byte of the answers, and how many were right):\n\n"
        + markdown(head, [list(row.values()) for row in found["characters"]])
    )
    return "\n\n".join((main, patchers, noise, characters))


def sample_texts(found: dict[str, Any]) -> str:
    blocks = []
    for title, sample in found["samples"].items():
        prompt = json.dumps(sample["prompt"], ensure_ascii=False)
        blocks.append(f"{title}, after `{prompt}`:\n\n```text\n{sample['text'].strip()}\n```")
    return "\n\n".join(blocks)


def card(model: Path, found: dict[str, Any], alternatives: str, commands: str) -> str:
    """The model card, filled in."""
    training = json.loads((model / "training.json").read_text(encoding="utf-8"))
    config, settings = read_config(model), training["settings"]
    latent = config["global_config"]
    seconds = max(60 * training["minutes"], 1)
    return Template((HERE / "card_blt.md").read_text(encoding="utf-8")).substitute(
        parameters=f"{training['parameters']:,}",
        megabytes_file=f"{(model / 'model.safetensors').stat().st_size / 1e6:.1f}",
        threshold=config["patching_threshold"],
        hash_vocab=f"{config['encoder_hash_byte_group_vocab']:,}",
        encoder_layers=config["encoder_config"]["num_hidden_layers"],
        decoder_layers=config["decoder_config"]["num_hidden_layers"],
        k=config["cross_attn_k"],
        latent_layers=latent["num_hidden_layers"],
        latent_size=latent["hidden_size"],
        latent_heads=latent["num_attention_heads"],
        latent_intermediate=f"{latent['intermediate_size']:,}",
        positions=f"{config['max_position_embeddings']:,} bytes",
        parts=", ".join(f"{name} {count:,}" for name, count in training["parameters_by_part"].items()),
        results=tables(found),
        samples=sample_texts(found),
        steps=f"{training['steps']:,}",
        tokens_per_step=f"{settings['tokens_per_step']:,}",
        megabytes=f"{training['bytes_seen'] / 1e6:.1f}",
        minutes=training["minutes"],
        rate=f"{round(training['bytes_seen'] / seconds):,}",
        seed=settings["seed"],
        lengths=" then ".join(f"{n} ({share:.0%} of the time)" for n, share in settings["lengths"]),
        learning_rate=settings["learning_rate"],
        boost=", ".join(f"{name} x {factor}" for name, factor in settings["boost"].items()) or "none",
        alternatives=alternatives,
        commands=commands,
        sources=(HERE / "sources.md").read_text(encoding="utf-8").rstrip(),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="folder written by export_blt.py")
    parser.add_argument("valid", type=Path, help="folder with one <category>.txt per category")
    parser.add_argument("--blt", type=Path, default=HERE.parent / "target/release/blt")
    parser.add_argument("--bytes", type=int, default=20000, help="of each category, for the smaller comparisons")
    parser.add_argument("--card-only", action="store_true", help="write the card from results.json as it is")
    args = parser.parse_args()
    file = args.model / "results.json"
    if not args.card_only:
        write_json(file, measure(Program(args.blt.resolve(), args.model.resolve()), args.valid.resolve(), args.bytes))
    found = json.loads(file.read_text(encoding="utf-8"))
    alternatives = (HERE / "alternatives.md").read_text(encoding="utf-8").rstrip()
    commands = (HERE / "commands.txt").read_text(encoding="utf-8").rstrip()
    (args.model / "README.md").write_text(card(args.model, found, alternatives, commands), encoding="utf-8")


if __name__ == "__main__":
    main()
