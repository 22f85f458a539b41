"""Patches of a corpus on a cluster of Spark: Parquet files in, Parquet files out.

    spark-submit spark_corpus.py corpus/ patches/ --entropies

The inputs have the columns ``id`` and ``text``; rows and columns of the results are
those of ``blt corpus --layout patches``. A task whose process dies is done again.
"""

import argparse

from pyspark.sql import SparkSession

import blt


def patches_of(model, device, wanted):
    """A function from batches of texts to batches of patches, with a model per task."""

    def patches(batches):
        opened = blt.Model.open(model, device, threads=1)
        for batch in batches:
            found = opened.patch_batch(batch["text"], **wanted).to_pyarrow()
            yield found.add_column(0, "id", batch["id"])

    return patches


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("input", help="folder of Parquet files that all machines see")
    parser.add_argument("output", help="folder for the results")
    parser.add_argument("-m", "--model", help="folder, file or org/name [default: embedded]")
    parser.add_argument("--device", default="auto", help="cpu, or a part of a GPU's name")
    parser.add_argument("--entropies", action="store_true")
    parser.add_argument("--nll", action="store_true")
    asked = parser.parse_args()

    spark = SparkSession.builder.appName("patches").getOrCreate()
    texts = spark.read.parquet(asked.input).select("id", "text")
    wanted = {"entropies": asked.entropies, "nll": asked.nll}
    schema = "id string, patch_lengths array<int>"
    schema += "".join(f", {name} array<float>" for name, asked in wanted.items() if asked)
    patches = texts.mapInArrow(patches_of(asked.model, asked.device, wanted), schema)
    patches.write.parquet(asked.output)
    spark.stop()


if __name__ == "__main__":
    main()
