"""The notebook runs, draws its figure, and says what the program says."""

import base64

import nbformat
from conftest import ROOT
from nbclient import NotebookClient

NOTEBOOK = ROOT / "python" / "examples" / "figure.ipynb"


def printed(cell):
    return "".join(out["text"] for out in cell["outputs"] if out["output_type"] == "stream")


def test_the_figure(program):
    kept = nbformat.read(NOTEBOOK, as_version=4)
    book = nbformat.read(NOTEBOOK, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(book, timeout=120, kernel_name="python3").execute()
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    (picture,) = [
        out["data"]["image/png"]
        for cell in code
        for out in cell["outputs"]
        if "data" in out and "image/png" in out["data"]
    ]
    png = base64.b64decode(picture)
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    assert png.startswith(b"\x89PNG") and width > 1000 and height > 250
    (text,) = [line for line in code[0].source.splitlines() if line.startswith("TEXT = ")]
    patches = program.bytes("patch", text.split('"')[1]).decode().strip()
    assert printed(code[0]).splitlines()[0] == patches
    # What is kept in the file is what comes out.
    for before, after in zip(kept.cells, book.cells):
        if before.cell_type == "code":
            assert printed(before) == printed(after)
