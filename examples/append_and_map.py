"""Messages appended to a file, and mapped. Proof: memory that loading takes, and that a change stays out of the file."""

import tempfile
import tracemalloc
from pathlib import Path

import numpy as np

import oobpickle

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "run.oob"
    with path.open("ab") as file:
        for shot in range(5):
            oobpickle.dump({"shot": shot, "trace": np.full(1_000_000, shot, np.float64)}, file)
    print(f"{path.stat().st_size:,} bytes in the file")

    tracemalloc.start()
    shots = list(oobpickle.iter_file(path))
    allocated = tracemalloc.get_traced_memory()[1]
    assert [shot["trace"][-1] for shot in shots] == [0, 1, 2, 3, 4]
    assert allocated < path.stat().st_size / 20
    print(f"{allocated:,} bytes were allocated to load all five: the traces are views of the file")

    shots[0]["trace"][:] = -1
    assert oobpickle.load(path)["trace"][0] == 0
    print("a trace was written to; the file is as it was")
