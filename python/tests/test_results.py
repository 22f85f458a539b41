"""What the module gives is what the program prints."""

import json

import numpy as np
import pytest
from conftest import SAMPLES, WHOLE

import blt

TEXTS = [*blt.samples(), "empty", "no-utf8"]


def text_of(name):
    return {"empty": b"", "no-utf8": b"a\xff\xfe\x00 b\x80\n\xf0\x9f"}.get(name) or (
        b"" if name == "empty" else blt.sample(name)
    )


def floats(values):
    return np.array(values, dtype=np.float32)


def same(found, wanted):
    """Equal but for rounding: the program reads a text in pieces of other lengths.

    As far as two devices may differ: on random bytes the order of sums alone makes 3e-5 of
    an entropy, differently on each processor.
    """
    np.testing.assert_allclose(found, floats(wanted), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", TEXTS)
def test_entropies(model, program, name):
    text = text_of(name)
    rows = program.rows("entropy", "-f", "-", text=text)
    wanted = floats([row["entropy"] for row in rows])
    with_next = model.entropies(text, to_come=True)
    assert with_next.dtype == np.float32
    same(with_next, wanted)
    np.testing.assert_array_equal(model.entropies(text), with_next[:-1])


RULES = {
    "own": {},
    "threshold": {"threshold": 1.0},
    "monotonic": {"mode": "monotonic", "threshold": 0.2},
    "both": {"mode": "both", "threshold": 1.0, "threshold_add": 0.1},
    "mean": {"patch_size": 5.5},
    "top-k": {"mode": "top-k", "patch_size": 4},
    "space": {"mode": "space"},
    "static": {"mode": "static", "patch_size": 5, "max_patch_length": 3},
    "byte": {"mode": "byte"},
    "delimiter": {"mode": "delimiter"},
    "bpe-patcher": {"mode": "bpe-patcher"},
    "longest": {"max_patch_length": 4},
    "newline": {"reset_at_newline": True},
    "every": {"reset_every": 100},
}


def flags(arguments):
    for name, value in arguments.items():
        yield "--" + name.replace("_", "-")
        if value is not True:
            yield value


def check_patches(patches, text, rows):
    bytes_of_text = [row for row in rows if row["byte"] is not None]
    starts = [row["i"] for row in bytes_of_text if row["start"]]
    assert patches.starts.tolist() == starts
    assert len(patches) == len(starts)
    assert b"".join(patch.bytes for patch in patches) == text
    assert [patch.start for patch in patches] == starts
    assert [patch.length for patch in patches] == patches.lengths.tolist()
    entropies = [row["entropy"] for row in bytes_of_text]
    if None in entropies:
        assert patches.entropies is None
        assert all(patch.entropy is None for patch in patches)
    else:
        same(patches.entropies, entropies)
        found = floats([patch.entropy for patch in patches])
        np.testing.assert_array_equal(found, patches.entropies[starts])


@pytest.mark.parametrize("name", TEXTS)
def test_patches(model, program, name):
    text = text_of(name)
    rows = program.rows("patch", "--format", "jsonl", "-f", "-", text=text)
    check_patches(model.patch(text), text, rows)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["english", "emoji"])
def test_rules(model, program, name, rule):
    text = text_of(name)
    arguments = RULES[rule]
    rows = program.rows(
        "patch", "--format", "jsonl", "-f", "-", *flags(arguments), text=text
    )
    check_patches(model.patch(text, **arguments), text, rows)


def test_a_table(model, program, tmp_path):
    table = tmp_path / "table.json"
    # After an `e`, whatever came before it.
    pairs = [[before, ord("e") + 4] for before in range(260)]
    table.write_text(json.dumps({"side": 260, "pairs": pairs}))
    text = text_of("english")
    rows = program.rows(
        *["patch", "--format", "jsonl", "-f", "-", "--mode", "lookup", "--table", table],
        text=text,
    )
    patches = model.patch(text, mode="lookup", table=table)
    check_patches(patches, text, rows)
    assert all(patch.bytes.endswith(b"e") for patch in patches[1:-1])


@pytest.mark.parametrize("part", ["blt", "entropy", "both"])
def test_scores(model, program, part):
    files = sorted(file for file in SAMPLES.iterdir() if file.suffix != ".md")
    files = [file for file in files if file.is_file() and file.name != ".gitattributes"]
    assert len(files) == len(blt.samples())
    arguments = ["score", "--model-part", part, "--format", "jsonl", *files]
    rows = program.rows(*arguments)
    for file in files:
        score = model.score(file.read_bytes(), part=part)
        of_file = [row for row in rows if row["file"] == file.name]
        assert score.bytes == len(of_file) == file.stat().st_size
        assert score.patches == of_file[-1]["patch"] + 1
        wanted = floats([row["nll"] for row in of_file])
        same(score.nlls, wanted)
        bits = wanted.astype(np.float64).sum() / np.log(2) / len(wanted)
        assert score.bits_per_byte == pytest.approx(bits, rel=1e-6)
        if part == "both":
            wanted = floats([row["nll_entropy"] for row in of_file])
            same(score.entropy_nlls, wanted)
        else:
            assert score.entropy_nlls is None


def test_pieces(model, program, tmp_path):
    text = text_of("english")
    file = tmp_path / "text"
    file.write_bytes(text)
    rows = program.rows("score", "--piece", 100, "--format", "jsonl", file)
    score = model.score(text, piece=100)
    same(score.nlls, [row["nll"] for row in rows])
    assert score.pieces == -(-len(text) // 100)


def test_answers(model, program, tmp_path):
    requests = [
        ("The ship had been at", " anchor"),
        ("The ship had been at", " sea"),
        ("", "The"),
        ("a", ""),
        ("안녕", "하세요"),
    ]
    file = tmp_path / "requests.jsonl"
    lines = [json.dumps({"context": a, "continuation": b}) for a, b in requests]
    file.write_text("\n".join(lines))
    wanted = program.rows("score", "--requests", file)
    answers = model.answers(requests)
    assert [answer.is_greedy for answer in answers] == [w["is_greedy"] for w in wanted]
    assert [answer.bytes for answer in answers] == [w["bytes"] for w in wanted]
    for answer, row in zip(answers, wanted):
        assert answer.logprob == pytest.approx(row["logprob"], abs=1e-5)


@pytest.mark.parametrize("part", ["blt", "entropy"])
def test_answers_after_one_context(model, part):
    """Read once, it gives what it gives when it is read for each."""
    context = text_of("english")[:700]
    endings = [b" and the rest", b"", b"e", text_of("korean")[:90], b"\n\n", b" the"]
    together = model.answers([(context, ending) for ending in endings], part=part)
    for ending, answer in zip(endings, together):
        (alone,) = model.answers([(context, ending)], part=part)
        assert (answer.bytes, answer.is_greedy) == (len(ending), alone.is_greedy)
        assert answer.logprob == pytest.approx(alone.logprob, rel=1e-5, abs=1e-4)


GENERATIONS = {
    "sampled": ({"temperature": 0.9, "seed": 5, "top_p": 0.95}, ["--temp", 0.9, "-s", 5, "--top-p", 0.95]),
    "greedy": ({"temperature": 0}, ["--temp", 0]),
    "stopped": ({"seed": 3, "stop": [" the", "\n"]}, ["-s", 3, "--stop", " the", "--stop", "\\n"]),
    "characters": ({"seed": 2, "utf8": "constrain"}, ["-s", 2, "--utf8", "constrain"]),
    "drafts": ({"seed": 4, "speculate": 4}, ["-s", 4, "--speculate", 4]),
    "filtered": ({"seed": 6, "top_k": 9, "min_p": 0.02, "repetition_penalty": 1.2}, ["-s", 6, "--top-k", 9, "--min-p", 0.02, "--repetition-penalty", 1.2]),
    "patches of 3": ({"mode": "static", "patch_size": 3}, ["--mode", "static", "--patch-size", 3]),
}  # fmt: skip


def as_json(event):
    """An event as the program's trace has it."""
    kind = type(event).__name__
    fields = {
        "Byte": ("byte", "index byte entropy nll start patch"),
        "Draft": ("draft", "drafted accepted"),
        "Boundary": ("boundary", "patch length"),
        "LatentStep": ("latent_step", "patch"),
        "Done": ("done", "reason stop bytes latent_steps"),
    }
    name, fields = fields[kind]
    said = {field: getattr(event, field) for field in fields.split()}
    if "index" in said:
        said["i"] = said.pop("index")
    if said.get("stop", 0) is None:
        del said["stop"]
    return {"event": name, **said}


def rounded(event):
    """With 32-bit numbers, as both have them."""
    return {
        key: float(np.float32(value)) if isinstance(value, float) else value
        for key, value in event.items()
    }


@pytest.mark.parametrize("case", GENERATIONS)
def test_generations(model, program, tmp_path, case):
    arguments, options = GENERATIONS[case]
    trace = tmp_path / "trace.jsonl"
    prompt = "The ship had been at anchor for"
    command = ["generate", "-p", prompt, "-n", 60, "--trace", trace, *options]
    written = program.bytes(*command)
    generation = model.generate(prompt, 60, **arguments)
    events = list(generation)
    assert generation.bytes == written
    assert generation.text == written.decode(errors="replace")
    wanted = [json.loads(line) for line in trace.read_text().splitlines()]
    wanted = [event for event in wanted if event["event"] != "prompt"]
    assert [rounded(as_json(e)) for e in events] == [rounded(e) for e in wanted]
    assert generation.done == events[-1]
    assert list(generation) == []


def test_the_entropy_model_writes_too(model, program):
    text = model.generate(b"", 40, part="entropy", seed=9).bytes
    assert len(text) == 40
    assert text == model.generate(b"", 40, part="entropy", seed=9).bytes


def test_another_whole_model(whole, program):
    text = text_of("emoji")[:200]
    assert whole.kind == "blt"
    rows = program.rows("entropy", "-m", WHOLE, "-f", "-", text=text)
    wanted = floats([row["entropy"] for row in rows])
    same(whole.entropies(text, to_come=True), wanted)
    written = program.bytes("generate", "-m", WHOLE, "-p", "Daenerys ", "-n", 30)
    assert whole.generate("Daenerys ", 30).bytes == written


def test_another_entropy_model(model, program):
    text = text_of("english")[:300]
    mixed = blt.Model.open(WHOLE, "cpu", entropy_model="embedded")
    np.testing.assert_array_equal(mixed.entropies(text), model.entropies(text))
    arguments = ["-m", WHOLE, "--entropy-model", "embedded", "-p", "Hello", "-n", 20]
    written = program.bytes("generate", *arguments)
    assert mixed.generate("Hello", 20).bytes == written
