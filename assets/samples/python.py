"""Shortest paths in a weighted graph."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

Graph = dict[str, dict[str, float]]


def shortest(graph: Graph, start: str) -> dict[str, float]:
    """The distance of every node that can be reached from ``start``."""
    distances = {start: 0.0}
    queue = [(0.0, start)]
    while queue:
        distance, node = heapq.heappop(queue)
        if distance > distances[node]:
            continue
        for neighbour, weight in graph.get(node, {}).items():
            candidate = distance + weight
            if candidate < distances.get(neighbour, float("inf")):
                distances[neighbour] = candidate
                heapq.heappush(queue, (candidate, neighbour))
    return distances


def edges(graph: Graph) -> Iterator[tuple[str, str, float]]:
    for node, neighbours in graph.items():
        for neighbour, weight in neighbours.items():
            yield node, neighbour, weight


if __name__ == "__main__":
    roads = {"A": {"B": 4, "C": 1}, "B": {"D": 1}, "C": {"B": 2, "D": 5}, "D": {}}
    for town, distance in sorted(shortest(roads, "A").items()):
        print(f"{town}: {distance:g}")
