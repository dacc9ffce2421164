"""Hunting for crashes: garbage collection of cycles, threads, exceptions in the middle. A child has to reach its end.

CPython 3.11 and 3.12 crash when a memoryview in a cycle is cleared before what exports it; so nothing of ours may put one
there. (A PickleBuffer of a memoryview that the user himself made can still do that, without us.)
"""

import pytest

GARBAGE = """
import array, gc, io, pickle, random, sys
import numpy as np
import oobpickle
from oobpickle import PickleCodec, Pickler, Unpickler

gc.set_threshold(50, 2, 2)
way, rng, codec = sys.argv[1], random.Random(int(sys.argv[2])), PickleCodec()

class Node:
    pass

def thing():
    a = np.arange(rng.choice([0, 3, 100, 20_000]), dtype="f8")
    return rng.choice([
        lambda: a, lambda: a[::2], lambda: a.astype("i8").astype("M8[s]"), lambda: a.view(np.ndarray)[1:], lambda: [a, a[5:]],
        lambda: memoryview(a), lambda: memoryview(bytearray(rng.choice([10, 100_000]))), lambda: memoryview(memoryview(bytearray(90_000))),
        lambda: pickle.PickleBuffer(a), lambda: array.array("d", range(5000)), lambda: bytearray(70_000), lambda: b"x" * 70_000,
        lambda: np.ma.MaskedArray(a, a > 5), lambda: np.frombuffer(memoryview(bytearray(80_000)), "u1"),
    ])()

def work(node):
    things = node.things
    if way == "codec":
        node.stream, node.buffers = codec.encode(things)
        if rng.random() < 0.7:
            node.obj = codec.decode(node.stream, node.buffers)
    elif way == "pickler":
        file, node.buffers = io.BytesIO(), []
        node.pickler = Pickler(file, 5, buffer_callback=node.buffers.append)
        node.pickler.node = node
        node.pickler.dump(things)
        if rng.random() < 0.7:
            node.obj = Unpickler(io.BytesIO(file.getvalue()), buffers=node.buffers).load()
    elif way == "messages":
        node.frames = oobpickle.dumps(things, codec="pickle")
        node.obj = oobpickle.loads(node.frames, codec="pickle")
        node.again = oobpickle.dumps(node.obj, codec="pickle")
    else:
        things.append(node)
        node.lambda_ = lambda: node
        try:
            codec.encode(node)
        except oobpickle.EncodeError as error:
            node.error = error  # its traceback holds our frames, and so the buffers

for number in range(int(sys.argv[3])):
    node = Node()
    node.self, node.things = node, [thing() for _ in range(rng.randrange(1, 6))]
    work(node)
    node.things.append(node.things)
    for name in rng.sample(sorted(vars(node)), len(vars(node)) // 2):
        setattr(node, name + "_", getattr(node, name))
    del node
    if number % 7 == 0:
        gc.collect()
gc.collect()
assert not gc.garbage
print("alive")
"""


WAYS = ["codec", "pickler", "messages", "errors"]


@pytest.mark.parametrize("way", WAYS)
def test_cycles_of_buffers(python, way):
    assert python(GARBAGE, way, 1, 150).split() == ["alive"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("way", WAYS)
def test_very_many_cycles_of_buffers(python, way, seed):
    assert python(GARBAGE, way, seed, 1500).split() == ["alive"]


THREADS = """
import gc, random, sys, threading
import numpy as np, zmq
import oobpickle
from oobpickle import PickleCodec

sys.setswitchinterval(1e-5)
gc.set_threshold(100, 3, 3)
codec = PickleCodec()
context = zmq.Context()
failures = []

class Failing:
    def __reduce__(self):
        if random.random() < 0.5:
            raise RuntimeError("in the middle")
        return codec.decode, codec.encode([np.arange(5.0), b"z" * 70_000])

def work(seed):
    rng = random.Random(seed)
    left, right = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    left.bind(f"inproc://{seed}")
    right.connect(f"inproc://{seed}")
    try:
        for number in range(150):
            a = np.full(rng.choice([3, 5000, 20_000]), seed, "f8")
            obj = {"n": number, "a": a, "s": [a[:k] for k in range(10)], "b": bytearray([seed]) * 70_000, "loop": []}
            obj["loop"].append(obj)
            if rng.random() < 0.3:
                obj["bad"] = Failing()
            try:
                tracker = oobpickle.send(left, obj, codec=codec)
            except oobpickle.EncodeError:
                continue
            got = oobpickle.recv(right, codec=codec)
            assert got["n"] == number and (got["a"] == seed).all() and got["loop"][0] is got
            assert set(got["b"]) == {seed}
            got["loop"].clear()
            del got
            tracker.wait(30)
    except BaseException as error:
        failures.append(error)
    finally:
        left.close()
        right.close()

threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
context.term()
assert not failures, failures
print("alive")
"""


def test_threads_that_share_a_codec(python):
    assert python(THREADS).split() == ["alive"]


RESIZED_MEANWHILE = """
import random, sys
import numpy as np
from oobpickle import DecodeError, EncodeError, PickleCodec, Pickler
import io, pickle

codec = PickleCodec()
rng = random.Random(3)

class Changing:
    "Changes what is being pickled while it is being pickled, as only a very odd class does."
    def __init__(self, *targets):
        self.targets = targets
    def __reduce__(self):
        for target in self.targets:
            try:
                if isinstance(target, bytearray):
                    rng.choice([target.clear, lambda: target.extend(b"x" * 1000), lambda: target.pop()])()
                elif isinstance(target, list):
                    rng.choice([target.clear, lambda: target.append(1), target.reverse])()
                elif isinstance(target, dict):
                    rng.choice([target.clear, lambda: target.update(new=1)])()
                else:
                    target[...] = 7
            except (BufferError, IndexError):
                pass
        return str, ()

for number in range(400):
    blob, items, table, a = bytearray(rng.choice([100, 70_000])), [1, 2, 3], {"x": 1}, np.ones(rng.choice([10, 10_000]))
    order = [blob, a, items, table]
    rng.shuffle(order)
    order.insert(rng.randrange(5), Changing(blob, items, table, a))
    try:
        stream, buffers = codec.encode(order)
        codec.decode(stream, buffers)
    except (EncodeError, DecodeError):
        pass
    kept = []
    try:
        Pickler(io.BytesIO(), 5, buffer_callback=kept.append).dump(order)
    except RuntimeError:
        pass
print("alive")
"""


def test_objects_that_change_while_they_are_pickled(python):
    assert python(RESIZED_MEANWHILE).split() == ["alive"]


EXIT = """
import atexit, sys
import numpy as np, zmq
import oobpickle
context = zmq.Context()
left, right = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
left.bind("inproc://x"); right.connect("inproc://x")
a = np.ones(100_000)
tracker = oobpickle.send(left, [a, bytearray(100_000)], codec="pickle")
got = oobpickle.recv(right, codec="pickle")
frames = oobpickle.dumps(got, codec="pickle")
kept = oobpickle.loads(frames, codec="pickle")
left.close(linger=0); right.close()
if sys.argv[1] == "daemon":
    import threading
    threading.Thread(target=lambda: [oobpickle.dumps([a, a[5:]], codec="pickle") for _ in range(10**6)], daemon=True).start()
print("alive")
"""


@pytest.mark.parametrize("way", ["arrays alive", "daemon"])
def test_the_interpreter_ends(python, way):
    """With received arrays, frames and trackers alive, and with a thread in the middle of an encoding."""
    assert python(EXIT, way).split() == ["alive"]
