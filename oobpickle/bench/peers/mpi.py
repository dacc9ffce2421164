"""mpi4py's pickle-5 communicators: objects between MPI processes, on one host through the MPI library's shared memory.

A waiting receive polls, as MPI libraries do: it answers at once, and takes a whole core.
"""

import os
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from oobpickle.bench.peer import End, Peer, Route

_SHM = "/dev/shm"  # noqa: S108 - where Open MPI puts them by itself
_spawning: list[Future[Any]] = []
_segments: list[tempfile.TemporaryDirectory[str]] = []


def start(command: list[str]) -> Future[Any]:
    from mpi4py import MPI

    def spawn() -> Any:
        try:
            return MPI.COMM_SELF.Spawn(command[0], command[1:], maxprocs=1)
        except MPI.Exception:
            _segments[0].cleanup()
            raise

    # In a thread: it waits until the other process has begun MPI, which that does when it has got its first order.
    _spawning.append(ThreadPoolExecutor(1).submit(spawn))
    return _spawning[0]


def near(_route: Route) -> tuple[End, Any]:
    # Open MPI leaves the segments of spawned processes behind, so they get a place that can be cleared.
    segments = tempfile.TemporaryDirectory(prefix="oobpickle-", dir=_SHM if os.path.isdir(_SHM) else None)
    _segments.append(segments)
    os.environ["OMPI_MCA_btl_sm_backing_directory"] = segments.name  # noqa: SIM112 - Open MPI's spelling
    end = _end(lambda: _spawning[0].result())  # noqa: PLW0108 - there is none yet

    def close() -> None:
        end.close()
        segments.cleanup()

    return end._replace(close=close), None


def far(_route: Route, _address: Any) -> End:
    from mpi4py import MPI

    return _end(MPI.Comm.Get_parent)


def _end(joined: Any) -> End:
    kept: list[Any] = []

    def communicator() -> Any:
        from mpi4py.util import pkl5

        if not kept:
            kept.append(pkl5.Intercomm(joined()))
        return kept[0]

    def close() -> None:
        from mpi4py import MPI

        communicator().Disconnect()
        MPI.Finalize()

    return End(lambda obj: communicator().send(obj, 0), lambda: communicator().recv(source=0), close)


PEERS = [Peer("mpi4py", near, far, copies=(1, 1), holds=6, optional="mpi4py", start=start)]
