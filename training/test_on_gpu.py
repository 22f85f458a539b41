"""What runs beside a GPU, here on a processor."""

from on_gpu import smoke


def test_every_part_runs_comes_back_and_loads() -> None:
    smoke()
