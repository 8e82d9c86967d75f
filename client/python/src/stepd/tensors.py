"""Tensors as the wire carries them: little-endian F32 or BF16, row-major, unpadded."""

from __future__ import annotations

import json
from typing import Any, Dict, Literal, Mapping, Sequence, Union

import numpy as np

#: All tensors: one array of one axis (packed back to back in declared order), or arrays by name. The answer has the
#: form of the request.
Tensors = Union[np.ndarray, Mapping[str, np.ndarray]]
Dtype = Literal["F32", "BF16"]
Shapes = Mapping[str, Sequence[int]]


def to_wire(what: str, tensors: Tensors, dtype: Dtype, shapes: Shapes) -> Any:
    """The bytes of the tensors; contiguous float32 as F32 is not copied."""
    if not isinstance(tensors, Mapping):
        return _bytes(what, tensors, dtype)
    for name, array in tensors.items():
        declared = tuple(shapes.get(name, np.shape(array)))
        if np.ndim(array) > 1 and np.shape(array) != declared:
            raise ValueError(f"Cannot send {what}[{name!r}]: its shape is {np.shape(array)}, expected {declared}")
    return {name: _bytes(f"{what}[{name!r}]", array, dtype) for name, array in tensors.items()}


def from_wire(data: Any, dtype: Dtype, shapes: Shapes) -> Tensors:
    """Float32 arrays; views of the answer where it is F32."""
    if not isinstance(data, Mapping):
        return _array(data, dtype)
    return {name: _array(part, dtype).reshape(shapes[name]) for name, part in data.items()}


def apply_updates(params: Tensors, updates: Tensors) -> None:
    """p ← p + u, in place. Both packed, or both named."""
    if isinstance(params, Mapping) and isinstance(updates, Mapping):
        for name, update in updates.items():
            np.add(params[name], update, out=params[name])
    elif isinstance(params, np.ndarray) and isinstance(updates, np.ndarray):
        np.add(params, updates, out=params)
    else:
        raise TypeError("Cannot apply updates: params and updates must both be packed or both be named")


def read_safetensors(file: bytes) -> Dict[str, np.ndarray]:
    """The tensors of a safetensors file of F32, by name: views of its bytes."""
    start = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:start])
    header.pop("__metadata__", None)
    data = memoryview(file)[start:]
    return {
        name: _array(data[slice(*entry["data_offsets"])], entry["dtype"]).reshape(entry["shape"])
        for name, entry in header.items()
    }


def _bytes(what: str, array: np.ndarray, dtype: Dtype) -> memoryview:
    if not isinstance(array, (np.ndarray, np.generic)):
        raise TypeError(f"Cannot send {what}: given {type(array).__name__}, expected a numpy array")
    if dtype == "BF16":
        # Numbers of 16 bits are taken as the bits of BF16.
        array = array if array.dtype.kind in "iu" and array.dtype.itemsize == 2 else narrowed(array)
    elif array.dtype.kind != "f":
        raise TypeError(f"Cannot send {what} as {dtype}: its numbers are {array.dtype}, expected floating ones")
    array = np.ascontiguousarray(array, array.dtype if dtype == "BF16" else "<f4")
    return array.reshape(-1).view(np.uint8).data


def _array(data: Any, dtype: Dtype) -> np.ndarray:
    return np.frombuffer(data, "<f4") if dtype == "F32" else widened(np.frombuffer(data, "<u2"))


def narrowed(array: np.ndarray) -> np.ndarray:
    """The bits of BF16: the upper half of a float32, rounded to the nearest, of two equally near to the even one."""
    words = np.ascontiguousarray(array, "<f4").view("<u4")
    upper = words >> 16
    rounded = (words + (upper & 1) + np.uint32(0x7FFF)) >> 16
    # Rounding could carry a NaN over into infinity: it keeps its upper half, and stays a NaN by one bit.
    return np.where(words & 0x7FFFFFFF > 0x7F800000, upper | 0x40, rounded).astype("<u2")


def widened(bits: np.ndarray) -> np.ndarray:
    """BF16 as float32: exact."""
    return (bits.astype("<u4") << 16).view("<f4")
