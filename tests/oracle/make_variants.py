#!/usr/bin/env python3
"""Make small checkpoints of what no published checkpoint has, and what a BLT computes on them.

    make_variants.py TARGET

TARGET receives one folder per variant with config.json, model.safetensors and golden_<name>.safetensors.
The model here is written in NumPy from the equations, in f64 and with dense masks: every mask is a matrix
over (query, key), every patch a row of a membership matrix. Nothing is incremental. Patch starts are random
and part of the golden data, so no entropy model is needed; two EOS stand inside every text.
Seeded, so that the files come out the same; NumPy is enough.
"""
import json
import pathlib
import struct
import sys

import numpy as np

EOS, EPS, THETA, VOCAB = 2, 1e-5, 500000.0, 260
PRIMES = [1000000007, 5915587277, 1500450271]
# Vectors of the local width D, of the latent width G; heads of 4 columns.
D, G, HEADS = 8, 24, 2

# k, encoder layers, decoder layers and the keys of config.json that differ from the plain model.
VARIANTS = {
    "encoder_cross_all": dict(k=2, enc=3, enc_all=True),
    "pool_mean_max": dict(k=2, pooling="mean,max"),
    "pool_min": dict(k=1, pooling="min", functions=3),
    "windows": dict(k=2, kv_heads=1, enc_window=3, dec_window=2, window=6),
    "no_encoder_cross": dict(k=3, enc_cross=False, pooling="mean,min,max", dec_all=False),
    "concatenated": dict(k=1, enc_cross=False, dec_cross=False, patch_size=4),
    "no_decoder_cross": dict(k=2, dec_cross=False, enc=2),
    "nothing_projected": dict(k=1, enc_cross=False, dec_cross=False, pooling="max", latent=D),
}
DEFAULT = dict(enc=1, dec=2, kv_heads=2, enc_all=False, dec_all=True, enc_cross=True, dec_cross=True, pooling=None,
               functions=1, enc_window=None, dec_window=None, window=None, patch_size=None, latent=G)


def config(o):
    def stack(width, layers, **more):
        return dict(hidden_size=width, num_hidden_layers=layers, num_attention_heads=width // 4,
                    num_key_value_heads=o["kv_heads"], intermediate_size=12, rms_norm_eps=EPS,
                    rope_parameters=dict(rope_theta=THETA, rope_type="default")) | more
    c = dict(model_type="blt", vocab_size=VOCAB, patch_in_forward=False, cross_attn_k=o["k"],
             encoder_hash_byte_group_size=[2, 5], encoder_hash_byte_group_vocab=31,
             encoder_hash_byte_group_nb_functions=o["functions"], local_attention_window_len=o["window"],
             encoder_config=stack(D, o["enc"], cross_attn_all_layers=o["enc_all"]),
             global_config=stack(o["latent"], 2), decoder_config=stack(D, o["dec"], cross_attn_all_layers=o["dec_all"]),
             cross_attn_encoder=o["enc_cross"], cross_attn_decoder=o["dec_cross"])
    for key, name in (("enc_window", "cross_attn_window_encoder"), ("dec_window", "cross_attn_window_decoder"),
                      ("pooling", "downsampling_by_pooling"), ("patch_size", "patch_size")):
        if o[key] is not None:
            c[name] = o[key]
    return c


def pools(o):
    return (o["pooling"] or "max").split(",")


def weights(o, rng):
    w = {}
    def matrix(name, rows, columns, scale=1.0):
        w[name + ".weight"] = (rng.standard_normal((rows, columns)) * scale / np.sqrt(columns)).astype(np.float32)
    def norm(name, width):
        w[name + ".weight"] = (1 + 0.2 * rng.standard_normal(width)).astype(np.float32)
    def attention(name, width, o_name="o_proj"):
        stored = o["kv_heads"] * 4
        for n, rows in (("q_proj", width), ("k_proj", stored), ("v_proj", stored), (o_name, width)):
            matrix(f"{name}{n}", rows, width)
    def stack(name, width, layers):
        for i in range(layers):
            p = f"model.{name}.layers.{i}."
            norm(p + "input_layernorm", width)
            attention(p + "self_attn.", width)
            norm(p + "post_attention_layernorm", width)
            for n, a, b in (("gate_proj", 12, width), ("up_proj", 12, width), ("down_proj", width, 12)):
                matrix(f"{p}mlp.{n}", a, b)
    def cross(name, number):
        for i in range(number):
            p = f"model.{name}.cross_attn_layers.{i}."
            norm(p + "q_norm", D)
            norm(p + "k_norm", D)
            attention(p, D)
    tables = 2 * o["functions"]
    matrix("model.local_encoder.embed_tokens", VOCAB, D, 3.0)
    matrix("model.encoder_hash_tok_embedding", tables * 31, D, 1.0)
    stack("local_encoder", D, o["enc"])
    stack("global_transformer", o["latent"], 2)
    stack("local_decoder", D, o["dec"])
    if o["enc_cross"]:
        cross("local_encoder", o["enc"] if o["enc_all"] else 1)
        matrix("model.local_encoder.patch_embedding_projection", o["k"] * D, len(pools(o)) * D)
        width = o["k"] * D
    else:
        width = D * (o["patch_size"] or len(pools(o)))
    if width != o["latent"]:
        matrix("model.global_transformer.token_embedding_projection", o["latent"], width)
    if o["dec_cross"]:
        cross("local_decoder", o["dec"] if o["dec_all"] else 1)
    if o["dec_cross"] or o["latent"] != D:
        matrix("model.local_decoder.patch_embedding_projection", (o["k"] if o["dec_cross"] else 1) * D, o["latent"])
    norm("model.local_decoder.norm", D)
    matrix("lm_head", VOCAB, D, 2.0)
    return w


# ---------------------------------------------------------------------------------------------- the model
def rms(x, w):
    return w * x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS)


def rotate(x):
    """[T, heads, 4], interleaved pairs, positions from 0; the angles in f32 as published."""
    half = np.arange(0, x.shape[-1], 2, dtype=np.float32) / np.float32(x.shape[-1])
    inverse = (1.0 / np.float32(THETA) ** half).astype(np.float32)
    angle = (np.arange(len(x), dtype=np.float32)[:, None] * inverse).astype(np.float64)[:, None]
    z = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angle)
    return np.stack((z.real, z.imag), -1).reshape(x.shape)


def attend(q, k, v, mask):
    r = q.shape[1] // k.shape[1]
    score = np.einsum("thd,uhd->htu", q, np.repeat(k, r, 1)) / np.sqrt(q.shape[-1])
    p = np.where(mask, np.exp(score - np.where(mask, score, -np.inf).max(-1, keepdims=True)), 0)
    return np.einsum("htu,uhd->thd", p / p.sum(-1, keepdims=True), np.repeat(v, r, 1)).reshape(len(q), -1)


class Model:
    def __init__(self, o, w):
        self.o, self.w = o, {n: t.astype(np.float64) for n, t in w.items()}

    def linear(self, name, x):
        return x @ self.w[name + ".weight"].T

    def heads(self, name, x):
        return self.linear(name, x).reshape(len(x), -1, 4)

    def block(self, p, x, mask):
        h = rms(x, self.w[p + "input_layernorm.weight"])
        q, k, v = (self.heads(f"{p}self_attn.{n}_proj", h) for n in "qkv")
        x = x + self.linear(p + "self_attn.o_proj", attend(rotate(q), rotate(k), v, mask))
        h = rms(x, self.w[p + "post_attention_layernorm.weight"])
        gate = self.linear(p + "mlp.gate_proj", h)
        return x + self.linear(p + "mlp.down_proj", gate / (1 + np.exp(-gate)) * self.linear(p + "mlp.up_proj", h))

    def cross(self, p, x, keys, mask):
        q = self.heads(p + "q_proj", rms(x, self.w[p + "q_norm.weight"]))
        n = rms(keys, self.w[p + "k_norm.weight"])
        return self.linear(p + "o_proj", attend(q, self.heads(p + "k_proj", n), self.heads(p + "v_proj", n), mask)) + x

    def hashes(self, ids):
        rows = []
        for f in range(self.o["functions"]):
            for n in (2, 5):
                row = []
                for i in range(len(ids)):
                    window = [ids[i - n + 1 + j] if i - n + 1 + j >= 0 else 0 for j in range(n)]
                    h = sum(int(t) * PRIMES[f] ** j for j, t in enumerate(window)) % 2**64
                    row.append((h - 2**64 if h >= 2**63 else h) % 31)
                rows.append(row)
        return np.array(rows)

    def pooled(self, x, member):
        """[P, S] membership -> [P, pools * D]"""
        if self.o["patch_size"]:
            last = member.shape[1] - 1 - member[:, ::-1].argmax(1)
            at = np.maximum(last[:, None] - np.arange(self.o["patch_size"])[::-1], 0)
            return x[at].reshape(len(member), -1)
        of = {"mean": lambda m: x[m].mean(0), "min": lambda m: x[m].min(0), "max": lambda m: x[m].max(0)}
        return np.array([np.concatenate([of[kind](m) for kind in pools(self.o)]) for m in member])

    def run(self, ids, starts, repool=False):
        o, w, s, k = self.o, self.w, {}, self.o["k"]
        S = len(ids)
        patch = np.cumsum(starts) - 1                       # of every position, the next one included
        seen = patch[1:] - 1                                # the last closed patch once a token is there
        P = seen[-1] + 1
        s["patch_ids"], s["dec_patch_ids"] = patch[:S], seen
        member = patch[:S] == np.arange(P)[:, None]
        document = np.concatenate(([0], np.cumsum(np.array(ids) == EOS)[:-1]))
        apart = np.arange(S)[:, None] - np.arange(S)
        local = (apart >= 0) & (apart < (o["window"] or S)) & (document[:, None] == document)
        ends = np.array([(np.array(ids)[m] == EOS).any() for m in member])
        patch_document = np.concatenate(([0], np.cumsum(ends)[:-1]))
        order = np.arange(P)[:, None] - np.arange(P)
        causal = (order >= 0) & (patch_document[:, None] == patch_document)

        s["hash_ids"] = self.hashes(ids)
        x = w["model.local_encoder.embed_tokens.weight"][ids].copy()
        for e, rows in enumerate(s["hash_ids"]):
            x += w["model.encoder_hash_tok_embedding.weight"][rows + 31 * e]
        s["embeds"] = x

        layers = []
        for i in range(o["enc"]):
            x = self.block(f"model.local_encoder.layers.{i}.", x, local)
            s[f"enc_layer.{i}"] = x
            layers.append(x)
        apart = np.arange(P)[:, None] - patch[:S]
        reach = np.repeat((apart >= 0) & (apart < (o["enc_window"] or 1)), k, 0)
        pe = None
        for i, h in enumerate(layers):
            if i < o["enc"] - 1 and not o["enc_all"]:
                continue
            if pe is None or repool:
                s["enc_pooled"] = pe = self.pooled(h, member)
                if o["enc_cross"]:
                    pe = self.linear("model.local_encoder.patch_embedding_projection", pe).reshape(P * k, D)
                    s["enc_patch_init"] = pe
            if o["enc_cross"]:
                c = i if o["enc_all"] else 0
                pe = pe + self.cross(f"model.local_encoder.cross_attn_layers.{c}.", pe, h, reach)
        s["enc_cross"] = g = pe.reshape(P, -1)

        name = "model.global_transformer.token_embedding_projection"
        if name + ".weight" in w:
            s["global_in"] = g = self.linear(name, g)
        for i in range(2):
            g = self.block(f"model.global_transformer.layers.{i}.", g, causal)
            s[f"global_layer.{i}"] = g
        s["global_out"] = s.pop("global_layer.1")

        name = "model.local_decoder.patch_embedding_projection"
        kv = (self.linear(name, g) if name + ".weight" in w else g).reshape(-1, D)
        s["dec_patch_kv"] = kv
        apart = seen[:, None] - np.arange(P)
        sees = np.repeat((apart >= 0) & (apart < (o["dec_window"] or 1)), k, 1)
        if not o["dec_cross"]:
            x = x + kv[seen]
        for i in range(o["dec"]):
            if o["dec_cross"] and (i == 0 or o["dec_all"]):
                s[f"dec_cross.{i}"] = a = self.cross(f"model.local_decoder.cross_attn_layers.{i}.", x, kv, sees)
                x = x + a
            x = self.block(f"model.local_decoder.layers.{i}.", x, local)
            s[f"dec_layer.{i}"] = x
        s["dec_norm"] = rms(x, w["model.local_decoder.norm.weight"])
        s["logits"] = self.linear("lm_head", s["dec_norm"])
        return s


# ---------------------------------------------------------------------------------------------- the files
def write(path, tensors):
    """safetensors: sorted by falling element size, then name, header padded to 8 bytes, as the library does."""
    kinds = {"int64": "I64", "float32": "F32"}
    tensors = {n: t if t.dtype == np.float32 else t.astype(np.float32 if t.dtype.kind == "f" else np.int64)
               for n, t in tensors.items()}
    order = sorted(tensors, key=lambda n: (-tensors[n].itemsize, n))
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for n in order:
        t = tensors[n]
        header[n] = {"dtype": kinds[str(t.dtype)], "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(np.ascontiguousarray(tensors[n]).tobytes() for n in order)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    target = pathlib.Path(sys.argv[1])
    for seed, (name, options) in enumerate(VARIANTS.items()):
        o, rng = DEFAULT | options, np.random.default_rng(7000 + seed)
        folder = target / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config(o), indent=1) + "\n")
        w = weights(o, rng)
        write(folder / "model.safetensors", w)
        model = Model(o, w)
        ids = [1] + rng.integers(4, VOCAB, 30).tolist()
        ids[9] = ids[21] = EOS
        starts = np.concatenate(([True, True], rng.random(30) < 0.35))
        lengths = np.diff(np.concatenate((np.flatnonzero(starts), [len(starts)])))
        given = {"input_ids": np.array(ids), "patch_lengths": lengths}
        write(folder / "golden_text.safetensors", given | model.run(ids, starts))
        if o["enc_all"]:
            # What transformers does with more than one cross-attention in the encoder.
            write(folder / "golden_repool.safetensors", given | model.run(ids, starts, repool=True))


if __name__ == "__main__":
    main()
