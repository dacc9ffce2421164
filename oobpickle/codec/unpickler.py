"""`Unpickler`: pickle's own, beside `Pickler` so that the pair can replace pickle's in one import."""

import pickle


class Unpickler(pickle.Unpickler):
    """A `pickle.Unpickler`. Give it ``buffers=``, an iterable of the buffers that the `Pickler` handed out, in order.

    It runs whatever code the stream asks for, as pickle's does: only for streams of peers that you trust.
    Arrays are views of the buffers: writable where the buffer is and the original was; they keep the buffer alive.
    """
