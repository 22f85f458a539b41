"""Draw how bits per byte fell while a network was trained, by category.

Usage::

    python curve.py RUN OUT.svg

``RUN/log.jsonl`` is what training wrote.  Each point is the mean over a fortieth of the run, so that
what a few sequences happen to hold does not show.  A run that was resumed may have logged a stretch
twice: what was logged last counts.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

POINTS = 40
WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 56, 110, 40, 48
# Told apart by people who see few colours (Okabe and Ito); each line has its name beside it as well.
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#595959"]
LABEL = 15
"""Pixels that a name needs in height."""


def read_log(file: Path) -> list[dict]:
    """Reports in the order of the bytes read; of those that a resumed run wrote again, the last."""
    by_step = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        report = json.loads(line)
        by_step = {step: kept for step, kept in by_step.items() if step < report["step"]}
        by_step[report["step"]] = report
    return list(by_step.values())


def curves(reports: Sequence[dict], points: int = POINTS) -> dict[str, list[tuple[float, float]]]:
    """For each category (megabytes read, mean bits per byte), the parts of a run being equally long."""
    end = reports[-1]["bytes"]
    gathered: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for report in reports:
        part = min(int(points * report["bytes"] / end), points - 1)
        for name, bits in report["bits_per_byte"].items():
            if name != "all":
                gathered.setdefault(name, {}).setdefault(part, []).append((report["bytes"] / 1e6, bits))
    return {
        name: [tuple(sum(values) / len(values) for values in zip(*parts[part], strict=True)) for part in sorted(parts)]
        for name, parts in gathered.items()
    }


def ticks(low: float, high: float, wanted: int) -> list[float]:
    """Round numbers from ``low`` to ``high``, about as many as wanted."""
    rough = (high - low) / wanted
    size = 10.0 ** math.floor(math.log10(rough))
    step = min((size * factor for factor in (1, 2, 5, 10)), key=lambda s: abs(s - rough))
    first = -(-low // step)
    return [round((first + i) * step, 6) for i in range(int((high - first * step) / step + 1e-9) + 1)]


def spread(wanted: Sequence[float], apart: float) -> list[float]:
    """Places near those wanted, at least so far apart."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    places = list(wanted)
    for before, after in zip(order, order[1:], strict=False):
        places[after] = max(places[after], places[before] + apart)
    return places


def draw(lines: dict[str, list[tuple[float, float]]], title: str) -> str:
    """An SVG of the lines."""
    xs = [x for line in lines.values() for x, _ in line]
    ys = [y for line in lines.values() for _, y in line]
    high_x = max(xs)
    pad = 0.05 * (max(ys) - min(ys) or 1.0)
    low, high = min(ys) - pad, max(ys) + pad

    def place(x: float, y: float) -> tuple[float, float]:
        across, down = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + across * x / high_x, TOP + down * (high - y) / (high - low)

    def text(x: float, y: float, words: str, anchor: str = "start", colour: str = "#333") -> str:
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        text(LEFT, 20, title),
        text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "megabytes of text read", "middle"),
    ]
    for y in ticks(low, high, 6):
        (left, at), (right, _) = place(0, y), place(high_x, y)
        parts.append(f'<line x1="{left:.1f}" x2="{right:.1f}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
        parts.append(text(left - 8, at + 4, f"{y:g}", "end"))
    for x in ticks(0, high_x, 8):
        at, bottom = place(x, low)
        parts.append(text(at, bottom + 18, f"{x:g}", "middle"))
    names = sorted(lines, key=lambda name: -lines[name][-1][1])
    ends = [place(*lines[name][-1]) for name in names]
    for index, (name, (x, _), label) in enumerate(zip(names, ends, spread([y for _, y in ends], LABEL), strict=True)):
        colour = COLOURS[index % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in lines[name]))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts.append(text(x + 8, label + 4, f"{name} {lines[name][-1][1]:.2f}", colour=colour))
    return "\n".join([*parts, "</svg>", ""])


def draw_log(log: Path, out: Path, title: str = "Bits per byte of the training text") -> None:
    """Write the picture of a run's log."""
    out.write_text(draw(curves(read_log(log)), title), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("out", type=Path, help="SVG to write")
    args = parser.parse_args()
    draw_log(args.run / "log.jsonl", args.out)


if __name__ == "__main__":
    main()
