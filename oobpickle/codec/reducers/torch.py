"""torch tensors on the CPU, as the numpy array over their memory.

Torch's own pickling writes whole storages into the stream. Here a dense tensor (strided, on the CPU) is an array like any
other: out-of-band, and a view of a large storage sends only itself. Tensors that torch must pickle itself (other devices,
sparse, quantized, subclasses, those that carry attributes) are left to it by the pickle codec, and refused by the data codec.

The rebuilder serves both codecs: a dtype is one of a fixed table, and the array is checked to be of the one that stands for it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from oobpickle.codec.allowance import spend
from oobpickle.codec.reducers.arguments import expect
from oobpickle.codec.rules import Rule
from oobpickle.errors import EncodeError

_PLAIN = {
    name: (dtype, dtype)
    for name in (
        *("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "complex64", "complex128"),
    )
    if (dtype := getattr(torch, name, None))
}
_VIEWED = {
    name: (dtype, stand_in)
    for name, stand_in in (
        ("bfloat16", torch.int16),
        *((f"float8_{kind}", torch.int8) for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")),
    )
    if (dtype := getattr(torch, name, None))
}
_DTYPES: dict[str, tuple[Any, Any]] = {**_PLAIN, **_VIEWED}
"""Each dtype that travels, and the one that numpy knows it as: itself, or whole numbers of the same width."""

_NUMPY = {name: np.dtype(str(stand_in).removeprefix("torch.")) for name, (_, stand_in) in _DTYPES.items()}


def reduce_tensor(tensor: Any) -> Any:
    """Take a plain dense tensor as an array that shares its memory, the name of its dtype, and requires_grad."""
    name = str(tensor.dtype).removeprefix("torch.")
    dense = tensor.device.type == "cpu" and tensor.layout is torch.strided
    if not dense or name not in _DTYPES or tensor.__dict__:
        return NotImplemented
    plain = tensor.detach().resolve_conj().resolve_neg()
    if name in _VIEWED:
        plain = plain.view(_VIEWED[name][1])
    return rebuild_tensor, (plain.numpy(), name, tensor.requires_grad)


def _reduce_for_anyone(tensor: Any) -> Any:
    reduced = reduce_tensor(tensor)
    if reduced is NotImplemented:
        raise EncodeError(
            f"a tensor of {tensor.dtype} on {tensor.device}, {tensor.layout}, does not travel",
            advice="send a dense one on the CPU, without attributes of its own",
        )
    return reduced


def rebuild_tensor(values: Any, dtype: Any, requires_grad: Any) -> Any:
    """Rebuild a tensor on the array's memory; on a copy if that is read-only, which torch does not know."""
    expect(values, np.ndarray)
    expect(dtype, str)
    expect(requires_grad, bool)
    if dtype not in _DTYPES or values.dtype != _NUMPY[dtype]:
        raise ValueError(f"{values.dtype} does not stand for the dtype {dtype[:20]!r} of torch")
    target, stand_in = _DTYPES[dtype]
    if not values.flags.writeable:
        spend(values.nbytes)
        values = values.copy(order="K")
    tensor = torch.from_numpy(values)
    if target is not stand_in:
        tensor = tensor.view(target)
    if requires_grad and not (target.is_floating_point or target.is_complex):
        raise ValueError(f"gradients of {dtype}")
    return tensor.requires_grad_(requires_grad)


REDUCERS: dict[type, Callable[[Any], Any]] = {torch.Tensor: reduce_tensor}
DATA_REDUCERS: dict[type, Callable[[Any], Any]] = {torch.Tensor: _reduce_for_anyone}
RULES = {rebuild_tensor: Rule(work=10)}
