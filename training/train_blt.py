"""Train the Byte Latent Transformer on the patches of an exported entropy model, which stays as it is.

Usage::

    python train_blt.py DATA RUN --entropy-model MODEL --minutes 120
    python train_blt.py DATA RUN --entropy-model MODEL --steps 5000 --resume

The byte layers begin as those of the entropy model (``--from-scratch``: at random), so that the
run begins where the entropy model ended and adds what patches know.
"""

from __future__ import annotations

from pathlib import Path

from artifact import load_blt, load_model, read_config
from blt import Blt, BltConfig
from command import parser, train
from patches import with_patches


def main() -> None:
    default = BltConfig()
    options = parser(__doc__.splitlines()[0], lengths="512:0.6,1024:0.25,4096:0.15")
    options.add_argument("--entropy-model", type=Path, required=True, help="folder written by export.py")
    options.add_argument("--patches", type=Path, help="use these, stored by patches.py, and do not run the model")
    options.add_argument("--static", type=int, metavar="BYTES", help="train on patches of this many bytes instead")
    options.add_argument("--start", type=Path, metavar="MODEL", help="take byte layers of another entropy model")
    options.add_argument("--from-scratch", action="store_true")
    options.add_argument("--encoder-layers", type=int, default=default.encoder_layers)
    options.add_argument("--decoder-layers", type=int, default=default.decoder_layers)
    options.add_argument("--local-window", type=int, help="bytes that the encoder and the decoder see")
    options.add_argument(
        "--narrow-share",
        type=float,
        default=0.0,
        help="share of the sequences whose decoder sees 16 bytes [%(default)s]",
    )
    options.add_argument("--cross-attn-k", type=int, default=default.cross_attn_k)
    options.add_argument("--latent-layers", type=int, default=default.latent_layers)
    options.add_argument("--latent-size", type=int, default=default.latent_size)
    options.add_argument("--latent-intermediate", type=int, default=default.latent_intermediate)
    options.add_argument("--hash-vocab", type=int, default=default.hash_vocab)
    options.add_argument("--go-on-from", type=Path, metavar="MODEL", help="all weights of an exported whole model")
    args = options.parse_args()

    def make_model() -> Blt:
        patcher = load_model(args.entropy_model)
        config = BltConfig(
            entropy=patcher.config,
            threshold=read_config(args.entropy_model)["patching_threshold"],
            encoder_layers=args.encoder_layers,
            decoder_layers=args.decoder_layers,
            local_window=args.local_window,
            cross_attn_k=args.cross_attn_k,
            latent_layers=args.latent_layers,
            latent_size=args.latent_size,
            latent_intermediate=args.latent_intermediate,
            latent_heads=args.latent_size // 64,
            hash_vocab=args.hash_vocab,
        )
        model = Blt(config, patcher)
        model.narrow_share = args.narrow_share
        model.static = args.static
        if args.go_on_from:
            model.load_state_dict(load_blt(args.go_on_from).state_dict())
        elif not args.from_scratch:
            model.start_from(load_model(args.start) if args.start else patcher)
        return model

    train(args, make_model, lambda corpus: with_patches(corpus, args.patches) if args.patches else corpus)


if __name__ == "__main__":
    main()
