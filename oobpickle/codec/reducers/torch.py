"""torch tensors on the CPU, as the numpy array over their memory.

Torch's own pickling writes whole storages into the stream. Here a dense tensor (strided, on the CPU) is an array like any
other: out-of-band, and a view of a large storage sends only itself. Tensors that torch must pickle itself (other devices,
sparse, quantized, subclasses, those that carry attributes) are left to it.
"""

from typing import Any

import numpy as np
import torch

_AS_NUMPY = {
    torch.bfloat16: torch.int16,
    **{
        dtype: torch.int8
        for name in ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")
        if (dtype := getattr(torch, name, None))
    },
}
"""Dtypes that numpy has not, and what to view them as."""


def reduce_tensor(tensor: Any) -> Any:
    """Take a plain dense tensor as an array that shares its memory, the name of its dtype, and requires_grad."""
    if tensor.device.type != "cpu" or tensor.layout is not torch.strided or tensor.is_quantized or tensor.__dict__:
        return NotImplemented
    plain = tensor.detach().resolve_conj().resolve_neg()
    if (stand_in := _AS_NUMPY.get(plain.dtype)) is not None:
        plain = plain.view(stand_in)
    try:
        values = plain.numpy()
    except (TypeError, RuntimeError):  # a dtype that neither numpy nor we know
        return NotImplemented
    return rebuild_tensor, (values, str(tensor.dtype).removeprefix("torch."), tensor.requires_grad)


def rebuild_tensor(values: Any, dtype: str, requires_grad: bool) -> Any:
    """Rebuild a tensor on the array's memory; on a copy if that is read-only, which torch does not know."""
    tensor = torch.from_numpy(values if values.flags.writeable else np.copy(values))
    target = getattr(torch, dtype)
    if not isinstance(target, torch.dtype):
        raise TypeError(f"{dtype} is no torch dtype")
    if tensor.dtype is not target:
        tensor = tensor.view(target)
    return tensor.requires_grad_(requires_grad)


REDUCERS = {torch.Tensor: reduce_tensor}
