"""CPython's own pickle tests (Lib/test/pickletester.py), run on our Pickler, Unpickler and PickleCodec.

As in CPython's Lib/test/test_pickle.py, each abstract suite gets the functions and classes under test. They run without a
buffer callback, where ours must be pickle's, and with one, where everything large leaves the stream.
What an interpreter's suite does not have is not run on it; what cannot hold for us is named in `deselected`, with the reason.
"""

import collections
import io
import pickle
import struct
import sys
import unittest
import unittest.mock
import weakref

import pytest

from oobpickle import DecodeError, EncodeError, PickleCodec, Pickler, Unpickler

pickletester = pytest.importorskip("test.pickletester", reason="this interpreter ships no test package")
support = pytest.importorskip("test.support")

pytestmark = pytest.mark.filterwarnings("default")  # CPython's tests are not written for warnings as errors


@pytest.fixture(autouse=True)
def _without_torch(monkeypatch):
    """Hide torch.classes: pickle asks every module for a name that it looks for, and that one raises RuntimeError."""
    for name in [name for name in sys.modules if name.startswith("torch.")]:
        monkeypatch.delitem(sys.modules, name)


def deselected(**reasons):
    """Skip tests by name, each with its reason."""

    def decorate(cls):
        for name, reason in reasons.items():
            if hasattr(cls, name):  # not every interpreter's suite has every test
                setattr(cls, name, unittest.skip(reason)(getattr(cls, name)))
        return cls

    return decorate


def suite(name):
    """An abstract suite by name; one without tests where this interpreter has none."""
    return getattr(pickletester, name, type(name, (), {}))


# The functions that CPython's tests call, over our classes.


def dump(obj, file, protocol=None, *, fix_imports=True, buffer_callback=None):
    Pickler(file, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback).dump(obj)


def dumps(obj, protocol=None, *, fix_imports=True, buffer_callback=None):
    file = io.BytesIO()
    dump(obj, file, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback)
    return file.getvalue()


def load(file, **keywords):
    return Unpickler(file, **keywords).load()


def loads(data, /, **keywords):
    return load(io.BytesIO(data), **keywords)


class InBand:
    """Our pair as pickle's."""

    pickler = Pickler
    unpickler = Unpickler
    bad_stack_errors = (pickle.UnpicklingError,)
    truncated_errors = (pickle.UnpicklingError,)
    truncated_data_error = (EOFError, "")

    def dumps(self, obj, protocol=None, **keywords):
        file = io.BytesIO()
        self.pickler(file, protocol, **keywords).dump(obj)
        return file.getvalue()

    def loads(self, data, **keywords):
        return self.unpickler(io.BytesIO(data), **keywords).load()


class Remembered:
    """Which buffers belong to a stream."""

    def __init__(self):
        self.by_stream = {}

    def keep(self, stream, buffers):
        self.by_stream[stream] = self.last = buffers

    def of(self, stream):
        """Those that were kept with it; with a stream that a test has edited since, the last ones; None before any."""
        return self.by_stream.get(bytes(stream), self.last) if self.by_stream else None


class OutOfBand(InBand):
    """With a buffer callback wherever the protocol allows one."""

    def setUp(self):
        self.buffers = Remembered()
        super().setUp()

    def dumps(self, obj, protocol=None, **keywords):
        if protocol != 5 or "buffer_callback" in keywords:
            return super().dumps(obj, protocol, **keywords)
        buffers = []
        stream = super().dumps(obj, protocol, buffer_callback=buffers.append, **keywords)
        self.buffers.keep(stream, buffers)
        return stream

    def loads(self, data, **keywords):
        return super().loads(data, **{"buffers": self.buffers.of(data), **keywords})


class ThroughCodec:
    """PickleCodec, in the tests of protocol 5."""

    def setUp(self):
        self.codec = PickleCodec()
        self.buffers = Remembered()
        self.enterContext(unittest.mock.patch.object(pickletester, "protocols", (5,)))
        super().setUp()

    def dumps(self, obj, protocol=None, **keywords):
        if keywords or protocol not in (None, 5):
            return pickle.dumps(obj, protocol, **keywords)
        try:
            stream, buffers = self.codec.encode(obj)
        except EncodeError as error:
            raise error.__cause__ from None  # what pickle itself raised, which is what the tests ask about
        self.buffers.keep(stream, buffers)
        return stream

    def loads(self, data, **keywords):
        if keywords or bytes(data) not in self.buffers.by_stream:  # of another pickler, or edited by the test
            return pickle.loads(data, **{"buffers": self.buffers.of(data), **keywords})
        try:
            return self.codec.decode(data, self.buffers.of(data))
        except DecodeError as error:
            raise error.__cause__ from None


ASKS_FOR_IN_BAND = "asserts that buffers are in the stream when no callback is given; here one always is"
ASKS_FOR_COPIES = (
    "asserts (3.13) that what was loaded is a copy; out-of-band it is the object itself, which is the point"
)
ASKS_FOR_FRAMES = "asserts where pickle puts frames around large values in the stream; ours are not in it"


class TestModuleFunctions(suite("AbstractPickleModuleTests"), unittest.TestCase):
    dump = staticmethod(dump)
    dumps = staticmethod(dumps)
    load = staticmethod(load)
    loads = staticmethod(loads)
    Pickler = Pickler
    Unpickler = Unpickler


class TestInMemory(
    suite("AbstractPickleTests"), suite("AbstractUnpickleTests"), suite("BigmemPickleTests"), unittest.TestCase
):
    bad_stack_errors = (pickle.UnpicklingError, IndexError)
    truncated_errors = InBand.truncated_errors
    dumps = staticmethod(dumps)
    loads = staticmethod(loads)

    # As in CPython: these need the classes, which TestPickler gives.
    test_framed_write_sizes_with_delayed_writer = None
    test_find_class = None
    test_custom_find_class = None


class TestUnpickler(InBand, suite("AbstractUnpickleTests"), unittest.TestCase):
    pass


class TestPicklingErrors(InBand, suite("AbstractPicklingErrorTests"), unittest.TestCase):
    pass


class TestPicklingErrorsOutOfBand(OutOfBand, suite("AbstractPicklingErrorTests"), unittest.TestCase):
    pass


class TestPickler(InBand, suite("AbstractPickleTests"), unittest.TestCase):
    pass


@deselected(
    test_buffers_numpy=ASKS_FOR_IN_BAND,
    test_bytearray_memoization=ASKS_FOR_COPIES,
    test_framing_large_objects=ASKS_FOR_FRAMES,
    test_in_band_buffers=ASKS_FOR_IN_BAND,
)
class TestPicklerOutOfBand(OutOfBand, suite("AbstractPickleTests"), unittest.TestCase):
    pass


class TestOurPicklerPythonUnpickler(InBand, suite("AbstractPickleTests"), unittest.TestCase):
    unpickler = pickle._Unpickler


@deselected(
    test_buffers_numpy=ASKS_FOR_IN_BAND,
    test_bytearray_memoization=ASKS_FOR_COPIES,
    test_framing_large_objects=ASKS_FOR_FRAMES,
    test_in_band_buffers=ASKS_FOR_IN_BAND,
)
class TestOurPicklerPythonUnpicklerOutOfBand(OutOfBand, suite("AbstractPickleTests"), unittest.TestCase):
    unpickler = pickle._Unpickler


class TestPythonPicklerOurUnpickler(InBand, suite("AbstractPickleTests"), unittest.TestCase):
    pickler = pickle._Pickler


@deselected(
    test_buffers_numpy=ASKS_FOR_IN_BAND,
    test_framing_large_objects=ASKS_FOR_FRAMES,
    test_framing_many_objects=ASKS_FOR_FRAMES,
    test_in_band_buffers=ASKS_FOR_IN_BAND,
)
class TestCodec(ThroughCodec, suite("AbstractPickleTests"), unittest.TestCase):
    pickler = Pickler
    unpickler = Unpickler


class WithPersistentIds:
    """As PersistentPicklerUnpicklerMixin in CPython's test_pickle.py."""

    pickler = Pickler
    unpickler = Unpickler
    persistent_load_error = pickle.UnpicklingError
    callback = False

    def dumps(self, obj, protocol=None):
        class PersistentPickler(self.pickler):
            def persistent_id(subself, obj):
                return self.persistent_id(obj)

        file = io.BytesIO()
        self.buffers = []
        keywords = {"buffer_callback": self.buffers.append} if self.callback and protocol == 5 else {}
        PersistentPickler(file, protocol, **keywords).dump(obj)
        return file.getvalue()

    def loads(self, data, **keywords):
        class PersistentUnpickler(self.unpickler):
            def persistent_load(subself, pid):
                return self.persistent_load(pid)

        return PersistentUnpickler(io.BytesIO(data), buffers=self.buffers, **keywords).load()


class TestPersistentIds(WithPersistentIds, suite("AbstractPersistentPicklerTests"), unittest.TestCase):
    pass


class TestPersistentIdsOutOfBand(WithPersistentIds, suite("AbstractPersistentPicklerTests"), unittest.TestCase):
    callback = True


class TestIdentityPersistentIds(WithPersistentIds, suite("AbstractIdentityPersistentPicklerTests"), unittest.TestCase):
    pass


class TestIdentityPersistentIdsOutOfBand(
    WithPersistentIds, suite("AbstractIdentityPersistentPicklerTests"), unittest.TestCase
):
    callback = True


class TestObjects(suite("AbstractPicklerUnpicklerObjectTests"), unittest.TestCase):
    pickler_class = Pickler
    unpickler_class = Unpickler

    def test_issue18339(self):
        unpickler = self.unpickler_class(io.BytesIO())
        with self.assertRaises(TypeError):
            unpickler.memo = object
        with self.assertRaises(ValueError):
            unpickler.memo = {-1: None}
        unpickler.memo = {1: None}


class TestDispatchTable(suite("AbstractDispatchTableTests"), unittest.TestCase):
    pickler_class = Pickler

    def get_dispatch_table(self):
        return pickle.dispatch_table.copy()


class TestChainedDispatchTable(suite("AbstractDispatchTableTests"), unittest.TestCase):
    pickler_class = Pickler

    def get_dispatch_table(self):
        return collections.ChainMap({}, pickle.dispatch_table)


class TestHooks(suite("AbstractHookTests"), unittest.TestCase):
    class pickler_class(suite("AbstractCustomPicklerClass"), Pickler):
        pass
