"""A model of blt for lm-evaluation-harness.

From a program::

    import lm_eval
    from blt.lm_eval import BltLM

    lm_eval.simple_evaluate(model=BltLM("models/blt-1b"), tasks=["lambada_openai"])

From a shell, where the model is called ``blt``::

    python -m blt.lm_eval run --model blt --model_args model=models/blt-1b --tasks lambada_openai

A token of the harness is a byte here: ``max_gen_toks`` are bytes.
"""

import math

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from lm_eval.utils import simple_parse_args_string

from . import Model

# What the harness says of how a text is chosen, and the argument for it here.
_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "seed")
# In the order in which the harness takes them.
_MOST = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")


@register_model("blt")
class BltLM(LM):
    """A model of blt, opened as :meth:`blt.Model.open` does; or one that is open."""

    def __init__(
        self,
        model=None,
        device="auto",
        weights=None,
        *,
        entropy_model=None,
        threads=None,
        part=None,
        max_gen_toks=256,
    ):
        super().__init__()
        if not isinstance(model, Model):
            model = Model.open(
                model,
                device,
                weights,
                entropy_model=entropy_model,
                threads=threads,
            )
        self.model = model
        self.part = part
        self.max_gen_toks = max_gen_toks

    @classmethod
    def create_from_arg_obj(cls, arg_dict, additional_config=None):
        # What the harness adds is about PyTorch: sizes of batches, and a device that is
        # a GPU of CUDA where nobody names one.
        return cls(**arg_dict)

    @classmethod
    def create_from_arg_string(cls, arg_string, additional_config=None):
        return cls.create_from_arg_obj(simple_parse_args_string(arg_string))

    def loglikelihood(self, requests, disable_tqdm=False):
        pairs = [request.args for request in requests]
        # Requests with one context after another read it once.
        order = sorted(range(len(pairs)), key=lambda at: pairs[at][0])
        answers = self.model.answers([pairs[at] for at in order], part=self.part)
        results = [None] * len(pairs)
        for at, answer in zip(order, answers):
            results[at] = (answer.logprob, answer.is_greedy)
            self.cache_hook.add_partial("loglikelihood", pairs[at], results[at])
        return results

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        texts = [request.args[0] for request in requests]
        scores = self.model.score_batch(texts, part=self.part).to_pyarrow()
        results = [-nll for nll in scores["nll"].to_pylist()]
        for request, result in zip(requests, results):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, result)
        return results

    def generate_until(self, requests, disable_tqdm=False):
        results = []
        for request in requests:
            context, said = request.args
            text = self.model.generate(
                context, part=self.part, **self._arguments(said)
            ).text
            self.cache_hook.add_partial("generate_until", (context, said), text)
            results.append(text)
        return results

    def _arguments(self, said):
        """The arguments of a generation from those of the harness."""
        stop = said.get("until") or []
        most = next((said[name] for name in _MOST if said.get(name)), self.max_gen_toks)
        arguments = {name: said[name] for name in _SAMPLING if said.get(name) is not None}
        # Without a word about it the harness wants the likeliest text.
        if not said.get("do_sample", arguments.get("temperature", 0.0) > 0.0):
            arguments["temperature"] = 0.0
        elif not math.isfinite(arguments.setdefault("temperature", 1.0)):
            raise ValueError("the temperature is not a number")
        stop = [stop] if isinstance(stop, str) else stop
        return {
            "max_bytes": int(most),
            "stop": [text for text in stop if text],
            "utf8": "constrain",
            **arguments,
        }


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
