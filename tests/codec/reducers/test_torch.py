"""torch tensors on the CPU: out-of-band, sharing memory; what torch must pickle itself is left to it."""

import io
import pickle

import numpy as np
import pytest

from oobpickle import PickleCodec, Pickler

torch = pytest.importorskip("torch", reason="torch is not installed")
CODEC = PickleCodec()
MB = 1 << 20


def round_trip(obj):
    stream, buffers = CODEC.encode(obj)
    return CODEC.decode(stream, list(map(bytearray, buffers)))


def dtypes():
    names = (
        "float64 float32 float16 bfloat16 complex64 complex128 uint8 int8 int16 int32 int64 bool uint16 uint32 uint64"
    )
    names += " float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz"
    return [getattr(torch, name) for name in names.split() if hasattr(torch, name)]


def bits(tensor):
    return (
        tensor.detach().contiguous().view(torch.uint8) if tensor.ndim else tensor.detach().reshape(1).view(torch.uint8)
    )


@pytest.mark.parametrize("dtype", dtypes(), ids=str)
def test_every_dtype(dtype):
    raw = torch.randint(0, 2, (MB,), dtype=torch.uint8)
    tensor = raw.view(dtype) if dtype != torch.bool else raw.bool()
    stream, buffers = CODEC.encode(tensor)
    assert len(stream) < 4096
    assert sum(view.nbytes for view in buffers) == MB
    got = CODEC.decode(stream, list(map(bytearray, buffers)))
    assert (type(got), got.dtype, got.shape) == (torch.Tensor, dtype, tensor.shape)
    assert torch.equal(bits(got), bits(tensor))


def test_memory_is_shared_on_both_sides():
    tensor = torch.arange(100_000, dtype=torch.float64)
    stream, [buffer] = CODEC.encode(tensor)
    assert np.shares_memory(np.frombuffer(buffer, "f8"), tensor.numpy())
    arrived = bytearray(buffer)
    got = CODEC.decode(stream, [arrived])
    got[0] = 42
    assert np.frombuffer(arrived, "f8")[0] == 42


@pytest.mark.parametrize(
    "make",
    [
        lambda t: t[::2],
        lambda t: t.reshape(100, 50).T,
        lambda t: t.reshape(100, 50)[:, 3:9],
        lambda t: t[:1].expand(30),
        lambda t: t[0],
        lambda t: t[:0],
        lambda t: torch.complex(t, t).conj(),
        lambda t: torch.complex(t, t).conj().imag,
        lambda t: t.reshape(10, 500).to(torch.bfloat16)[:, ::3],
    ],
    ids=["strided", "transposed", "part", "expanded", "no axis", "empty", "conjugated", "negated", "bfloat16, strided"],
)
def test_layouts(make):
    tensor = make(torch.arange(5000, dtype=torch.float64))
    got = round_trip(tensor)
    assert (got.dtype, got.shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(got, tensor)


def test_a_part_of_a_large_storage_sends_only_itself():
    tensor = torch.zeros(50 * MB, dtype=torch.uint8)[1000:2000]
    stream, buffers = CODEC.encode(tensor)
    assert len(stream) + sum(view.nbytes for view in buffers) < 2000


def test_requires_grad():
    for tensor in (torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True) * 2):
        got = round_trip(tensor)
        assert got.requires_grad
        assert torch.equal(got, tensor)
    assert not round_trip(torch.ones(3)).requires_grad


def test_attributes_are_kept():
    tensor = torch.ones(3)
    tensor.note = "kept"
    assert round_trip(tensor).note == "kept"
    assert pickle.loads(pickle.dumps(tensor)).note == "kept"  # as with torch alone


def test_one_tensor_met_twice():
    tensor = torch.ones(3)
    first, second = round_trip([tensor, tensor])
    assert first is second


def test_parameters_and_modules():
    model = torch.nn.Sequential(torch.nn.Linear(500, 300), torch.nn.ReLU(), torch.nn.Linear(300, 10))
    for obj in (model.state_dict(), model):
        stream, buffers = CODEC.encode(obj)
        assert len(stream) < 8192
        assert sum(view.nbytes for view in buffers) > 0.9 * 4 * 153_310
        got = CODEC.decode(stream, list(map(bytearray, buffers)))
        state, expected = (o if isinstance(o, dict) else o.state_dict() for o in (got, obj))
        assert list(state) == list(expected)
        assert all(torch.equal(state[name], expected[name]) for name in expected)
    parameter = round_trip(torch.nn.Parameter(torch.ones(3)))
    assert type(parameter) is torch.nn.Parameter
    assert parameter.requires_grad


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.ones(3).to_sparse(),
        lambda: torch.ones(3, 3).to_sparse_csr(),
        lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        lambda: torch.empty(3, device="meta"),
    ],
    ids=["sparse", "csr", "quantized", "meta"],
)
@pytest.mark.filterwarnings("ignore")
def test_what_torch_must_pickle_is_left_to_it(make):
    tensor = make()
    got = round_trip(tensor)
    assert (got.layout, got.dtype, got.device, got.shape) == (tensor.layout, tensor.dtype, tensor.device, tensor.shape)


def test_dtypes_devices_and_sizes():
    for obj in (torch.float32, torch.bfloat16, torch.device("cpu"), torch.Size([1, 2])):
        assert round_trip(obj) == obj


def test_read_only_memory_is_copied():
    """torch does not know read-only memory, and would write to it."""
    stream, buffers = CODEC.encode(torch.arange(50_000))
    frozen = bytes(buffers[0])
    got = CODEC.decode(stream, [frozen])
    got[0] = 42
    assert np.frombuffer(frozen, "i8")[0] == 0


def test_drop_in_pickler():
    file, buffers = io.BytesIO(), []
    Pickler(file, 5, buffer_callback=buffers.append).dump({"t": torch.arange(50_000)})
    assert len(file.getvalue()) < 1000
    assert torch.equal(pickle.loads(file.getvalue(), buffers=buffers)["t"], torch.arange(50_000))


@pytest.mark.parametrize("name", ["rebuild_tensor"])
def test_names_stand(name):
    from oobpickle.codec.reducers import torch as reducers

    assert getattr(reducers, name).__module__ == "oobpickle.codec.reducers.torch"


def test_a_dtype_that_is_none():
    from oobpickle.codec.reducers.torch import rebuild_tensor

    for wrong in ("nn", "load", "no_such_thing", "__name__"):
        with pytest.raises(ValueError):
            rebuild_tensor(np.ones(3), wrong, False)
