"""Threads, processes, signals and errors."""

import ast
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, WHOLE

import blt

LONG = (blt.sample("english") + blt.sample("korean")) * 200


def test_other_threads_run_meanwhile(model):
    ticks, over = [], threading.Event()

    def tick():
        while not over.wait(0.005):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    begun = time.monotonic()
    model.entropies(LONG[:30_000])
    ended = time.monotonic()
    over.set()
    thread.join()
    meanwhile = [at for at in ticks if begun < at < ended]
    # A thread that waits for the interpreter would have had a turn or two.
    assert len(meanwhile) > 10 * (ended - begun)


def test_threads_share_a_model(model):
    texts = [blt.sample(name)[:600] for name in blt.samples()]
    alone = [model.entropies(text) for text in texts]
    written = model.generate("The ship", 30, seed=3).bytes
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(model.entropies, texts * 2))
        texts_again = list(pool.map(lambda _: model.generate("The ship", 30, seed=3).bytes, range(6)))
    for one, other in zip(alone * 2, again):
        np.testing.assert_array_equal(one, other)
    assert set(texts_again) == {written}


def test_the_first_use_may_be_by_several_threads():
    fresh = blt.Model.open(device="cpu")
    with ThreadPoolExecutor(4) as pool:
        entropies = list(pool.map(fresh.entropies, ["Hello"] * 4))
        scores = list(pool.map(lambda text: fresh.score(text).nll, ["Hello"] * 4))
    assert all((each == entropies[0]).all() for each in entropies)
    assert len(set(scores)) == 1


CALLS = {
    "patch": lambda m, text: m.patch(text).lengths.tolist(),
    "patch of 4": lambda m, text: m.patch(text, patch_size=4).lengths.tolist(),
    "patch at spaces": lambda m, text: m.patch(text, mode="space").lengths.tolist(),
    "entropies": lambda m, text: m.entropies(text, reset_at_newline=True).tolist(),
    "score": lambda m, text: m.score(text).nlls.tolist(),
    "score of pieces": lambda m, text: m.score(text, piece=20).nlls.tolist(),
    "score of both": lambda m, text: m.score(text, part="both").entropy_nlls.tolist(),
    "answers": lambda m, text: m.answers([(text, "yes"), (text, "no")])[1].logprob,
    "patch_batch": lambda m, text: m.patch_batch([text, "b"], nll=True).to_pyarrow().to_pylist(),
    "score_batch": lambda m, text: m.score_batch([text, "b"], part="blt").to_pyarrow().to_pylist(),
    "generate": lambda m, text: m.generate(text, 5, seed=3).bytes,
}


def test_a_used_model_says_what_a_new_one_says(whole):
    text = "Two lines\nof 31 bytes in a text"
    fresh = {name: call(blt.Model.open(WHOLE, "cpu"), text) for name, call in CALLS.items()}
    for names in (list(CALLS), list(reversed(CALLS)), list(CALLS)[::2]):
        for name in names:
            CALLS[name](whole, "another text, which is longer than the one that comes then")
            assert CALLS[name](whole, text) == fresh[name], name


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    "work",
    [
        "model.entropies(text)",
        "model.patch_batch([text[:5000]] * 200)",
        "model.score(text)",
        "model.answers([(text[:2000], text[:9000])] * 9)",
        "model.generate('', 10**6, ignore_end=True).bytes",
        "list(model.generate('', 10**6, ignore_end=True))",
    ],
)
def test_ctrl_c(work):
    code = f"""
import blt
text = (blt.sample("english") + blt.sample("korean")) * 200
model = blt.Model.open(device="cpu")
model.score("Hello")
model.entropies("Hello")
print("ready", flush=True)
try:
    {work}
except KeyboardInterrupt:
    # The model can be used again.
    print("interrupted", len(model.entropies("Hello")), flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    time.sleep(0.3)
    assert child.poll() is None
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    said, _ = child.communicate(timeout=60)
    assert said == "interrupted 5\n"
    assert child.returncode == 0
    assert time.monotonic() - begun < 20


def test_ctrl_c_does_not_end_a_generation(model):
    generation = model.generate("The ship", 600, ignore_end=True, seed=3)
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        generation.bytes
        raise AssertionError("it was over before it was interrupted")
    assert generation.bytes == model.generate("The ship", 600, ignore_end=True, seed=3).bytes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no os.fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_after_a_fork(model):
    model.entropies("Hello")
    child = os.fork()
    if child == 0:
        try:
            model.entropies("Hello")
        except blt.DeviceError as error:
            os._exit(7 if "forked" in str(error) else 8)
        os._exit(9)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7


def test_a_model_travels(model):
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.entropies("Hello"), model.entropies("Hello"))


# The program's sentence, with the names of arguments in place of flags.
ERRORS = {
    "no mean": (["patch", "--patch-size", "99999", "abc"], lambda m: m.patch("abc", patch_size=99999), blt.ArgumentError),
    "stranger": (["patch", "--mode", "space", "--threshold", "1", "abc"], lambda m: m.patch("abc", mode="space", threshold=1), blt.ArgumentError),
    "no size": (["patch", "--mode", "top-k", "abc"], lambda m: m.patch("abc", mode="top-k"), blt.ArgumentError),
    "no table": (["patch", "--mode", "lookup", "--table", "/no/such", "abc"], lambda m: m.patch("abc", mode="lookup", table="/no/such"), blt.FileError),
    "whole text": (["generate", "-p", "a", "--patch-size", "4"], lambda m: m.generate("a", patch_size=4), blt.ArgumentError),
    "temperature": (["generate", "-p", "a", "--temp", "-1"], lambda m: m.generate("a", temperature=-1), blt.ArgumentError),
    "no model": (["patch", "-m", "/no/such", "abc"], lambda m: blt.Model.open("/no/such"), blt.ModelError),
    "no cached model": (["patch", "-m", "no/such", "abc"], lambda m: blt.Model.open("no/such"), blt.ModelError),
    "no device": (["patch", "--adapter", "nonesuch", "abc"], lambda m: blt.Model.open(device="nonesuch"), blt.DeviceError),
    "entropy model": (["generate", "-p", "a", "-m", ROOT / "tests/oracle/nopatcher"], lambda m: blt.Model.open(ROOT / "tests/oracle/nopatcher").patch("a"), blt.BltError),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_errors(model, program, case):
    command, call, kind = ERRORS[case]
    with pytest.raises(kind) as caught:
        call(model)
    sentence = str(caught.value)
    assert isinstance(caught.value, blt.BltError)
    assert "\n" not in sentence and "--" not in sentence
    if case == "entropy model":
        assert "entropy model" in sentence
        return
    said = program.sentence(*command)
    for flag in ("patch-size", "threshold", "mode", "table"):
        said = said.replace(f"--{flag}", flag.replace("-", "_"))
    assert sentence == said


def test_errors_are_those_of_python_too(model):
    with pytest.raises(ValueError):
        model.patch("abc", mode="nonesuch")
    with pytest.raises(OSError):
        model.patch("abc", mode="lookup", table="/no/such")
    with pytest.raises(TypeError, match=r"patch\(\) got an unexpected keyword argument 'treshold'"):
        model.patch("abc", treshold=1)
    with pytest.raises(TypeError, match="argument 'threshold'"):
        model.patch("abc", threshold="high")
    with pytest.raises(ValueError, match="auto, 16, 8, mixed or 4 bits"):
        blt.Model.open(weights=5)
    with pytest.raises(ValueError, match="part is blt, entropy or both"):
        model.score("abc", part="latent")
    with pytest.raises(ValueError, match="at least 1, not 0"):
        model.patch("abc", reset_every=0)
    with pytest.raises(ValueError, match="a stop string must have a byte"):
        model.generate("abc", stop="")


def test_weights_in_fewer_bits(whole):
    narrow = blt.Model.open(whole.name, "cpu", 8)
    text = "Daenerys Targaryen"
    assert not np.array_equal(narrow.entropies(text), whole.entropies(text))
    np.testing.assert_allclose(narrow.entropies(text), whole.entropies(text), atol=0.5)


def stub():
    return ast.parse((Path(blt.__file__).parent / "_blt.pyi").read_text())


def test_the_stubs_say_what_there_is():
    for item in stub().body:
        if not isinstance(item, (ast.ClassDef, ast.FunctionDef)) or item.name.startswith("_"):
            continue
        there = getattr(blt, item.name)
        if isinstance(item, ast.FunctionDef):
            continue
        said = {part.name for part in item.body if hasattr(part, "name")}
        found = {name for name in vars(there) if not name.startswith("_")}
        assert found == {name for name in said if not name.startswith("_")}, item.name
        assert all(hasattr(there, name) for name in said), item.name


def test_the_stubs_name_all_arguments(model):
    classes = {item.name: item for item in stub().body if isinstance(item, ast.ClassDef)}
    methods = {part.name: part for part in classes["Model"].body}

    def fields(name):
        """Those of a class of named arguments, and of the one that it extends."""
        item = classes.get(name)
        if item is None:
            return []
        own = [part.target.id for part in item.body if isinstance(part, ast.AnnAssign)]
        return [*own, *(field for base in item.bases for field in fields(base.id))]

    for name in ("patch", "entropies", "score", "answers", "generate", "patch_batch", "score_batch"):
        named = methods[name].args
        shared = fields(named.kwarg.annotation.slice.id)
        assert "reset_every" in shared and ("mode" in shared) == (name != "entropies")
        plain = ("to_come", "entropies", "nll", "ignore_end")
        own = [argument.arg for argument in named.kwonlyargs if argument.arg not in plain]
        text = "" if name in ("patch", "entropies", "score", "generate") else []
        getattr(model, name)(text, **dict.fromkeys([*own, *shared]))


def test_devices_and_samples():
    assert any(kind == "cpu" for _, kind, _ in blt.devices())
    assert b" the " in blt.sample("english")
    with pytest.raises(blt.ArgumentError, match="the samples are english"):
        blt.sample("englisch")
