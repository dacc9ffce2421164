"""oobpickle.endpoints.endpoint: the life of an endpoint. What needs threads, signals and processes of its own."""

import gc
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
import zmq

from oobpickle import aio
from oobpickle.endpoints import endpoint
from oobpickle.endpoints.pubsub import Publisher, Subscriber
from oobpickle.endpoints.pushpull import Puller, Pusher
from oobpickle.endpoints.request import Client, Server
from oobpickle.errors import Closed, InsecureEndpoint, RemoteError, Timeout

from tests.conftest import descriptors
from tests.endpoints.conftest import until

ALL = [Publisher, Subscriber, Pusher, Puller, Client, Server]


@pytest.mark.parametrize("kind", ALL)
def test_it_needs_an_address(kind):
    with pytest.raises(ValueError):
        kind()
    with pytest.raises(TypeError):
        kind(bind=[1])


@pytest.mark.parametrize("kind", ALL)
def test_wrong_arguments_are_told_with_names_that_the_user_knows(kind, inproc):
    for start in (kind, getattr(aio, kind.__name__)):
        with pytest.raises(TypeError, match=rf"^{kind.__name__}\.__init__\(\) takes 1 positional"):
            start(inproc)
        with pytest.raises(TypeError, match=rf"^{kind.__name__}\.__init__\(\) got an unexpected .* 'hwm'"):
            start(bind=inproc, hwm=10)
        with pytest.raises(TypeError, match="^high_water_mark must be an int, not '10'$"):
            start(bind=inproc, high_water_mark="10")
        if kind not in (Publisher, Pusher):
            with pytest.raises(TypeError, match="^max_frame must be an int, not '1GB'$"):
                start(bind=inproc, max_frame="1GB")


@pytest.mark.parametrize("kind", ALL)
def test_a_failed_start_leaves_nothing_behind(kind, ipc):
    with kind(bind=ipc):
        with pytest.raises(zmq.ZMQError):
            kind(bind=ipc)
        with pytest.raises(zmq.ZMQError):
            kind(bind=f"ipc:///nowhere/{'x' * 10}/s", insecure=True)
        with pytest.raises(zmq.ZMQError):
            kind(connect="nonsense://x", insecure=True)


@pytest.mark.parametrize("kind", ALL)
def test_the_pickle_codec_needs_a_private_address(kind):
    for how in ("bind", "connect"):
        with pytest.raises(InsecureEndpoint) as caught:
            kind(**{how: ["inproc://x", "tcp://127.0.0.1:7"]}, codec="pickle")
        assert caught.value.address == "tcp://127.0.0.1:7"


@pytest.mark.parametrize("kind", ALL)
def test_an_unknown_codec(kind, inproc):
    with pytest.raises(ValueError):
        kind(bind=inproc, codec="json")


@pytest.mark.parametrize("kind", ALL)
def test_the_address_is_free_when_close_returns(kind, tmp_path):
    with kind(bind="tcp://127.0.0.1:*", insecure=True) as first:
        address = first.addresses[0]
    for where in (address, f"ipc://{tmp_path}/s", "inproc://again"):
        for _ in range(3):
            with kind(bind=where, insecure=True) as again:
                assert again.addresses == [where]


@pytest.mark.parametrize("kind", ALL)
def test_garbage_collection_warns_and_frees(kind, ipc):
    with kind(bind=ipc):  # the context has its descriptors
        pass
    before = len(descriptors())
    endpoint = kind(bind=ipc)
    with pytest.warns(ResourceWarning, match=f"unclosed .*{kind.__name__}"):
        del endpoint
        gc.collect()
    until(lambda: len(descriptors()) <= before)
    with kind(bind=ipc):
        pass


def test_garbage_collection_ends_the_thread_of_a_latest_subscriber(inproc):
    before = threading.active_count()
    subscriber = Subscriber(bind=inproc, latest=True)
    assert threading.active_count() == before + 1
    with pytest.warns(ResourceWarning):
        del subscriber
        gc.collect()
    until(lambda: threading.active_count() == before)


def test_context_is_used_and_not_closed():
    with zmq.Context() as context:
        with Pusher(bind="inproc://x", context=context) as push, Puller(connect="inproc://x", context=context) as pull:
            assert push.socket.context is context
            push.send(1)
            assert pull.recv(timeout=5) == 1
        assert not context.closed


def test_an_asyncio_context_will_do(inproc):
    import zmq.asyncio

    with zmq.asyncio.Context() as context, Pusher(bind=inproc, context=context) as push:
        assert type(push.socket) is zmq.Socket


def test_socket_and_fileno_stand_in_a_poller(ipc):
    with Puller(bind=ipc) as pull, Pusher(connect=ipc) as push:
        assert pull.fileno() == pull.socket.fileno()
        poller = zmq.Poller()
        poller.register(pull.socket, zmq.POLLIN)
        push.send(1)
        assert poller.poll(5000) == [(pull.socket, zmq.POLLIN)]
        assert pull.recv(timeout=0) == 1


WAITS = {
    "recv": lambda address: (Puller(bind=address), lambda e: e.recv()),
    "recv with a timeout": lambda address: (Puller(bind=address), lambda e: e.recv(timeout=60)),
    "subscriber": lambda address: (Subscriber(bind=address), lambda e: e.recv()),
    "latest": lambda address: (Subscriber(bind=address, latest=True), lambda e: e.recv()),
    "wait_for_subscribers": lambda address: (Publisher(bind=address), lambda e: e.wait_for_subscribers()),
    "send": lambda address: (Pusher(bind=address), lambda e: e.send(1)),
    "request": lambda address: (Client(bind=address), lambda e: e.request(1)),
    "request in the queue": lambda address: (Client(connect=address), lambda e: e.request(1)),
    "server": lambda address: (Server(bind=address), lambda e: e.recv()),
}


@pytest.mark.parametrize("wait", WAITS)
def test_closing_from_another_thread_wakes_a_blocked_call(wait, ipc):
    endpoint, call = WAITS[wait](ipc)
    failures = []

    def run():
        try:
            call(endpoint)
        except Closed as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: endpoint._waiters)
    started = time.monotonic()
    endpoint.close(0)
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - started < 2
    assert len(failures) == 1


def test_closing_while_others_send_and_receive_is_safe(ipc):
    """Threads are in the middle of calls, not in their waits, as often as not."""
    for _ in range(30):
        pull, push = Puller(bind=ipc), Pusher(connect=ipc, linger=0)

        def run(call):
            try:
                while True:
                    call()
            except Closed:
                pass

        threads = [threading.Thread(target=run, args=(call,)) for call in (pull.recv, lambda: push.send(b"x"))]
        for thread in threads:
            thread.start()
        until(lambda: pull.stats.messages > 20)
        pull.close()
        push.close(0)
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()


def test_serve_ends_when_another_thread_closes(ipc):
    for workers in (1, 3):
        server = Server(bind=ipc, workers=workers)
        serving = threading.Thread(target=server.serve, args=(lambda x: x,))
        serving.start()
        until(lambda: server._waiters)
        server.close()
        serving.join(5)
        assert not serving.is_alive()


def test_close_delivers_what_was_sent(tmp_path):
    """A process that sends and ends at once; its receiver takes its time."""
    address = f"ipc://{tmp_path}/s"
    with Puller(bind=address, high_water_mark=10) as pull:
        child = subprocess.Popen([sys.executable, "-c", SENDER, address, "100"])
        got = []
        for _ in range(100):
            n, array = pull.recv(timeout=20)
            assert array.nbytes == 100_000
            got.append(n)
            if n % 10 == 0:
                time.sleep(0.01)  # a slow receiver is what is tested
        assert got == list(range(100))
        assert child.wait(10) == 0


SENDER = """
import sys, numpy as np
from oobpickle.endpoints.pushpull import Pusher
with Pusher(connect=sys.argv[1]) as push:
    for n in range(int(sys.argv[2])):
        push.send((n, np.zeros(100_000, "u1")))
"""


def test_close_says_what_it_could_not_deliver(caplog):
    push = Pusher(connect="tcp://127.0.0.1:1", insecure=True, linger=0.1)
    for n in range(7):
        push.send(n)
    push.send(np.zeros(100_000))
    started = time.monotonic()
    push.close()
    assert 0.1 <= time.monotonic() - started < 1
    assert "up to 8 messages undelivered" in caplog.text
    assert push.stats.dropped == 8


def test_a_close_that_waits_long_says_so_once(caplog, monkeypatch):
    monkeypatch.setattr(endpoint, "QUIET", 0.05)
    push = Pusher(connect="tcp://127.0.0.1:1", linger=1)
    push.send(1)
    push.close()
    waits, closed = [record.getMessage() for record in caplog.records]
    assert waits.startswith("tcp://127.0.0.1:1: closing waits up to ")
    assert waits.endswith(" s more for peers to take what was sent; linger= bounds that")
    assert closed == "tcp://127.0.0.1:1: closed with up to 1 message undelivered"


def test_close_at_once_when_all_is_delivered(ipc, caplog):
    with Puller(bind=ipc) as pull, Pusher(connect=ipc) as push:
        for n in range(50):
            push.send(n)
        for n in range(50):
            pull.recv(timeout=5)
        started = time.monotonic()
        push.close()
        assert time.monotonic() - started < 1
    assert "undelivered" not in caplog.text
    assert push.stats.dropped == 0


def test_close_without_linger_forgets_and_counts(caplog):
    push = Pusher(connect="tcp://127.0.0.1:1", insecure=True)
    push.send(1)
    started = time.monotonic()
    push.close(linger=0)
    assert time.monotonic() - started < 0.5
    assert push.stats.dropped == 1


def test_stats_after_close(ipc):
    with Pusher(bind=ipc) as push, Puller(connect=ipc) as pull:
        push.send(1)
        pull.recv(timeout=5)
    assert push.stats.messages == pull.stats.messages == 1
    assert push.events() is not None


def test_connection_events(ipc):
    with Puller(bind=ipc) as pull:
        with Pusher(connect=ipc):
            kinds = []
            until(lambda: kinds.extend(e.kind for e in pull.events()) or "ready" in kinds)
            assert kinds[:2] == ["accepted", "ready"]
            assert pull.stats.connected == 1
        until(lambda: kinds.extend(e.kind for e in pull.events()) or "disconnected" in kinds)
        assert pull.stats.connected == 0
        assert pull.events() == []


def test_many_threads_share_a_client(ipc):
    with Server(bind=ipc) as server, Client(connect=ipc) as client:
        serving = threading.Thread(target=server.serve, args=(lambda x: x,))
        serving.start()
        wrong = []

        def ask(k):
            for n in range(200):
                if client.request((k, n), timeout=20) != (k, n):
                    wrong.append((k, n))

        threads = [threading.Thread(target=ask, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        assert not wrong
        assert client.stats.messages == 1600
        server.close()
        serving.join(5)


def test_the_leader_that_leaves_hands_on(ipc):
    """The thread that sleeps on the socket gives up; the others still get their replies, however often it happens."""
    with Server(bind=ipc) as server, Client(connect=ipc) as client:
        results = {}

        def ask(k, timeout):
            try:
                results[k] = client.request(k, timeout=timeout)
            except Timeout:
                results[k] = "timeout"

        leader = threading.Thread(target=ask, args=("leader", 0.1))
        leader.start()
        until(lambda: client._leading)
        followers = [threading.Thread(target=ask, args=(k, 20)) for k in range(3)]
        for thread in followers:
            thread.start()
        requests = [server.recv(timeout=5) for _ in range(4)]
        leader.join(5)
        for request in requests:
            request.reply(("reply", request.obj))
        for thread in followers:
            thread.join(5)
        assert results == {"leader": "timeout", **{k: ("reply", k) for k in range(3)}}


def run_python(code, *arguments, send=None, when=None, timeout=20):
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if send is not None:
            assert child.stdout.readline().strip() == "ready"
            time.sleep(0.05)  # it blocks a moment after it says so; a signal that comes early is tested as well
            child.send_signal(send)
            sent = time.monotonic()
        out, err = child.communicate(timeout=timeout)
        return child.returncode, out, err, 0.0 if send is None else time.monotonic() - sent
    finally:
        child.kill()
        child.wait()


INTERRUPTED = """
import sys, time
from oobpickle.endpoints.pubsub import Publisher, Subscriber
from oobpickle.endpoints.pushpull import Puller, Pusher
from oobpickle.endpoints.request import Client, Server
kind, address = sys.argv[1:]
make, call = {
    "recv": (lambda: Puller(bind=address), lambda e: e.recv()),
    "latest": (lambda: Subscriber(bind=address, latest=True), lambda e: e.recv()),
    "send": (lambda: Pusher(bind=address), lambda e: e.send(1)),
    "wait": (lambda: Publisher(bind=address), lambda e: e.wait_for_subscribers()),
    "request": (lambda: Client(connect=address), lambda e: e.request(1)),
    "absent": (lambda: Pusher(connect=address), lambda e: (e.send(1), time.sleep(60))),
    "serve": (lambda: Server(bind=address), lambda e: e.serve(print)),
    "workers": (lambda: Server(bind=address, workers=3), lambda e: e.serve(print)),
}[kind]
with make() as endpoint:
    print("ready", flush=True)
    try:
        call(endpoint)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.parametrize("kind", ["recv", "latest", "send", "wait", "request", "serve", "workers"])
def test_an_interrupt_gets_out_at_once(kind, ipc):
    code, out, err, took = run_python(INTERRUPTED, kind, ipc, send=signal.SIGINT)
    assert (code, out.strip()) == (0, "interrupted"), err
    assert took < 2


def test_an_interrupt_in_a_block_lingers_a_second_at_the_most(ipc):
    code = INTERRUPTED.replace(
        "    try:\n        call(endpoint)\n    except KeyboardInterrupt:", "    call(endpoint)\n    if 0:"
    )
    code, out, err, took = run_python(code, "absent", ipc, send=signal.SIGINT)
    assert "KeyboardInterrupt" in err
    assert "up to 1 message undelivered" in err
    assert 1 <= took < 3


FORKED = """
import os, sys
from oobpickle.endpoints.pushpull import Puller, Pusher
from oobpickle.errors import Closed
with Puller(bind=sys.argv[1]) as pull, Pusher(connect=sys.argv[1]) as push:
    push.send(1)
    assert pull.recv(timeout=5) == 1
    pid = os.fork()
    if not pid:
        for call in (lambda: push.send(1), lambda: pull.recv(timeout=1)):
            try:
                call()
            except Closed as error:
                assert "parent" in str(error)
            else:
                os._exit(2)
        push.close()
        pull.close()
        assert push.stats.messages == 1
        with Puller(bind="inproc://mine") as mine, Pusher(connect="inproc://mine") as own:
            own.send(2)
            assert mine.recv(timeout=5) == 2
        del push, pull
        import gc
        gc.collect()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    push.send(3)
    assert pull.recv(timeout=5) == 3
print("well")
"""


def test_use_after_fork_raises_and_the_parent_goes_on(ipc):
    code, out, err, _ = run_python(FORKED, ipc)
    assert (code, out.strip()) == (0, "well"), err
    assert "oobpickle" not in err  # (pyzmq's own thread-less socket of the parent warns)


def test_a_process_that_closes_nothing_ends(ipc):
    code, _, err, _ = run_python(
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "from oobpickle.endpoints.pubsub import Publisher, Subscriber\n"
        "p = Publisher(bind=sys.argv[1]); s = Subscriber(connect=sys.argv[1], latest=True)\n"
        "p.wait_for_subscribers(); p.send('a', 1); print(s.recv())\n",
        ipc,
    )
    assert code == 0, err


def test_a_context_that_is_destroyed_closes(ipc):
    context = zmq.Context()
    pull = Puller(bind=ipc, context=context)
    context.destroy()
    with pytest.raises(Closed):
        pull.recv(timeout=1)
    pull.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del pull
        gc.collect()


def test_a_handler_may_close_over_an_endpoint_that_is_closed(inproc):
    other = Puller(bind="inproc://closed")
    other.close()
    with Server(bind=inproc) as server, Client(connect=inproc) as client:
        serving = threading.Thread(target=server.serve, args=(lambda x: other.recv() if x else x,))
        serving.start()
        with pytest.raises(RemoteError, match="Closed"):
            client.request(1, timeout=5)
        assert client.request(0, timeout=5) == 0
        server.close()
        serving.join(5)


@pytest.mark.parametrize("how", ["term", "destroy"])
@pytest.mark.parametrize("latest", [False, True])
def test_who_waits_when_the_context_ends_is_told_so(ipc, latest, how):
    context = zmq.Context()
    sub = Subscriber(bind=ipc, context=context, latest=latest)
    before = set(threading.enumerate()) - {thread for thread in threading.enumerate() if "latest" in thread.name}
    ended = []
    waiting = threading.Thread(target=lambda: ended.append(list(sub)), daemon=True)
    waiting.start()
    until(lambda: len(sub._waiters) == 1 + latest)
    ending = threading.Thread(target=getattr(context, how), daemon=True)
    ending.start()
    waiting.join(10)
    assert ended == [[]]
    with pytest.raises(Closed, match="context"):
        sub.recv()
    until(lambda: set(threading.enumerate()) - before <= {ending})  # the collector too, before the endpoint is closed
    sub.close()
    ending.join()
