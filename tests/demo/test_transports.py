"""The transports: whom they can be reached by."""

import stat
import sys

import pytest
import zmq

from oobpickle.demo.transports import TRANSPORTS, Ipc, Tcp


def test_their_order():
    assert [transport.name for transport in TRANSPORTS] == ["tcp", "ipc", "shared"]


@pytest.fixture
def socket():
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        yield socket


def test_tcp_is_for_this_host_only(socket, tmp_path):
    assert Tcp().bind(socket, str(tmp_path)).startswith("tcp://127.0.0.1:")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no modes there")
def test_ipc_is_in_the_folder_only_and_can_be_bound_again(socket, tmp_path_factory):
    folder = tmp_path_factory.mktemp("s")
    for _ in range(2):
        address = Ipc().bind(socket, str(folder))
        (file,) = folder.iterdir()
        assert address == f"ipc://{file}"
        assert stat.S_ISSOCK(file.stat().st_mode)
        socket.unbind(address)
