"""The examples for Ray and Spark give what ``blt corpus`` gives, to the bit, although a
process is killed while it reads. Each engine runs in processes of its own, which end with
the test."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, SAMPLES

EXAMPLES = ROOT / "python" / "examples"
# Seconds until a run counts as hanging.
PATIENCE = 120
# Small enough that a MB takes seconds.
MODEL = ROOT / "tests" / "oracle" / "k1"
ASKED = ["-m", MODEL, "--device", "cpu", "--entropies", "--nll"]
ROWS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("patch_lengths", pa.list_(pa.int32())),
        pa.field("entropies", pa.list_(pa.float32())),
        pa.field("nll", pa.list_(pa.float32())),
    ]
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A folder with 800 documents, a MB together, in four files."""
    files = [*sorted((ROOT / "docs").glob("*.md")), *sorted(SAMPLES.glob("*.txt"))]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    dice = random.Random(7)
    folder = tmp_path_factory.mktemp("corpus")
    for file in range(4):
        lengths = [0, 3000, *(int(dice.expovariate(1 / 1000)) for _ in range(198))]
        starts = [dice.randrange(len(text) - length) for length in lengths]
        texts = [text[start : start + length] for start, length in zip(starts, lengths)]
        ids = [f"{file}-{at:03}" for at in range(200)]
        pq.write_table(pa.table({"text": texts, "id": ids}), folder / f"{file}.parquet")
    return folder


@pytest.fixture(scope="module")
def wanted(program, corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("wanted")
    program.bytes("corpus", corpus, "-o", out, "-m", MODEL, "--entropies", "--nll")
    rows = rows_of(out)
    assert rows.num_rows == 800 and len(rows["entropies"].combine_chunks().values) > 700_000
    return rows


def rows_of(folder):
    """All rows of the Parquet files of a folder, by their names."""
    table = pq.read_table(sorted(folder.glob("*.parquet")))
    assert table.column_names == ROWS.names
    # Their lists may name an item as they like.
    assert [str(kind.type).replace("element", "item") for kind in table.schema] == list(map(str, ROWS.types))
    return table.cast(ROWS).sort_by("id").combine_chunks()


def of_process(pid, name):
    """What /proc says of a process; nothing if it is not there any more."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def family(pid):
    """A process, and those that it and they have begun."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        stat = of_process(folder.name, "stat").rpartition(")")[2].split()
        if stat:
            parents.setdefault(int(stat[1]), []).append(int(folder.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


@contextmanager
def begun(command, log, **environment):
    """A program that ends with all that it has begun."""
    with open(log, "wb") as file:
        process = subprocess.Popen(
            list(map(str, command)),
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield process
    finally:
        for pid in family(process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait()


def wait_for(what, log):
    """The first true thing that a function gives; the test fails where that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, f"it hangs:\n{log.read_text()[-5000:]}"
        time.sleep(0.05)
    return found


def kill_one(program, workers, log, busy=lambda pid: True):
    """Kills one of the processes that read, once, while it is busy, and waits for the end of
    the program. Gives all processes that have read."""
    seen = set()

    def at_work():
        assert program.poll() is None, log.read_text()[-5000:]
        seen.update(workers())
        return {pid for pid in seen if busy(pid)}

    os.kill(min(wait_for(at_work, log)), signal.SIGKILL)

    def ended():
        seen.update(workers())
        return program.poll() is not None

    wait_for(ended, log)
    assert program.returncode == 0, log.read_text()[-5000:]
    return seen


def test_ray(corpus, wanted, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The paths of sockets are short.
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    log = tmp_path / "log"
    start = [
        *(Path(sys.executable).parent / "ray", "start", "--head", "--block"),
        *("--node-ip-address=127.0.0.1", f"--port={port}", f"--temp-dir={folder}"),
        *("--num-cpus=4", "--object-store-memory=100000000"),
        *("--include-dashboard=false", "--disable-usage-stats"),
    ]
    # Its workers wait for everything else on the machine, unless they are told not to.
    quick = {"RAY_worker_niceness": "0"}
    out = tmp_path / "out"
    command = [sys.executable, EXAMPLES / "ray_corpus.py", corpus, out, *ASKED, "--batch", 50]
    try:
        with begun(start, tmp_path / "cluster", **quick) as cluster:
            wait_for(lambda: "runtime started" in (tmp_path / "cluster").read_text(), tmp_path / "cluster")

            def is_called(pid, name):
                return of_process(pid, "cmdline").startswith(f"ray::MapWorker(MapBatches(Patches)){name}")

            def workers():
                return {pid for pid in family(cluster.pid) if is_called(pid, "")}

            with begun(command, log, RAY_ADDRESS=f"127.0.0.1:{port}") as program:
                seen = kill_one(program, workers, log, lambda pid: is_called(pid, ".submit"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    # There were two actors, and another one took the place of the one that was killed.
    assert len(seen) == 3, seen
    assert rows_of(out).equals(wanted)


def test_spark(corpus, wanted, tmp_path):
    pytest.importorskip("pyspark", reason="PySpark is not installed")
    if not shutil.which("java"):
        pytest.skip("Spark needs Java, which is not installed")
    out, log = tmp_path / "out", tmp_path / "log"
    # Two processes, and up to four tries of what each does.
    options = "--master local[2,4] --driver-memory 1g --conf spark.ui.enabled=false"
    environment = {
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    command = [sys.executable, EXAMPLES / "spark_corpus.py", corpus, out, *ASKED]
    with begun(command, log, **environment) as program:

        def workers():
            daemons = {pid for pid in family(program.pid) if "pyspark.daemon" in of_process(pid, "cmdline")}
            return {pid for pid in daemons if "_blt." in of_process(pid, "maps")}

        kill_one(program, workers, log)
    assert "Lost task" in log.read_text()
    assert rows_of(out).equals(wanted)
