"""oobpickle.endpoints.addresses."""

import errno
import fcntl
import os
import socket
import stat
import subprocess
import sys

import pytest
import zmq

from oobpickle.endpoints.addresses import as_addresses, ipc_address, is_private, unclaimed
from oobpickle.endpoints.pubsub import Publisher
from oobpickle.endpoints.pushpull import Puller, Pusher


@pytest.fixture
def open_folder(tmp_path):
    """A directory that others could enter, as far as its own mode and its parents' are concerned."""
    parents = [tmp_path, *tmp_path.parents]
    modes = [(p, p.stat().st_mode) for p in parents if p.stat().st_uid == os.geteuid() and p != p.parent]
    for parent, mode in modes:
        if not str(parent) in ("/", "/tmp"):
            parent.chmod(stat.S_IMODE(mode) | 0o011)
    yield tmp_path
    for parent, mode in modes:
        if not str(parent) in ("/", "/tmp"):
            parent.chmod(stat.S_IMODE(mode))


def test_one_or_several():
    assert as_addresses(None) == []
    assert as_addresses("tcp://x") == ["tcp://x"]
    assert as_addresses(("a", "b")) == ["a", "b"]
    for wrong in (b"a", [b"a"]):
        with pytest.raises(TypeError, match="not b'a'"):
            as_addresses(wrong)


def test_a_port_that_does_not_exist():
    """libzmq would bind another one: this number modulo 65536."""
    assert as_addresses(["tcp://[::1]:65535", "tcp://*:*"]) == ["tcp://[::1]:65535", "tcp://*:*"]
    with pytest.raises(ValueError, match="no port 65536"):
        Pusher(bind="tcp://127.0.0.1:65536")


@pytest.mark.parametrize("address", ["inproc://x", "ipc://*"])
def test_private_by_nature(address):
    assert is_private(address)


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:5555", "tcp://*:*", "ipc://@abstract", "ipc:///tmp/x", "ipc:///x", "pgm://x", "", "x"]
)
def test_within_reach_of_others(address):
    assert not is_private(address)


def test_one_closed_door_on_the_way_is_enough(open_folder):
    inner = open_folder / "a" / "b"
    inner.mkdir(parents=True)
    for folder in (inner, inner.parent):
        folder.chmod(0o755)
    assert not is_private(f"ipc://{inner}/s")
    inner.parent.chmod(0o700)
    assert is_private(f"ipc://{inner}/s")
    inner.parent.chmod(0o710)  # the group may enter
    assert not is_private(f"ipc://{inner}/s")
    inner.parent.chmod(0o744)  # others may list it, which leads nowhere
    assert is_private(f"ipc://{inner}/s")


def test_links_are_followed_before_a_path_is_judged(open_folder):
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    outside = open_folder / "outside"
    outside.mkdir(mode=0o755)
    outside.chmod(0o755)
    (closed / "link").symlink_to(outside)
    assert is_private(f"ipc://{closed}/s")
    assert not is_private(f"ipc://{closed}/link/s")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_somebody_elses_closed_directory_is_not_ours(open_folder):
    theirs = open_folder / "theirs"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, 12345, 12345)
    assert not is_private(f"ipc://{theirs}/s")


def test_a_path_without_a_directory(open_folder, monkeypatch):
    monkeypatch.chdir(open_folder)
    assert not is_private("ipc://s")
    open_folder.chmod(0o700)
    assert is_private("ipc://s")


def test_ipc_address_is_private_and_the_same_each_time(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    address = ipc_address("frames")
    assert address == ipc_address("frames") == f"ipc://{tmp_path}/oobpickle/frames"
    assert is_private(address)
    assert stat.S_IMODE((tmp_path / "oobpickle").stat().st_mode) == 0o700
    with Pusher(bind=address, codec="pickle") as push, Puller(connect=address, codec="pickle") as pull:
        push.send(1)
        assert pull.recv(timeout=5) == 1


def test_ipc_address_without_a_runtime_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert ipc_address("x") == f"ipc://{tmp_path}/oobpickle-{os.getuid()}/x"


def test_ipc_address_refuses_a_directory_that_is_not_ours_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "oobpickle"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(PermissionError):
        ipc_address("x")
    folder.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.symlink_to(elsewhere)  # another user of /tmp could have made it
    with pytest.raises(PermissionError):
        ipc_address("x")


@pytest.mark.parametrize("name", ["", "a/b", "..", ".", "a\0b", "x" * 200])
def test_what_is_no_name(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(ValueError):
        ipc_address(name)


@pytest.mark.parametrize(
    ("how", "address", "told"),
    [
        ("bind", "localhost:5671", "'localhost:5671' is no address: write tcp://localhost:5671 (or ipc://path, "),
        ("connect", "localhost:5671", "'localhost:5671' is no address: write tcp://localhost:5671 (or ipc://path, "),
        ("bind", "*:5671", "'*:5671' is no address: write tcp://*:5671 ("),
        ("connect", "*:5671", "'*:5671': * is for bind; connect to tcp://host:port"),
        ("connect", "tcp://*:5999", "'tcp://*:5999': * is for bind; connect to tcp://host:port"),
        ("connect", "tcp://localhost:*", "'tcp://localhost:*': * is for bind; connect to tcp://host:port"),
        ("bind", "tcp://*", "'tcp://*' is no address: write tcp://host:port ("),
        ("connect", "tcp://localhost", "'tcp://localhost' is no address: write tcp://host:port ("),
        ("connect", "/tmp/s", "'/tmp/s' is no address: write tcp://host:port (or ipc://path, inproc://name)"),
        (
            "bind",
            "http://localhost:80",
            "(addr='http://localhost:80'): use tcp://host:port, ipc://path or inproc://name",
        ),
        ("bind", "", "'' is no address: write tcp://host:port ("),
        ("bind", "tcp://192.0.2.1:5671", "(addr='tcp://192.0.2.1:5671'): only an address of this host can be bound"),
    ],
)
def test_a_wrong_address_is_told_with_what_to_write(how, address, told):
    for kind in (Puller, Publisher):
        with pytest.raises(zmq.ZMQError) as caught:
            kind(**{how: address})
        assert told in str(caught.value)
        assert caught.value.errno in (errno.EINVAL, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL)


def test_a_port_that_is_in_use():
    with Puller(bind="tcp://127.0.0.1:*") as pull, pytest.raises(zmq.ZMQError) as caught:
        Pusher(bind=pull.addresses)
    assert caught.value.errno == errno.EADDRINUSE
    assert pull.addresses[0] in str(caught.value)
    assert "another socket is bound there; tcp://127.0.0.1:* takes a free port" in str(caught.value)


def test_a_path_that_is_served_is_not_stolen(ipc):
    with Puller(bind=ipc) as pull, Pusher(connect=ipc) as push:
        for _ in range(3):
            with pytest.raises(zmq.ZMQError) as caught:
                Puller(bind=ipc)
            assert caught.value.errno == errno.EADDRINUSE
            assert ipc in str(caught.value)
        push.send(1)
        assert pull.recv(timeout=5) == 1


def test_another_process_cannot_steal_it_either(ipc):
    code = "import sys\nfrom oobpickle.endpoints.pushpull import Puller\nPuller(bind=sys.argv[1])"
    with Puller(bind=ipc):
        child = subprocess.run([sys.executable, "-c", code, ipc], capture_output=True, text=True, timeout=30)
        assert child.returncode == 1
        assert "serves this path already" in child.stderr


def test_what_a_dead_process_left_behind_is_in_nobodys_way(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert path.exists()
    with Puller(bind=f"ipc://{path}") as pull:
        assert pull.addresses == [f"ipc://{path}"]


def test_a_server_with_a_full_queue_is_still_a_server(tmp_path):
    path = str(tmp_path / "s")
    with (
        socket.socket(socket.AF_UNIX) as server,
        socket.socket(socket.AF_UNIX) as one,
        socket.socket(socket.AF_UNIX) as two,
    ):
        server.bind(path)
        server.listen(0)
        for waiting in (one, two):
            waiting.setblocking(False)
            waiting.connect_ex(path)
        with pytest.raises(zmq.ZMQError), unclaimed(f"ipc://{path}"):
            pass


def test_of_many_who_bind_at_once_one_wins(ipc):
    code = (
        "import sys, zmq\nfrom oobpickle.endpoints.pushpull import Puller\nsys.stdin.readline()\n"
        "try:\n    pull = Puller(bind=sys.argv[1])\n"
        "except zmq.ZMQError:\n    print('lost')\nelse:\n    print('won', flush=True); sys.stdin.readline(); pull.close()"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", code, ipc], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    words = [child.stdout.readline().strip() for child in children]
    for child in children:
        child.communicate("end\n", timeout=20)
    assert sorted(words) == ["lost"] * 3 + ["won"]


@pytest.mark.parametrize("address", ["inproc://x", "tcp://127.0.0.1:1", "ipc://*", "ipc://@x", "ipc:///nowhere/s"])
def test_other_addresses_are_left_to_libzmq(address):
    with unclaimed(address):
        pass


@pytest.mark.parametrize("ending", ["closed", "collected", "not made"])
def test_the_file_of_a_socket_goes_with_it(tmp_path, ending):
    address = f"ipc://{tmp_path}/socket"
    if ending == "not made":
        with pytest.raises(zmq.ZMQError):
            Puller(bind=[address, "nonsense://x"])
    else:
        puller = Puller(bind=address)
        assert (tmp_path / "socket").is_socket()
        if ending == "closed":
            puller.close()
        else:
            with pytest.warns(ResourceWarning):
                del puller
    assert not list(tmp_path.iterdir())


def test_a_relative_path_is_found_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Puller(bind="ipc://socket"):
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]


def test_what_others_have_bound_meanwhile_stays(tmp_path):
    path = tmp_path / "socket"
    with Puller(bind=f"ipc://{path}"):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            identity = path.stat()
    assert path.stat() == identity


def test_a_file_of_that_name_is_not_taken_for_a_socket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "*").write_text("precious")
    Puller(bind="ipc://*").close()
    assert (tmp_path / "*").read_text() == "precious"


def test_a_folder_that_somebody_has_locked_keeps_nobody_waiting(tmp_path):
    puller = Puller(bind=f"ipc://{tmp_path}/socket")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        puller.close()  # from a callback of the garbage collector it could be our own lock
        assert (tmp_path / "socket").is_socket()
    finally:
        os.close(folder)
    Puller(bind=f"ipc://{tmp_path}/socket").close()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_after_a_fork_leaves_the_parents_file(tmp_path, python):
    code = """
import os, sys
from oobpickle.endpoints.addresses import SocketFile
from oobpickle.endpoints.pushpull import Puller
with Puller(bind=f"ipc://{sys.argv[1]}/socket"):
    file = SocketFile(f"ipc://{sys.argv[1]}/socket")
    child = os.fork()
    if not child:
        file.remove()
        os._exit(0)
    os.waitpid(child, 0)
    print(os.listdir(sys.argv[1]))
print(os.listdir(sys.argv[1]))
"""
    assert python(code, tmp_path).split("\n")[:2] == ["['socket']", "[]"]
