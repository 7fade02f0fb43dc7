"""Runs compiled models through their C interface (runtime/include/tenon/tenon.h) with ctypes and NumPy."""
import ctypes
import json
import math
import threading

import numpy as np

ABI_VERSION = 1
ENTRY_SYMBOL = "tenon_model_entry"
DYNAMIC = -(2**63)
CPU = 1


class TenonError(RuntimeError):
    """A call of the model's C interface failed; `status` is the tenon_status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class _DataType(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class _Tensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("dtype", _DataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class _TensorInfo(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("dtype", _DataType),
        ("ndim", ctypes.c_int32),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("dims", ctypes.POINTER(ctypes.c_char_p)),
    ]


class _SymbolInfo(ctypes.Structure):
    _fields_ = [("symbol", ctypes.c_char_p), ("min", ctypes.c_int64), ("max", ctypes.c_int64)]


class _ModelInfo(ctypes.Structure):
    _fields_ = (
        [("struct_size", ctypes.c_size_t)]
        + [(n, ctypes.c_char_p) for n in ("name", "tenon_version", "torch_version", "target", "cpu", "features", "precision", "numerics")]
        + [(n, ctypes.c_int32) for n in ("num_inputs", "num_outputs", "num_symbols")]
        + [("inputs", ctypes.POINTER(_TensorInfo)), ("outputs", ctypes.POINTER(_TensorInfo)), ("symbols", ctypes.POINTER(_SymbolInfo))]
        + [("in_spec", ctypes.c_char_p), ("out_spec", ctypes.c_char_p)]
        + [("weights_bytes", ctypes.c_uint64), ("state_bytes", ctypes.c_uint64)]
        + [("num_kernels", ctypes.c_int32), ("num_library_calls", ctypes.c_int32), ("num_mutated_inputs", ctypes.c_int32)]
        + [("mutated_inputs", ctypes.POINTER(ctypes.c_int32))]
    )


class _LoadOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("num_threads", ctypes.c_int32),
        ("parallel_for", ctypes.c_void_p),
        ("parallel_for_pool", ctypes.c_void_p),
        ("weights_path", ctypes.c_char_p),
    ]


class _Stats(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("arena_bytes", ctypes.c_uint64),
        ("constant_bytes", ctypes.c_uint64),
        ("load_ms", ctypes.c_double),
    ]


_Handle = ctypes.c_void_p
_Tensors = ctypes.POINTER(_Tensor)
_Allocate = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, ctypes.POINTER(ctypes.c_int64), ctypes.c_size_t)


class _Api(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("abi_version", ctypes.c_uint32),
        ("model_info", ctypes.CFUNCTYPE(ctypes.POINTER(_ModelInfo))),
        ("model_load", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_LoadOptions), ctypes.POINTER(_Handle))),
        ("model_release", ctypes.CFUNCTYPE(None, _Handle)),
        ("model_output_shapes", ctypes.CFUNCTYPE(ctypes.c_int, _Handle, _Tensors, ctypes.c_int32, ctypes.POINTER(ctypes.POINTER(ctypes.c_int64)), ctypes.c_int32)),
        ("model_run", ctypes.CFUNCTYPE(ctypes.c_int, _Handle, _Tensors, ctypes.c_int32, _Tensors, ctypes.c_int32)),
        ("model_reset_state", ctypes.CFUNCTYPE(ctypes.c_int, _Handle)),
        ("model_stats", ctypes.CFUNCTYPE(ctypes.c_int, _Handle, ctypes.POINTER(_Stats))),
        ("last_error", ctypes.CFUNCTYPE(ctypes.c_char_p)),
        ("model_seed", ctypes.CFUNCTYPE(ctypes.c_int, _Handle, ctypes.c_uint64)),
        ("model_run_allocating", ctypes.CFUNCTYPE(ctypes.c_int, _Handle, _Tensors, ctypes.c_int32, _Tensors, ctypes.c_int32, _Allocate, ctypes.c_void_p)),
    ]


# (DLPack code, bits) -> the name both NumPy and torch know; NumPy has no bfloat16, its values travel as uint16.
_DTYPES = {
    (0, 8): "int8", (0, 16): "int16", (0, 32): "int32", (0, 64): "int64",
    (1, 8): "uint8", (1, 16): "uint16", (1, 32): "uint32", (1, 64): "uint64",
    (2, 16): "float16", (2, 32): "float32", (2, 64): "float64", (4, 16): "bfloat16",
    (5, 64): "complex64", (5, 128): "complex128", (6, 8): "bool",
}
_CODES = {name: code for code, name in _DTYPES.items()}


def _numpy_dtype(name):
    return np.dtype(np.uint16 if name == "bfloat16" else name)


def _empty(info, shape):
    """An array for the output that `info` describes."""
    return np.empty([shape[d] for d in range(info.ndim)], _numpy_dtype(_DTYPES[info.dtype.code, info.dtype.bits]))


def _is_torch(value):
    return type(value).__module__.split(".")[0] == "torch" and hasattr(value, "untyped_storage")


class _Argument:
    """A tensor of the caller as a DLTensor; keeps what it points to alive."""

    def __init__(self, value):
        self.given = value
        if _is_torch(value):
            value = value.detach().resolve_conj().resolve_neg().contiguous()  # x.conj() may be a mark on x's memory only
            self.dtype_name = str(value.dtype).removeprefix("torch.")
            self.owner, pointer, shape = value, value.data_ptr(), tuple(value.shape)
        else:
            value = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
            self.dtype_name = value.dtype.name
            self.owner, pointer, shape = value, value.ctypes.data, value.shape
        if self.dtype_name not in _CODES:
            raise TenonError(1, f"an input has dtype {self.dtype_name}, which no model takes; convert it first")
        self.shape = (ctypes.c_int64 * max(len(shape), 1))(*shape)
        self.tensor = _Tensor(pointer, CPU, 0, len(shape), _DataType(*_CODES[self.dtype_name], 1), self.shape, None, 0)

    def check_writable(self, position):
        """Refuses what the model cannot write to."""
        if not _is_torch(self.given) and not (isinstance(self.given, np.ndarray) and self.given.flags.writeable):
            raise TenonError(1, f"the model writes to input {position}, which is no writable array; give a copy of it")

    def write_back(self):
        """Gives the caller's tensor what the model wrote, where it ran on a copy."""
        if _is_torch(self.given):
            if self.owner.data_ptr() != self.given.data_ptr():
                self.given.detach().copy_(self.owner)
        elif self.owner.ctypes.data != self.given.ctypes.data:
            self.given[...] = self.owner


def _keys(spec):
    """The keys of a mapping's spec, in the order of its children; None for other containers."""
    context = json.loads(spec["context"]) if spec["context"] else None
    if isinstance(context, dict):
        context = context.get("dict_context")
    return context if isinstance(context, list) and len(context) == len(spec["children"]) else None


def _leaves(spec, value, where):
    """The tensors of `value`, nested as `spec` says, in the model's order; constants of the export do not count."""
    if "tensor" in spec:
        return [np.int64(value) if isinstance(value, int) else value]
    if "value" in spec:
        # Of constants that JSON has no value for (a dtype, a device) nothing is known: they are taken as they are.
        expected = spec["value"]
        is_array = _is_torch(value) or isinstance(value, np.ndarray)
        is_known = expected is not None or isinstance(value, (bool, int, float, str, np.generic))
        if is_array or (is_known and value != expected):
            raise TenonError(1, f"{where} is {value!r}, but the model was exported with {expected!r}; export it again for other values")
        return []
    keys, children = _keys(spec), spec["children"]
    if keys is not None:
        if not hasattr(value, "keys") or set(value.keys()) != set(keys):
            raise TenonError(1, f"{where} must have exactly the keys {', '.join(map(repr, keys)) or '(none)'}; pass them as at export")
        items = [value[key] for key in keys]
    else:
        keys = range(len(children))
        if not isinstance(value, (list, tuple)) or len(value) != len(children):
            raise TenonError(1, f"{where} must have {len(children)} items; pass them as at export")
        items = value
    return [leaf for child, item, key in zip(children, items, keys) for leaf in _leaves(child, item, f"{where}[{key!r}]")]


def _unflatten(spec, tensors):
    """Rebuilds the exported nesting of outputs; classes that Python knows nothing of become dicts."""
    if "tensor" in spec:
        return tensors[spec["tensor"]]
    if "value" in spec:
        return spec["value"]
    items = [_unflatten(child, tensors) for child in spec["children"]]
    if spec["type"] == "builtins.list":
        return items
    keys = _keys(spec)
    return tuple(items) if keys is None or spec["type"] == "builtins.tuple" else dict(zip(keys, items))


class Model:
    """A loaded model. Calls may come from several threads. `num_threads`: of one run; 0 takes all cores."""

    def __init__(self, path, num_threads=0):
        try:
            self._library = ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL)
        except OSError as error:
            raise TenonError(4, f"'{path}' cannot be loaded ({error}); is it a model made by 'tenon compile'?") from None
        try:
            entry = getattr(self._library, ENTRY_SYMBOL)
        except AttributeError:
            raise TenonError(4, f"'{path}' is no compiled model; make one with 'tenon compile'") from None
        entry.restype, entry.argtypes = ctypes.POINTER(_Api), [ctypes.c_uint32]
        api = entry(ABI_VERSION)
        if not api:
            raise TenonError(4, f"'{path}' has another interface version than {ABI_VERSION}; compile it again")
        self._api = api.contents
        self._info = self._api.model_info().contents
        self._handle = _Handle()
        options = _LoadOptions(ctypes.sizeof(_LoadOptions), num_threads, None, None, None)
        self._check(self._api.model_load(ctypes.byref(options), ctypes.byref(self._handle)))
        self._release_lock = threading.Lock()

    def _check(self, status):
        if status:
            raise TenonError(status, self._api.last_error().decode())

    def _describe(self, infos, count):
        result = []
        for info in infos[:count]:
            shape = tuple(None if info.shape[d] == DYNAMIC else info.shape[d] for d in range(info.ndim))
            result.append({"name": info.name.decode(), "dtype": _DTYPES[info.dtype.code, info.dtype.bits], "shape": shape})
        return result

    @property
    def inputs(self):
        """name, dtype and shape (None where a size varies) of each input tensor."""
        return self._describe(self._info.inputs, self._info.num_inputs)

    @property
    def outputs(self):
        """name, dtype and shape (None where a size varies) of each output tensor."""
        return self._describe(self._info.outputs, self._info.num_outputs)

    def run_flat(self, tensors):
        """Runs on a flat list of input tensors; returns the flat list of output arrays (bfloat16 as uint16)."""
        if not self._handle:
            raise TenonError(1, "the model is closed; load it again")
        arguments = [_Argument(t) for t in tensors]
        mutated = [i for i in self._info.mutated_inputs[: self._info.num_mutated_inputs] if i < len(arguments)]
        for i in mutated:
            arguments[i].check_writable(i)
        inputs = (_Tensor * max(len(arguments), 1))(*(a.tensor for a in arguments))
        count = self._info.num_outputs
        infos = self._info.outputs[:count]
        shapes = [(ctypes.c_int64 * max(info.ndim, 1))() for info in infos]
        table = (ctypes.POINTER(ctypes.c_int64) * max(count, 1))(*shapes)
        self._check(self._api.model_output_shapes(self._handle, inputs, len(arguments), table, count))
        arrays, outputs = [], (_Tensor * max(count, 1))()
        for i, info in enumerate(infos):
            is_late = DYNAMIC in shapes[i][: info.ndim]
            arrays.append(_empty(info, [0] * info.ndim if is_late else shapes[i]))
            outputs[i] = _Tensor(arrays[i].ctypes.data, CPU, 0, info.ndim, info.dtype, shapes[i], None, 0)
        self._run(inputs, len(arguments), outputs, arrays)
        for i, info in enumerate(infos):
            shape = tuple(shapes[i][d] for d in range(info.ndim))
            if shape != arrays[i].shape:  # a size that depends on values
                arrays[i] = arrays[i].reshape(-1)[: math.prod(shape)].reshape(shape)
        for i in mutated:
            arguments[i].write_back()
        return arrays

    def _run(self, inputs, num_inputs, outputs, arrays):
        """Runs; outputs whose sizes only the run knows replace those of `arrays`."""
        if self._api.struct_size <= _Api.model_run_allocating.offset:  # compiled before there were such outputs
            return self._check(self._api.model_run(self._handle, inputs, num_inputs, outputs, len(arrays)))

        def allocate(_, output, shape, __):
            try:
                arrays[output] = _empty(self._info.outputs[output], shape)
            except MemoryError:
                return None
            return arrays[output].ctypes.data

        callback = _Allocate(allocate)
        self._check(self._api.model_run_allocating(self._handle, inputs, num_inputs, outputs, len(arrays), callback, None))

    def __call__(self, *args, **kwargs):
        """Runs on arguments nested as at export. Returns torch tensors where the first input is one, else NumPy arrays."""
        tensors = self._flatten(args, kwargs)
        arrays = self.run_flat(tensors)
        if tensors and _is_torch(tensors[0]):
            import torch

            for i, info in enumerate(self.outputs):
                tensor = torch.from_numpy(arrays[i])
                arrays[i] = tensor.view(torch.bfloat16) if info["dtype"] == "bfloat16" else tensor
        if not self._info.out_spec:
            return arrays[0] if len(arrays) == 1 else tuple(arrays)
        return _unflatten(json.loads(self._info.out_spec), arrays)

    def _flatten(self, args, kwargs):
        if not self._info.in_spec:
            return [*args, *kwargs.values()]
        positional, named = json.loads(self._info.in_spec)["children"]
        return _leaves(positional, args, "args") + _leaves(named, kwargs, "kwargs")

    def reset_state(self):
        """Puts every mutated buffer back to its exported value."""
        self._check(self._api.model_reset_state(self._handle))

    def seed(self, seed):
        """Seeds the model's random numbers: they are those of eager PyTorch on the CPU after torch.manual_seed(seed)."""
        if self._api.struct_size <= _Api.model_seed.offset:
            raise TenonError(4, "the model was compiled before models had seeds; compile it again")
        self._check(self._api.model_seed(self._handle, seed))

    def stats(self):
        """arena_bytes, constant_bytes, load_ms."""
        stats = _Stats(ctypes.sizeof(_Stats))
        self._check(self._api.model_stats(self._handle, ctypes.byref(stats)))
        return {"arena_bytes": stats.arena_bytes, "constant_bytes": stats.constant_bytes, "load_ms": stats.load_ms}

    def close(self):
        """Releases the model; further calls are errors."""
        with self._release_lock:
            if self._handle:
                self._api.model_release(self._handle)
                self._handle = _Handle()

    def __del__(self):
        if getattr(self, "_release_lock", None):
            self.close()


def load(path, num_threads=0):
    """Loads the compiled model at `path` (a .so). Raises TenonError with the reason."""
    return Model(path, num_threads)
