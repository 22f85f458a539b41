#!/usr/bin/env python3
"""Save the models of `original` as PyTorch's distributed checkpoints, which Meta's trainer writes.

    make_distributed.py META_FOLDER

writes META_FOLDER/distributed/blt_tiny by one process, and distributed/entropy_model by three that hold a
part of each tensor, cut by rows or by columns, with an optimizer's state beside the model. Needs PyTorch.
"""
import os
import pathlib
import shutil
import sys

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from torch.distributed.tensor import Shard, distribute_tensor, init_device_mesh

PROCESSES = 3


def read(folder):
    saved = torch.load(folder / "consolidated.pth", weights_only=True)
    return {name: value.contiguous() for name, value in saved.get("model", saved).items()}


def part(rank, source):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29511")
    dist.init_process_group("gloo", rank=rank, world_size=PROCESSES)
    mesh = init_device_mesh("cpu", (PROCESSES,))
    model = {}
    for index, (name, value) in enumerate(sorted(read(source).items())):
        dimension = 0 if value.dim() == 1 or index % 3 else 1
        model[name] = distribute_tensor(value, mesh, [Shard(dimension)])
    moments = {name: {"exp_avg": torch.zeros(3)} for name in list(model)[:2]}
    optimizer = {"state": moments, "lr": 0.1, "step": 3}
    dcp.save({"model": model, "optim": optimizer, "train_state": {"step": 5}}, checkpoint_id="entropy_model")
    dist.destroy_process_group()


def main():
    original = pathlib.Path(sys.argv[1]).resolve() / "original"
    target = original.parent / "distributed"
    shutil.rmtree(target, ignore_errors=True)
    for name in ["blt_tiny", "entropy_model"]:
        (target / name).mkdir(parents=True)
        shutil.copy(original / name / "params.json", target / name)
    # The folder's name is kept in the checkpoint.
    os.chdir(target)
    whole = {"model": read(original / "blt_tiny"), "optim": {"state": {}, "lr": 0.1}}
    dcp.save(whole, checkpoint_id="blt_tiny", no_dist=True)
    mp.spawn(part, args=(original / "entropy_model",), nprocs=PROCESSES)


if __name__ == "__main__":
    main()
