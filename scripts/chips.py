"""Makes a Markdown table of the statistics that scripts/chips has collected; on stdin a
chip and the file with its statistics on a line."""

import sys

# Kernels whose speed counts, in their widest common variants.
SHOWN = [
    "qkv_row [WEIGHTS=bf16 METHOD=subgroup]",
    "linear_rows [WEIGHTS=bf16 METHOD=subgroup ROWS=1 NORM=no]",
    "linear_rows [WEIGHTS=q8 METHOD=subgroup ROWS=1 NORM=no]",
    "linear_rows [WEIGHTS=q4 METHOD=subgroup ROWS=1 NORM=no]",
    "linear_rows [WEIGHTS=bf16 METHOD=subgroup ROWS=2 NORM=yes]",
    "linear_rows [WEIGHTS=bf16 METHOD=subgroup ROWS=8 NORM=no]",
    "gate_up_row [WEIGHTS=bf16 METHOD=subgroup]",
    "cross_row [WEIGHTS=bf16 METHOD=subgroup]",
    "linear_tile [WEIGHTS=bf16 UNITS=fma]",
    "linear_tile [WEIGHTS=q8 UNITS=fma]",
    "linear_tile [WEIGHTS=q4 UNITS=fma]",
    "linear_tile [WEIGHTS=bf16 UNITS=matrix16]",
    "linear_tile [WEIGHTS=q8 UNITS=matrix16]",
    "attention_rows [HEAD=64 METHOD=subgroup]",
    "attention_rows [HEAD=128 METHOD=subgroup]",
    "attention_rows [HEAD=256 METHOD=subgroup]",
    "attention_tile [HEAD=64 KEYS=64]",
    "attention_tile [HEAD=128 KEYS=64]",
    "attention_tile [HEAD=128 KEYS=32]",
    "attention_tile [HEAD=256 KEYS=64]",
    "attention_tile [HEAD=256 KEYS=32]",
    "cross_attention [HEAD=64 METHOD=subgroup]",
]
SPILLS = [
    "Spilled VGPRs",
    "Scratch size",
    "Spill Count",
    "Scratch Memory Size",
    "SLM Size",
]


def read(path):
    found = {}
    for line in open(path):
        if "\tsubgroup=" not in line:
            continue
        name, *numbers = line.rstrip("\n").split("\t")
        found[name] = {key: float(value) for key, value in (n.split("=") for n in numbers)}
    return found


def cell(numbers):
    if numbers is None:
        return "-"
    number = lambda key: int(numbers[key])
    if "VGPRs" in numbers:
        return f"{number('VGPRs')} v, {number('Subgroups per SIMD')} w"
    if "SEND Count" in numbers:
        return f"SIMD{number('subgroup')}"
    return f"{number('Number of GPRs')} r"


chips = [line.rsplit(" ", 1) for line in sys.stdin.read().splitlines()]
tables = [(name, read(path)) for name, path in chips]
print("| kernel | " + " | ".join(name for name, _ in tables) + " |")
print("|---|" + "---|" * len(tables))
for kernel in SHOWN:
    print(f"| {kernel} | " + " | ".join(cell(table.get(kernel)) for _, table in tables) + " |")
print()
for name, table in tables:
    spilled = [k for k, v in table.items() if any(v.get(what, 0) > 0 for what in SPILLS)]
    verdict = f"spilled by {', '.join(spilled)}" if spilled else "all in registers"
    print(f"{name}: {len(table)} variants, {verdict}")
