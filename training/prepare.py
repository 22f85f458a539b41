"""Turn a corpus into one file of bytes and an index of its documents and of short texts in them.

The corpus is either a file of JSON lines with ``text`` and optionally ``category``
(``.jsonl``, ``.jsonl.zst``, ``.jsonl.xz``), or a folder of text files.  In a folder the
category is the name of the first subfolder, or ``text`` at the top; a text file is one
document.

The short texts are parts of the documents that could stand alone: they begin where a sentence or a
paragraph does, and many are one sentence.  Real documents are too few and too long to teach a model
what the first bytes of a text look like.

Usage::

    python prepare.py CORPUS OUT
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

BYTES_FILE = "corpus.bin"
INDEX_FILE = "corpus.json"
SHORT_EVERY = 2048
"""One short text for as many bytes of a document."""
SHORT_LENGTHS = (20, 2048)
"""Their lengths lie between these, every power of two as often as any other."""
QUOTE = rb"(?:[\"')]|\xe2\x80[\x99\x9d])"
TEXT_START = re.compile(rb"(?:[.!?]" + QUOTE + rb"*[ \n](?![a-z])|(?<![a-z,])\n|\xe3\x80\x82)(?=[^\s\x80-\xbf])")
"""What stands before the begin of a sentence or a paragraph; a line that is only wrapped does not count."""


@dataclass(frozen=True)
class Corpus:
    """All documents end to end, with where each begins and what kind it is."""

    data: np.ndarray
    """uint8, every document without separators."""
    offsets: np.ndarray
    """int64, document ``d`` is ``data[offsets[d] : offsets[d + 1]]``."""
    document_category: np.ndarray
    """int64, an index into ``categories``."""
    categories: list[str]
    short: np.ndarray
    """int64 ``[texts, 2]``: where each short text begins and ends in ``data``."""
    patches: np.ndarray | None = None
    """What `patches.py` stores, if anything: for each text in turn a flag for each byte and one for its end."""

    @property
    def texts(self) -> np.ndarray:
        """int64 ``[texts, 2]``: where all texts begin and end, first the documents and then the short texts."""
        return np.concatenate((np.stack((self.offsets[:-1], self.offsets[1:]), axis=1), self.short))

    @classmethod
    def open(cls, folder: Path) -> Corpus:
        index = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
        return cls(
            data=np.memmap(folder / BYTES_FILE, dtype=np.uint8, mode="r"),
            offsets=np.concatenate(([0], np.cumsum(index["lengths"], dtype=np.int64))),
            document_category=np.asarray(index["document_category"], dtype=np.int64),
            categories=index["categories"],
            short=np.asarray(index["short"], dtype=np.int64).reshape(-1, 2),
        )

    def category_bytes(self) -> np.ndarray:
        """Bytes in each category."""
        lengths = np.diff(self.offsets).astype(np.float64)
        return np.bincount(self.document_category, lengths, len(self.categories))


def _open_text(path: Path) -> TextIO:
    if path.suffix == ".zst":
        import io

        import zstandard  # only needed for this kind of file

        reader = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True)
        return io.TextIOWrapper(reader, encoding="utf-8")
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def documents(source: Path) -> Iterator[tuple[str, bytes]]:
    """Category and text of every document of a corpus file or folder, in a fixed order."""
    if source.is_dir():
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            parts = path.relative_to(source).parts
            yield (parts[0] if len(parts) > 1 else "text"), path.read_bytes()
        return
    with _open_text(source) as lines:
        for line in lines:
            if line.strip():
                record = json.loads(line)
                yield record.get("category", "text"), record["text"].encode()


def short_texts(text: bytes, random: np.random.Generator) -> list[tuple[int, int]]:
    """Begins and ends of the short texts of one document, drawn at random."""
    starts = np.array([match.end() for match in TEXT_START.finditer(text)], dtype=np.int64)
    found = []
    for begin in random.choice(starts, min(len(starts), len(text) // SHORT_EVERY), replace=False):
        length = np.exp(random.uniform(*np.log(SHORT_LENGTHS)))
        after = np.searchsorted(starts, begin + length)
        end = starts[after] if after < len(starts) else len(text)
        found.append((int(begin), int(begin) + len(text[begin:end].rstrip())))
    return found


def prepare(source: Path, out: Path) -> Corpus:
    """Write the corpus to ``out`` and open it."""
    out.mkdir(parents=True, exist_ok=True)
    categories: list[str] = []
    lengths: list[int] = []
    document_category: list[int] = []
    short: list[tuple[int, int]] = []
    random, offset = np.random.default_rng(0), 0
    with (out / BYTES_FILE).open("wb") as data:
        for category, text in documents(source):
            if not text:
                continue
            if category not in categories:
                categories.append(category)
            data.write(text)
            lengths.append(len(text))
            document_category.append(categories.index(category))
            short += [(offset + begin, offset + end) for begin, end in short_texts(text, random)]
            offset += len(text)
    if not lengths:
        raise SystemExit(f"{source} holds no text")
    index = {
        "categories": categories,
        "lengths": lengths,
        "document_category": document_category,
        "short": short,
    }
    (out / INDEX_FILE).write_text(json.dumps(index), encoding="utf-8")
    return Corpus.open(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="a .jsonl[.zst|.xz] file or a folder of text")
    parser.add_argument("out", type=Path, help="folder for the prepared corpus")
    args = parser.parse_args()
    corpus = prepare(args.corpus, args.out)
    for name, size in zip(corpus.categories, corpus.category_bytes(), strict=True):
        print(f"{name:12} {size / 1e6:8.2f} MB")
    print(f"{'total':12} {corpus.data.size / 1e6:8.2f} MB in {len(corpus.document_category)} documents")
    print(f"{len(corpus.short)} short texts")


if __name__ == "__main__":
    main()
