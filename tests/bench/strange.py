"""Peers as they should not be, one fault each, on top of our own shared lane; measured by name as ``tests.bench.strange:...``.

The shared lane, since beside the kernel's work for the inline one an extra copy is a tenth, and the machine's drift as much.
"""

import os
import threading
import time
from concurrent.futures import Future
from functools import partial

import oobpickle
from oobpickle.bench.over_zmq import zmq_peer
from oobpickle.bench.peer import End, Peer

send, recv = partial(oobpickle.send, lane="shared"), partial(oobpickle.recv, lane="shared")


def damages(socket, obj):
    a = obj["frame"].copy()
    a[-1] += 1  # in the last page, where a checksum looks and a glance at the first would not
    send(socket, {**obj, "frame": a})


def repeats(socket, obj, sent=[]):  # noqa: B006 - it is its memory
    sent.append(obj)
    send(socket, sent[0])


def copies_before_it_sends(socket, obj):
    send(socket, {**obj, "frame": obj["frame"].copy()})


def copies_what_it_receives(socket):
    obj = recv(socket)
    return {**obj, "frame": obj["frame"].copy()}


def dies(socket):
    recv(socket)
    os._exit(3)


def goes_on_after_it_died(socket, obj):
    send(socket, obj)
    time.sleep(0.2)  # the next is sent to nobody


def cannot_read(socket):
    recv(socket)
    raise EOFError("no more")


def refuses(_route):
    raise RuntimeError("not today")


def does_not_join(_route, _address):
    raise RuntimeError("not there")


def near_alone(_route):
    return End(oobpickle.dumps, oobpickle.loads, int), None


def start_fails(_command):
    started = Future()
    threading.Timer(0.2, started.set_exception, [RuntimeError("no such machine")]).start()
    return started


PEERS = [
    zmq_peer("damages", damages, recv),
    zmq_peer("repeats", repeats, recv),
    zmq_peer("honest", send, recv, copies=(0, 0)),
    zmq_peer("copies before", copies_before_it_sends, recv, copies=(0, 0)),
    zmq_peer("copies after", send, copies_what_it_receives, copies=(0, 0)),
    zmq_peer("dies", send, dies),
    zmq_peer("dies early", goes_on_after_it_died, dies),
    zmq_peer("cannot read", send, cannot_read),
    Peer("refuses", refuses, lambda *_: End(oobpickle.dumps, oobpickle.loads, int)),
    Peer("does not join", near_alone, does_not_join),
    zmq_peer("is not there", send, recv, optional="no_such_module"),
    Peer("does not start", near_alone, near_alone, start=start_fails),
    Peer("starts nothing", near_alone, near_alone, start=lambda _: Future()),
]

(
    DAMAGES,
    REPEATS,
    HONEST,
    COPIES_BEFORE,
    COPIES_AFTER,
    DIES,
    DIES_EARLY,
    CANNOT_READ,
    REFUSES,
    DOES_NOT_JOIN,
    ABSENT,
    START_FAILS,
    STARTS_NOTHING,
) = (f"tests.bench.strange:{peer.name}" for peer in PEERS)
