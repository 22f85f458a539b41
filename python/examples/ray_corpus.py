"""Patches of a corpus on a cluster of Ray: Parquet files in, Parquet files out.

    python ray_corpus.py corpus/ patches/ --entropies

The inputs have the columns ``id`` and ``text``; rows and columns of the results are
those of ``blt corpus --layout patches``. An actor that dies is replaced, and the batch
that it had is read again.
"""

import argparse

import pyarrow as pa
import ray

import blt


class Patches:
    """A model in a process of its own, which cuts the texts of tables."""

    def __init__(self, model, device, wanted):
        self.model = blt.Model.open(model, device, threads=1)
        self.wanted = wanted

    def __call__(self, table):
        found = self.model.patch_batch(table["text"], **self.wanted).to_pyarrow()
        return pa.Table.from_batches([found]).add_column(0, "id", table["id"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", help="folder of Parquet files that all machines see")
    parser.add_argument("output", help="folder for the results")
    parser.add_argument("-m", "--model", help="folder, file or org/name [default: embedded]")
    parser.add_argument("--device", default="auto", help="cpu, or a part of a GPU's name")
    parser.add_argument("--actors", type=int, help="processes with a model [default: cores - 2]")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of each of them, or a part of one")
    parser.add_argument("--batch", type=int, default=1000, help="texts that are read at a time")
    parser.add_argument("--entropies", action="store_true")
    parser.add_argument("--nll", action="store_true")
    asked = parser.parse_args()

    ray.init()
    cores = int(ray.cluster_resources()["CPU"])
    actors = asked.actors or max(1, cores - 2)
    if not 0 < actors < cores:
        # They would wait for each other for ever.
        parser.error(f"{actors} actors leave none of {cores} cores to read and write")
    texts = ray.data.read_parquet(asked.input).select_columns(["id", "text"])
    texts = texts.repartition(target_num_rows_per_block=asked.batch)
    wanted = {"entropies": asked.entropies, "nll": asked.nll}
    patches = texts.map_batches(
        Patches,
        fn_constructor_args=(asked.model, asked.device, wanted),
        batch_format="pyarrow",
        batch_size=asked.batch,
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=1,
        num_gpus=asked.gpus,
    )
    patches.write_parquet(asked.output)


if __name__ == "__main__":
    main()
