"""A GPU that computes nothing: shapes, types and devices as on a real one, and what it would cost.

Tensors of the device "gpu" hold no numbers (they are torch's "meta" tensors under the name of its
spare device type), those of the CPU are real. Counted are operations that launch at least one
kernel, and moments at which the CPU would wait for the GPU.
"""

from collections import Counter

import pytest
import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE, HERE = "gpu", "gpu:0"
HALVES = [torch.bfloat16, torch.float16]
# Operations whose result has a size that only the GPU knows; torch.bincount looks for its largest.
SIZED_BY_CONTENT = {"nonzero", "masked_select", "_unique2", "unique_dim", "bincount", "equal"}
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}
# What autocast of CUDA does, from torch's aten/src/ATen/autocast_mode.h.
HALVED = "conv1d.default conv2d.default addmm.default matmul.default mm.default mv.default "
HALVED += "einsum.default linear.default baddbmm.default bmm.default addmv.default "
HALVED += "scaled_dot_product_attention.default"
WHOLE = "softmax.int log_softmax.int layer_norm.default native_layer_norm.default "
WHOLE += "cross_entropy_loss.default nll_loss.default mse_loss.default sum.default "
WHOLE += "sum.dim_IntList linalg_vector_norm.default exp.default log.default rsqrt.default "
WHOLE += "pow.Tensor_Scalar logsumexp.default cumsum.default prod.default cosine_similarity.default"
WIDEST = "cat.default stack.default index_put.default scatter_add.default dot.default"


class OnGpu(torch.Tensor):
    """A tensor there; its shape and type are those of a meta tensor."""

    @staticmethod
    def __new__(cls, meta):
        layout = meta.shape, meta.stride(), meta.storage_offset()
        with torch.inference_mode(False):  # a view of one that is none would be refused
            made = torch.Tensor._make_wrapper_subclass(cls, *layout, dtype=meta.dtype, device=HERE)
        made.meta = meta
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} outside of the mode that pretends the GPU")


class PretendGpu(TorchDispatchMode):
    """While it is entered, the device "gpu" exists.

    Attributes:
        launches: operations on the GPU so far, by name.
        waits: what the CPU waited for, in order.
    """

    def __init__(self):
        super().__init__()
        self.depth = 0
        self.clear()

    def clear(self):
        self.launches, self.waits = Counter(), []

    def __enter__(self):
        # torch.tensor(..., device=) makes a tensor of the CPU first, and then a copy that is seen.
        self.depth += 1
        torch._C._set_only_lift_cpu_tensors(True)
        return super().__enter__()

    def __exit__(self, *reason):
        super().__exit__(*reason)
        self.depth -= 1
        torch._C._set_only_lift_cpu_tensors(self.depth > 0)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, func.overloadpacket.__name__
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        there = [tensor for tensor in tensors if isinstance(tensor, OnGpu)]
        wanted = torch.device(kwargs["device"]).type if kwargs.get("device") else None
        if not there and wanted != DEVICE:
            return func(*args, **kwargs)
        if func._can_decompose():  # in inference mode operations come as they are called
            with self:
                return func.decompose(*args, **kwargs)
        if name == "_to_copy" and len(there) == (wanted == "cpu"):
            return self._copied(tensors[0], wanted, kwargs)
        if name in ("_local_scalar_dense", "is_nonzero"):
            self.waits.append("item")
            return torch.ones((), dtype=tensors[0].dtype).item()
        if name in SIZED_BY_CONTENT or (name in INDEXING and _has_mask(args[1])):
            raise AssertionError(f"{name} waits for the GPU to know a size")
        strange = [x for x in tensors if not isinstance(x, OnGpu) and x.ndim]
        assert not strange, f"{name} mixes devices"
        return self._run(func, name, there, args, kwargs)

    def _run(self, func, name, there, args, kwargs):
        if not func.is_view and not name.startswith("empty"):
            self.launches[name] += 1
        if name.startswith("_fused_") and name.endswith("_"):  # an optimiser's step, in place
            return None
        own = {id(tensor.meta): tensor for tensor in there}
        if kwargs.get("device"):
            kwargs = kwargs | {"device": "meta"}
        args, kwargs = tree_map(lambda x: x.meta if isinstance(x, OnGpu) else x, (args, kwargs))
        result = func(*args, **kwargs)

        def back(x):
            if not isinstance(x, torch.Tensor):
                return x
            return own[id(x)] if id(x) in own else OnGpu(x)

        return tree_map(back, result)

    def _copied(self, tensor, wanted, kwargs):
        """A copy between the devices; without non_blocking the CPU waits until it is done."""
        if not kwargs.get("non_blocking") or wanted == "cpu":
            self.waits.append(f"copy to the {'CPU' if wanted == 'cpu' else 'GPU'}")
        dtype = kwargs.get("dtype") or tensor.dtype
        if wanted == "cpu":
            return torch.ones(tensor.shape, dtype=dtype)
        return OnGpu(torch.empty_strided(tensor.shape, tensor.stride(), dtype=dtype, device="meta"))

    def take(self, network):
        """Put a network of the CPU there; `to` has nothing left to do."""
        known = {None: None}

        def there(tensor):
            if tensor is not None and id(tensor) not in known:
                moved = self._copied(tensor.detach(), DEVICE, {})
                if isinstance(tensor, torch.nn.Parameter):
                    moved = torch.nn.Parameter(moved, requires_grad=tensor.requires_grad)
                known[id(tensor)] = moved
            return known[tensor if tensor is None else id(tensor)]

        with self:
            for module in network.modules():
                for store in (module._parameters, module._buffers):
                    store |= {name: there(tensor) for name, tensor in store.items()}
                for name, value in vars(module).items():  # a method's own list of parameters
                    assert not isinstance(value, torch.Tensor), f"{name} moves with no device"
                    if isinstance(value, list) and value and isinstance(value[0], torch.Tensor):
                        value[:] = [there(tensor) for tensor in value]
        network.to = lambda *_, **__: network
        return network


def _has_mask(indices):
    return any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in indices)


@pytest.fixture(scope="session")
def pretend_gpu():
    """The one device "gpu" of this process."""
    if _Module is object:
        pytest.skip("this version of torch cannot register a device from Python")
    return PretendGpu()


# --- registration, once per process --------------------------------------------------------------

_LIBRARIES = []  # torch forgets what a library registered when it is collected


# What a device's module is made of; torch 2.9 has no such thing.
_Module = getattr(backend_registration, "_DummyBackendModule", object)


def _register():
    if _LIBRARIES:
        return
    module = type("_Gpu", (_Module,), {"get_amp_supported_dtype": lambda self: HALVES})()
    backend_registration._setup_privateuseone_for_python_backend(DEVICE, backend_module=module)
    everything = torch.library.Library("_", "IMPL")
    everything.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    ours = torch.library.Library("aten", "IMPL")
    _LIBRARIES.extend([everything, ours])
    for names, kind in ((HALVED, "halved"), (WHOLE, "whole"), (WIDEST, "widest")):
        for name in names.split():
            packet, overload = name.split(".")
            operation = getattr(getattr(torch.ops.aten, packet), overload)
            ours.impl(operation, _casting(operation, kind), "AutocastPrivateUse1")


def _casting(operation, kind):
    """The operation with its arguments in the type that autocast gives them."""

    def called(*args, **kwargs):
        kinds = [x.dtype for x in tree_leaves((args, kwargs)) if _is_number(x)]
        dtype = torch.get_autocast_dtype(DEVICE) if kind == "halved" else torch.float32
        change = kind != "widest" or torch.float32 in kinds
        off = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)
        with torch._C._ExcludeDispatchKeyGuard(off):
            if change:
                args, kwargs = tree_map(
                    lambda x: x.to(dtype) if _is_number(x) else x, (args, kwargs)
                )
            return operation(*args, **kwargs)

    return called


def _is_number(x):
    return isinstance(x, torch.Tensor) and x.dtype in (torch.float32, torch.bfloat16)


if _Module is not object:
    _register()  # while tests are collected: autograd counts devices at its first pass backward
