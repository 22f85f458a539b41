"""The Byte Latent Transformer around a frozen entropy model, laid out for training.

The arithmetic is that of transformers' ``BltForCausalLM``; so are the parameter names, with
``model.`` before all but the head.  Its dense masks are not used: the patches of a whole batch
stand in one list without padding, an encoder query looks through its own bytes by segment sums, and
a byte of the decoder gathers the few rows of the patch it may see.  `test_blt.py` holds both against
each other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model import (
    PAD_ID,
    VOCAB_SIZE,
    Attention,
    Block,
    EntropyConfig,
    EntropyModel,
    Network,
    RMSNorm,
    attention,
    entropy,
    rope_table,
    rotate,
)

NARROW = 16
"""Bytes that the decoder sees in the sequences chosen by `Blt.narrow_share`."""
HASH_PRIME = 1000000007
"""Of the first hash function; the model has one."""


@dataclass(frozen=True)
class BltConfig:
    """Shape of the whole network; the local models have the width of the entropy model."""

    entropy: EntropyConfig = field(default_factory=EntropyConfig)
    threshold: float = 2.142
    """Entropy in nats above which a patch starts."""
    encoder_layers: int = 1
    decoder_layers: int = 3
    local_window: int | None = None
    """How many bytes the encoder and the decoder see; as many as the entropy model if not given."""
    cross_attn_k: int = 2
    """Queries of a patch in the encoder, and rows of a patch in the decoder."""
    hash_sizes: tuple[int, ...] = (3, 4, 5, 6, 7, 8)
    hash_vocab: int = 2003
    """Rows of each of the hash tables."""
    latent_size: int = 384
    latent_layers: int = 3
    latent_heads: int = 6
    latent_intermediate: int = 1024
    latent_positions: int = 8192
    latent_rope_theta: float = 500000.0

    @property
    def local(self) -> EntropyConfig:
        """The blocks of the encoder and the decoder are those of the entropy model, which may see further."""
        return replace(self.entropy, sliding_window=self.local_window or self.entropy.sliding_window)

    @property
    def latent(self) -> EntropyConfig:
        return EntropyConfig(
            hidden_size=self.latent_size,
            num_hidden_layers=self.latent_layers,
            num_attention_heads=self.latent_heads,
            intermediate_size=self.latent_intermediate,
            rope_theta=self.latent_rope_theta,
            rms_norm_eps=self.entropy.rms_norm_eps,
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> BltConfig:
        known = dict(raw, entropy=EntropyConfig(**raw["entropy"]), hash_sizes=tuple(raw["hash_sizes"]))
        return cls(**known)


class Patches(NamedTuple):
    """The patches of a batch, one after the other, and how bytes belong to them.

    ``N`` counts them all, with some at the end that hold nothing, so that few sizes occur.
    """

    own: Tensor
    """``[batch * time]``: the patch a token is in."""
    seen: Tensor
    """``[batch * time]``: the last patch that is closed once the token is read."""
    position: Tensor
    """``[N]``: its number within its row."""
    slot: Tensor
    """``[N]``: its place in ``[rows, per_row]``, where attention pads."""
    rows: int
    per_row: int


def round_up(value: int, step: int) -> int:
    return -(-value // step) * step


def find_patches(starts: Tensor) -> Patches:
    """Lay out the patches given where they start, ``[batch, time + 1]``.

    Column ``time`` says whether the token after the last one starts a patch; the first two columns are
    true, so that even the first token sees a patch that is closed: its own.
    """
    rows = starts.shape[0]
    own = starts[:, :-1].flatten().cumsum(0) - 1
    seen = own + starts[:, 1:].flatten().long() - 1
    counts = starts[:, :-1].sum(1)
    total = int(counts.sum())
    count = round_up(total, 128)
    first = counts.cumsum(0) - counts
    row = torch.repeat_interleave(torch.arange(rows, device=starts.device), counts)
    position = torch.zeros(count, dtype=torch.long, device=starts.device)
    position[:total] = torch.arange(total, device=starts.device) - first[row]
    per_row = round_up(int(counts.max()) + 1, 64)
    # What holds nothing goes to the last place of the first row, which no patch takes.
    slot = torch.full((count,), per_row - 1, dtype=torch.long, device=starts.device)
    slot[:total] = row * per_row + position[:total]
    return Patches(own, seen, position, slot, rows, per_row)


def hash_ids(tokens: Tensor, sizes: tuple[int, ...], vocab: int) -> Tensor:
    """Rows of the hash tables, ``[batch, time, len(sizes)]``; integers wrap at 64 bits.

    The window of size n ends at the token; what is before the text counts as 0, and the oldest
    token has the power 0 of the prime.
    """
    found, value, shifted = [], tokens, tokens
    for size in range(2, max(sizes) + 1):
        shifted = F.pad(shifted, (1, 0))[:, :-1]
        value = shifted + HASH_PRIME * value
        if size in sizes:
            found.append(value.remainder(vocab) + sizes.index(size) * vocab)
    return torch.stack(found, dim=-1)


def take(table: Tensor, index: Tensor) -> Tensor:
    """Rows of a table; the gradient of an embedding is quicker than that of indexing."""
    return F.embedding(index, table.flatten(1)).unflatten(-1, table.shape[1:])


class CrossAttention(nn.Module):
    """What the encoder's patches and the decoder's bytes share: norms and projections."""

    def __init__(self, config: EntropyConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.head_dim = config.head_dim
        self.q_proj = nn.Linear(size, size, bias=False)
        self.k_proj = nn.Linear(size, size, bias=False)
        self.v_proj = nn.Linear(size, size, bias=False)
        self.o_proj = nn.Linear(size, size, bias=False)
        self.q_norm = RMSNorm(size, config.rms_norm_eps)
        self.k_norm = RMSNorm(size, config.rms_norm_eps)

    def project(self, queries: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Queries ``[.., heads, head_dim]``, and keys and values ``[.., 2, heads, head_dim]``."""
        q = self.q_proj(self.q_norm(queries)).unflatten(-1, (-1, self.head_dim)) * self.head_dim**-0.5
        fused = torch.cat((self.k_proj.weight, self.v_proj.weight))
        return q, F.linear(self.k_norm(rows), fused).unflatten(-1, (2, -1, self.head_dim))

    def of_patches(self, queries: Tensor, x: Tensor, own: Tensor) -> Tensor:
        """Queries ``[N, k, D]`` look through their own patch's bytes ``x`` ``[S, D]``."""
        q, kv = self.project(queries, x)
        key, value = kv[:, None, 0], kv[:, None, 1]
        scores = (take(q, own) * key).sum(-1).float()  # [S, k, heads]
        index = own[:, None, None].expand_as(scores)
        peak = torch.zeros(q.shape[:-1], device=x.device).scatter_reduce(
            0, index, scores.detach(), "amax", include_self=False
        )
        weight = (scores - take(peak, own)).exp()
        total = torch.zeros_like(peak).index_add(0, own, weight).clamp_min(1e-9)
        share = (weight / take(total, own)).unsqueeze(-1)
        seen = torch.zeros(q.shape, device=x.device).index_add(0, own, share * value.float())
        return self.o_proj(seen.flatten(-2).type_as(x)) + queries

    def of_bytes(self, x: Tensor, rows: Tensor, seen: Tensor) -> Tensor:
        """Bytes ``[S, D]`` look at the k rows ``[N, k, D]`` of the patch each may see."""
        q, kv = self.project(x, rows)
        gathered = take(kv, seen)  # [S, k, 2, heads, head_dim]
        scores = (q[:, None] * gathered[:, :, 0]).sum(-1).float().softmax(1)
        mixed = (scores.unsqueeze(-1).type_as(x) * gathered[:, :, 1]).sum(1)
        return self.o_proj(mixed.flatten(-2)) + x


class LatentAttention(Attention):
    """Causal attention over the patches of each row, which come as one list."""

    def attend(self, x: Tensor, rope: tuple[Tensor, Tensor], patches: Patches) -> Tensor:
        fused = torch.cat((self.q_proj.weight, self.k_proj.weight, self.v_proj.weight))
        q, k, v = F.linear(x, fused).unflatten(-1, (3, -1, self.head_dim)).unbind(1)
        qkv = torch.stack((rotate(q, *rope), rotate(k, *rope), v), dim=1)
        padded = qkv.new_zeros((patches.rows * patches.per_row, *qkv.shape[1:])).index_copy(0, patches.slot, qkv)
        q, k, v = padded.unflatten(0, (patches.rows, patches.per_row)).permute(2, 0, 3, 1, 4).unbind(0)
        seen = attention(q, k, v)
        return self.o_proj(take(seen.transpose(1, 2).flatten(0, 1).flatten(1), patches.slot))


class LatentBlock(Block):
    def __init__(self, config: EntropyConfig) -> None:
        super().__init__(config)
        self.self_attn = LatentAttention(config)

    def over(self, x: Tensor, rope: tuple[Tensor, Tensor], patches: Patches) -> Tensor:
        x = x + self.self_attn.attend(self.input_layernorm(x), rope, patches)
        return x + self.mlp(self.post_attention_layernorm(x))


class LocalEncoder(nn.Module):
    def __init__(self, config: BltConfig) -> None:
        super().__init__()
        size = config.local.hidden_size
        self.embed_tokens = nn.Embedding(VOCAB_SIZE, size)
        self.layers = nn.ModuleList(Block(config.local) for _ in range(config.encoder_layers))
        self.patch_embedding_projection = nn.Linear(size, config.cross_attn_k * size, bias=False)
        self.cross_attn_layers = nn.ModuleList([CrossAttention(config.local)])


class LatentTransformer(nn.Module):
    def __init__(self, config: BltConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(LatentBlock(config.latent) for _ in range(config.latent_layers))
        incoming = config.cross_attn_k * config.local.hidden_size
        if incoming != config.latent_size:
            self.token_embedding_projection = nn.Linear(incoming, config.latent_size, bias=False)


class LocalDecoder(nn.Module):
    def __init__(self, config: BltConfig) -> None:
        super().__init__()
        size = config.local.hidden_size
        self.patch_embedding_projection = nn.Linear(config.latent_size, config.cross_attn_k * size, bias=False)
        self.cross_attn_layers = nn.ModuleList(CrossAttention(config.local) for _ in range(config.decoder_layers))
        self.layers = nn.ModuleList(Block(config.local) for _ in range(config.decoder_layers))
        self.norm = RMSNorm(size, config.local.rms_norm_eps)


class Blt(Network):
    """Tokens ``[batch, time]`` in, next-token logits ``[batch, time, 260]`` in float32 out."""

    def __init__(self, config: BltConfig, patcher: EntropyModel) -> None:
        super().__init__()
        self.config = config
        self.narrow_share = 0.0
        """Share of the sequences in training whose decoder sees few bytes, so that it needs the patches."""
        self.static: int | None = None
        """Patches of this many bytes in place of the patcher's, to compare with."""
        self.patcher = patcher.requires_grad_(False).eval()
        self.local_encoder = LocalEncoder(config)
        self.global_transformer = LatentTransformer(config)
        self.local_decoder = LocalDecoder(config)
        rows = len(config.hash_sizes) * config.hash_vocab
        self.encoder_hash_tok_embedding = nn.Embedding(rows, config.local.hidden_size)
        self.lm_head = nn.Linear(config.local.hidden_size, VOCAB_SIZE, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Every block and every cross-attention starts as the identity, every prediction as uniform."""
        for name, weight in self.named_parameters():
            if name.startswith("patcher."):
                continue
            if name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")):
                nn.init.zeros_(weight)
            elif name.endswith(("proj.weight", "projection.weight")):
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
        nn.init.normal_(self.local_encoder.embed_tokens.weight, std=0.5)
        nn.init.zeros_(self.encoder_hash_tok_embedding.weight)

    @torch.no_grad()
    def start_from(self, source: EntropyModel) -> None:
        """Let the byte layers begin as those of an entropy model: the whole then computes what it does.

        A cross-attention of the decoder gives back twice its input (it adds it, and so does the layer
        around it), so what a later layer adds counts for less.  Sizes are chosen that undo this, and
        that leave both ends near the sizes training expects.
        """
        config = self.config
        if config.encoder_layers + config.decoder_layers != source.config.num_hidden_layers:
            raise ValueError("the encoder and the decoder together need as many layers as the entropy model has")
        scale = 2.0 ** -(config.decoder_layers - config.decoder_layers // 2)
        self.local_encoder.embed_tokens.weight.copy_(scale * source.embed_tokens.weight)
        blocks = [*self.local_encoder.layers, *self.local_decoder.layers]
        for index, (block, layer) in enumerate(zip(blocks, source.layers, strict=True)):
            block.load_state_dict(layer.state_dict())
            if index >= config.encoder_layers:
                scale *= 2
            block.self_attn.o_proj.weight.mul_(scale)
            block.mlp.down_proj.weight.mul_(scale)
        self.local_decoder.norm.load_state_dict(source.norm.state_dict())
        self.lm_head.load_state_dict(source.lm_head.state_dict())

    @torch.no_grad()
    def starts(self, tokens: Tensor) -> Tensor:
        """Where patches start, ``[batch, time + 1]``; the token before the text and the first byte do."""
        if self.static:
            every = torch.arange(-1, tokens.shape[1], device=tokens.device) % self.static == 0
            starts = every.repeat(len(tokens), 1)
            starts[:, 0] = True
        else:
            starts = F.pad(entropy(self.patcher(tokens)) > self.config.threshold, (1, 0), value=True)
        starts[:, 1] = True
        starts[:, 1:-1] &= tokens[:, 1:] != PAD_ID
        return starts

    def inputs(self, tokens: Tensor, starts: Tensor | None = None) -> tuple[Tensor, Patches]:
        """What training gives to `forward`: the tokens and their patches, those of the patcher if not given."""
        return tokens, find_patches(self.starts(tokens) if starts is None else starts)

    def begun(self, name: str) -> bool:
        """Whether `start_from` gives this parameter its weights."""
        return name.startswith(
            (
                "local_encoder.embed_tokens",
                "local_encoder.layers",
                "local_decoder.layers",
                "local_decoder.norm",
                "lm_head",
            )
        )

    def latent(self, name: str) -> bool:
        """Whether this is of the latent model, or what brings patches to it and back."""
        return name.startswith("global_transformer") or "cross_attn" in name or "patch_embedding" in name

    def narrow(self, tokens: Tensor) -> Tensor | None:
        """Which sequences are chosen; a matter of their text alone, so that a resumed run does the same."""
        if not (self.training and self.narrow_share):
            return None
        return tokens.sum(1) * 7919 % 1000 < 1000 * self.narrow_share

    def forward(self, tokens: Tensor, patches: Patches) -> Tensor:
        config = self.config
        length, local, latent = tokens.shape[1], config.local, config.latent
        positions = torch.arange(length, device=tokens.device)
        rope = rope_table(positions, local.head_dim, local.rope_theta)

        ids = hash_ids(tokens, config.hash_sizes, config.hash_vocab)
        encoder = self.local_encoder
        x = encoder.embed_tokens(tokens) + self.encoder_hash_tok_embedding(ids).sum(-2)
        for layer in encoder.layers:
            x = layer(x, rope, None, None)[0]
        h = self.patch_vectors(x.flatten(0, 1), patches)

        latent_rope = rope_table(patches.position, latent.head_dim, latent.rope_theta)
        if config.latent_size != h.shape[1]:
            h = self.global_transformer.token_embedding_projection(h)
        for layer in self.global_transformer.layers:
            h = layer.over(h, latent_rope, patches)

        decoder = self.local_decoder
        rows = decoder.patch_embedding_projection(h).unflatten(1, (config.cross_attn_k, -1))
        narrow = self.narrow(tokens)
        for cross, layer in zip(decoder.cross_attn_layers, decoder.layers, strict=True):
            flat = x.flatten(0, 1)
            x = (flat + cross.of_bytes(flat, rows, patches.seen)).view_as(x)
            if narrow is None:
                x = layer(x, rope, None, None)[0]
            else:
                near, far = (layer(x[some], rope, None, None, w)[0] for some, w in ((narrow, NARROW), (~narrow, None)))
                x = x.new_empty(x.shape).masked_scatter(narrow[:, None, None], near)
                x = x.masked_scatter(~narrow[:, None, None], far)
        return self.lm_head(decoder.norm(x)).float()

    def patch_vectors(self, x: Tensor, patches: Patches) -> Tensor:
        """The encoder's vectors of all patches, ``[N, k * D]``, from its bytes ``[S, D]``."""
        encoder, count = self.local_encoder, patches.slot.shape[0]
        index = patches.own[:, None].expand_as(x)
        pooled = x.new_zeros((count, x.shape[1])).scatter_reduce(0, index, x, "amax", include_self=False)
        queries = encoder.patch_embedding_projection(pooled).unflatten(1, (self.config.cross_attn_k, -1))
        return (queries + encoder.cross_attn_layers[0].of_patches(queries, x, patches.own)).flatten(1)
