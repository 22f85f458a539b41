"""The adapter for lm-evaluation-harness, against the little of it that the adapter uses.

The harness itself brings half of the world along, so the suite does without; where it
is installed, the adapter runs in it.
"""

import importlib
import sys
import types

import pytest

import blt


class Instance:
    def __init__(self, *args):
        self.args = args


class Hook:
    def __init__(self):
        self.kept = []

    def add_partial(self, *what):
        self.kept.append(what)


class FakeLM:
    def __init__(self):
        self.cache_hook = Hook()


@pytest.fixture
def adapter(monkeypatch):
    registered = {}

    def register_model(name):
        def register(cls):
            registered[name] = cls
            return cls

        return register

    for name, content in {
        "lm_eval": {},
        "lm_eval.api": {},
        "lm_eval.api.model": {"LM": FakeLM},
        "lm_eval.api.registry": {"register_model": register_model},
        "lm_eval.utils": {
            "simple_parse_args_string": lambda text: dict(
                part.split("=") for part in text.split(",")
            )
        },
    }.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "blt.lm_eval", raising=False)
    module = importlib.import_module("blt.lm_eval")
    yield registered["blt"]
    monkeypatch.delitem(sys.modules, "blt.lm_eval")
    assert module.BltLM is registered["blt"]


def test_loglikelihoods_keep_their_order(adapter, model):
    lm = adapter(model)
    pairs = [("b", "c"), ("a", " b"), ("b", " and more"), ("", "The"), ("a", "")]
    found = lm.loglikelihood([Instance(*pair) for pair in pairs])
    for pair, (logprob, greedy) in zip(pairs, found):
        (answer,) = model.answers([pair])
        assert logprob == pytest.approx(answer.logprob, abs=1e-5)
        assert greedy == answer.is_greedy
    assert len(lm.cache_hook.kept) == len(pairs)


def test_rolling(adapter, model):
    texts = ["The quick brown fox", "", "어둠"]
    found = adapter(model).loglikelihood_rolling([Instance(text) for text in texts])
    assert found == pytest.approx([-model.score(text).nll for text in texts], rel=1e-5)


def test_generation(adapter, model):
    lm = adapter(model)
    prompt = "The ship had been at anchor for"
    said = [
        {"until": ["."], "max_gen_toks": 40},
        {"until": "\n", "do_sample": True, "temperature": 0.7, "seed": 3},
        {"until": [""], "temperature": 0.9, "do_sample": False, "max_new_tokens": 5},
        {},
    ]
    found = lm.generate_until([Instance(prompt, each) for each in said])
    usual = {"utf8": "constrain"}
    assert found == [
        model.generate(prompt, 40, stop=["."], temperature=0, **usual).text,
        model.generate(prompt, 256, stop="\n", temperature=0.7, seed=3, **usual).text,
        model.generate(prompt, 5, temperature=0, **usual).text,
        model.generate(prompt, 256, temperature=0, **usual).text,
    ]
    assert all("\ufffd" not in text for text in found)


def test_arguments(adapter):
    # What the harness says where nobody named a device.
    added = {"batch_size": 1, "max_batch_size": None, "device": "cuda:0"}
    for lm in (
        adapter.create_from_arg_obj({"device": "cpu", "threads": 1}, added),
        adapter.create_from_arg_string("device=cpu,part=entropy", added),
    ):
        assert isinstance(lm.model, blt.Model)
    assert lm.part == "entropy"
    with pytest.raises(TypeError, match="pretrained"):
        adapter.create_from_arg_obj({"pretrained": "gpt2"}, added)
