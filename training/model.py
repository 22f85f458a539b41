"""The byte-level entropy model: a small causal transformer over 260 token ids.

Ids 0..3 are special (0 padding, 1 beginning of sequence, 2 end of sequence, 3 unused);
a byte ``b`` is id ``b + 4``.  The network is the plain pre-norm block written in `Block`,
with interleaved rotary positions and a sliding attention window that counts the token
itself.  Parameter names are those of transformers' ``BltPatcher``, so a state dict is
already the file that `export.py` writes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PAD_ID, BOS_ID, EOS_ID = 0, 1, 2
INSIDE_WEIGHT, FIRST_WEIGHT = 4.0, 1.0
"""Nats of loss for each nat of entropy that `EntropyModel.penalty` counts, inside a character and before it."""
CALM, BOUNDARY = 1.7, 2.3
"""Nats, on both sides of a usual threshold: at most this much inside, and at least this much before."""
WORTH = 3.0
"""Nats: a character of which less is unknown needs no boundary before it."""
BYTE_OFFSET = 4
VOCAB_SIZE = 260


@dataclass(frozen=True)
class EntropyConfig:
    """Shape of the network; the defaults are the model under ``assets/entropy``."""

    vocab_size: int = VOCAB_SIZE
    hidden_size: int = 192
    num_hidden_layers: int = 4
    num_attention_heads: int = 6
    intermediate_size: int = 512
    sliding_window: int = 512
    max_position_embeddings: int = 8192
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def to_dict(self) -> dict[str, int | float]:
        return asdict(self)


@dataclass
class Cache:
    """Keys and values of the last ``window - 1`` positions of every layer.

    With a cache a document of any length is read in pieces, and the result is the same as
    reading it at once: the window reaches no further back than what is kept.
    """

    position: int = 0
    layers: list[tuple[Tensor, Tensor]] = field(default_factory=list)


def rope_table(positions: Tensor, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines, ``[len(positions), head_dim / 2]`` in float32."""
    exponent = torch.arange(0, head_dim, 2, device=positions.device, dtype=torch.float32) / head_dim
    angle = positions.float()[:, None] * theta**-exponent
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each neighbouring pair ``(x[2j], x[2j+1])`` by its position's angle.

    ``x`` is ``[batch, time, heads, head_dim]``.  The pairs are neighbours (the interleaved
    form), not the two halves of the head.
    """
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos[:, None], sin[:, None]
    turned = torch.stack((even * cos - odd * sin, odd * cos + even * sin), dim=-1)
    return turned.flatten(-2).type_as(x)


def window_mask(queries: int, keys: int, window: int, device: torch.device) -> Tensor:
    """Which key each query may see; the queries are the last ``queries`` of the ``keys`` positions."""
    query = torch.arange(keys - queries, keys, device=device)[:, None]
    back = query - torch.arange(keys, device=device)
    return (back >= 0) & (back < window)


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention, causal where no mask is given; on a CPU in f32, which is twice as fast there as bf16."""
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
    with torch.autocast("cpu", enabled=False):
        wide = (t.float() for t in (q, k, v))
        return F.scaled_dot_product_attention(*wide, attn_mask=mask, is_causal=mask is None).type_as(v)


def windowed_attention(q: Tensor, k: Tensor, v: Tensor, window: int) -> Tensor:
    """Causal attention over the last ``window`` positions, for the whole of a sequence at once.

    ``q, k, v`` are ``[batch, heads, time, head_dim]``.  A sequence of several windows is cut into
    blocks that each see themselves and the block before, so that the cost per position stays the same.
    """
    length = q.shape[2]
    if length <= window:
        return attention(q, k, v)
    if length % window:
        return attention(q, k, v, window_mask(length, length, window, q.device))
    heads, blocks = q.shape[1], length // window
    # [batch, heads * blocks, window, head_dim]: one more "head" for every block.
    own = [t.unflatten(2, (blocks, window)) for t in (q, k, v)]
    keys, values = (torch.cat((F.pad(t, (0, 0, 0, 0, 1, 0))[:, :, :-1], t), dim=3).flatten(1, 2) for t in own[1:])
    back = torch.arange(window, 2 * window, device=q.device)[:, None] - torch.arange(2 * window, device=q.device)
    mask = ((back >= 0) & (back < window)).expand(blocks, -1, -1).clone()
    mask[0, :, :window] = False
    mask = mask.repeat(heads, 1, 1)[None]
    seen = attention(own[0].flatten(1, 2), keys, values, mask)
    return seen.unflatten(1, (heads, blocks)).flatten(2, 3)


class RMSNorm(nn.Module):
    """``w * x / sqrt(mean(x^2) + eps)``, computed in float32."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (self.weight * (wide * scale)).type_as(x)


class Attention(nn.Module):
    def __init__(self, config: EntropyConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.head_dim = config.head_dim
        self.window = config.sliding_window
        self.q_proj = nn.Linear(size, size, bias=False)
        self.k_proj = nn.Linear(size, size, bias=False)
        self.v_proj = nn.Linear(size, size, bias=False)
        self.o_proj = nn.Linear(size, size, bias=False)

    def forward(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past: tuple[Tensor, Tensor] | None,
        window: int | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        # One product for the three projections: small matrices pay for every separate call.
        fused = torch.cat((self.q_proj.weight, self.k_proj.weight, self.v_proj.weight))
        q, k, v = F.linear(x, fused).unflatten(-1, (3, -1, self.head_dim)).unbind(2)
        q, k, v = (t.transpose(1, 2) for t in (rotate(q, *rope), rotate(k, *rope), v))
        if past is None:
            seen = windowed_attention(q, k, v, window or self.window)
        else:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
            seen = attention(q, k, v, mask)
        return self.o_proj(seen.transpose(1, 2).flatten(2)), k, v


class MLP(nn.Module):
    def __init__(self, config: EntropyConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config: EntropyConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past: tuple[Tensor, Tensor] | None,
        window: int | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        attended, keys, values = self.self_attn(self.input_layernorm(x), rope, mask, past, window)
        x = x + attended
        return x + self.mlp(self.post_attention_layernorm(x)), keys, values


class Network(nn.Module):
    """What can be trained: a network that says which inputs it wants beside the tokens."""

    def inputs(self, tokens: Tensor, starts: Tensor | None = None) -> tuple:
        """The arguments of ``forward`` for tokens and, if stored, their patches; no gradient, and never compiled."""
        raise NotImplementedError

    def begun(self, name: str) -> bool:
        """Whether this parameter began with the weights of another model."""
        return False

    def latent(self, name: str) -> bool:
        """Whether this parameter belongs to the part that works on patches."""
        return False

    def penalty(self, tokens: Tensor, logits: Tensor, targets: Tensor) -> Tensor | float:
        """What is added to the loss, in nats per token, summed over the batch."""
        return 0.0


class EntropyModel(Network):
    """Tokens ``[batch, time]`` in, next-token logits ``[batch, time, 260]`` in float32 out."""

    def __init__(self, config: EntropyConfig = EntropyConfig()) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        # In a list, so that its weights are no part of this model's.
        self.teachers: list[EntropyModel] = []
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Every block starts as the identity, and every prediction as uniform."""
        for name, weight in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
                nn.init.zeros_(weight)
            elif name.endswith("proj.weight"):
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
        nn.init.normal_(self.embed_tokens.weight, std=0.5)

    def inputs(self, tokens: Tensor, starts: Tensor | None = None) -> tuple[Tensor]:
        """What training gives to `forward`: the tokens alone."""
        return (tokens,)

    def penalty(self, tokens: Tensor, logits: Tensor, targets: Tensor) -> Tensor | float:
        """What training adds to the loss so that characters stay whole; nothing without a teacher.

        In a character of several bytes, entropy above `CALM` nats after its first byte counts, and before
        its first byte what is missing to `BOUNDARY` if the teacher has an entropy of `WORTH` over all its
        bytes.  To ask for more than a boundary needs, or where there would be none, costs bits for nothing.
        """
        if not self.teachers:
            return 0.0
        found = entropy(logits)
        inside = (targets >= BYTE_OFFSET + 0x80) & (targets <= BYTE_OFFSET + 0xBF)
        first = targets >= BYTE_OFFSET + 0xC2
        calm = F.relu(found[inside] - CALM).sum()
        # Most rows are English or code, and have no such character: the teacher need not read them.
        rows = first.any(1)
        with torch.no_grad():
            worth = whole_characters(entropy(self.teachers[0](tokens[rows])), inside[rows]) > WORTH
        missing = F.relu(BOUNDARY - found[rows])[first[rows] & worth].sum()
        return INSIDE_WEIGHT * calm + FIRST_WEIGHT * missing

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits of every position; with a ``cache``, of a continuation of what it has seen."""
        config = self.config
        start = cache.position if cache else 0
        past = cache.layers if cache else []
        kept = past[0][0].shape[2] if past else 0
        length = tokens.shape[1]
        positions = torch.arange(start, start + length, device=tokens.device)
        rope = rope_table(positions, config.head_dim, config.rope_theta)
        mask = window_mask(length, kept + length, config.sliding_window, tokens.device) if past else None

        x = self.embed_tokens(tokens)
        recent: list[tuple[Tensor, Tensor]] = []
        for index, layer in enumerate(self.layers):
            x, keys, values = layer(x, rope, mask, past[index] if past else None)
            recent.append((keys, values))
        if cache is not None:
            keep = config.sliding_window - 1
            cache.layers = [(keys[:, :, -keep:], values[:, :, -keep:]) for keys, values in recent]
            cache.position = start + length
        return self.lm_head(self.norm(x)).float()


def entropy(logits: Tensor) -> Tensor:
    """Entropy in nats of the distribution over all ids at every position."""
    logp = logits.float().log_softmax(-1)
    return -(logp.exp() * logp).sum(-1)


def whole_characters(entropies: Tensor, inside: Tensor) -> Tensor:
    """At each position its entropy and those after it of the same character; ``inside`` is what goes on with one."""
    total, joined = entropies, torch.ones_like(inside)
    for _ in range(3):  # a character has four bytes at most
        entropies, inside = (F.pad(t[:, 1:], (0, 1)) for t in (entropies, inside))
        joined = joined & inside
        total = total + entropies * joined
    return total


def encode(data: bytes) -> Tensor:
    """BOS and the ids of the bytes, ``[1, 1 + len(data)]``."""
    return torch.tensor([[BOS_ID, *(byte + BYTE_OFFSET for byte in data)]])
