"""What the tests share: the program that the module must agree with, and models."""

import json
import os
import subprocess
from pathlib import Path

import pytest

import blt

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "assets" / "samples"
# Small and untrained, but whole.
WHOLE = ROOT / "tests" / "oracle" / "k2_base"


class Program:
    """The command line, which reads the same models."""

    def __init__(self, path):
        self.path = path

    def run(self, *arguments, text=None):
        return subprocess.run(
            [self.path, *map(str, arguments)],
            input=text,
            capture_output=True,
            timeout=120,
            env={**os.environ, "BLT_ADAPTER": "cpu"},
        )

    def bytes(self, *arguments, text=None):
        done = self.run("-q", *arguments, text=text)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def rows(self, *arguments, text=None):
        lines = self.bytes(*arguments, text=text).splitlines()
        return [json.loads(line) for line in lines]

    def sentence(self, *arguments, text=None):
        done = self.run("-q", *arguments, text=text)
        assert done.returncode != 0
        return done.stderr.decode().strip().removeprefix("blt: ")


@pytest.fixture(scope="session")
def program():
    path = os.environ.get("BLT_PROGRAM", ROOT / "target" / "debug" / "blt")
    assert Path(path).exists(), f"build the program first: {path} is not there"
    return Program(path)


@pytest.fixture(scope="session")
def model():
    return blt.Model.open(device="cpu")


@pytest.fixture(scope="session")
def whole():
    return blt.Model.open(WHOLE, "cpu")
