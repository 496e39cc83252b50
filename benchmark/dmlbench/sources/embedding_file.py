"""Embeddings in a file (.npy, .npz, .pt, .parquet), read without trust in the file."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dmldata.common.errors import InputError
from dmldata.common.files import check_regular
from dmldata.common.foreign import archive_names, check_expansion, read_parquet, reading

_KEY_COLUMNS = ("key", "file", "file_name", "id", "image")
_NAMES = ("embeddings", "embedding", "features", "emb")


class StoredRows(NamedTuple):
    """Rows [N, D], and the key of each where the file holds them."""

    rows: NDArray[Any]
    keys: tuple[str, ...] | None = None


def load_embeddings(path: str | Path) -> NDArray[Any]:
    """The array in a file; see `read_embeddings`."""
    return read_embeddings(path).rows


def read_embeddings(path: str | Path) -> StoredRows:
    """The array in a .npy or .npz file, the tensor in a .pt, the columns of a .parquet.

    Of several arrays or tensors the one called `embeddings` (or `embedding`, `features`, `emb`) is
    taken. A parquet file holds a column of lists, or a column of numbers per dimension, and may
    hold keys (`key`, `file`, `file_name`, `id` or `image`). What holds pickled objects is refused,
    never executed.

    Raises:
        InputError: the file cannot be read, holds objects, or is shorter than its header says.
    """
    path = Path(path)
    with reading(str(path), "a whole .npy, .npz, .pt or .parquet file of embeddings"):
        check_regular(path)
        with path.open("rb") as file:
            start = file.read(6)
        if start.startswith(b"PAR1"):
            return _from_parquet(path)
        if path.suffix == ".npz":
            return StoredRows(_only_one(load_arrays(path), path))
        if path.suffix in (".pt", ".pth"):
            return StoredRows(_from_torch(path))
        return StoredRows(load_array(path))


def load_array(path: Path) -> NDArray[Any]:
    """The array in a .npy file, whose header is checked against its length first.

    Raises:
        InputError: it cannot be read, holds objects, or is shorter than its header says.
    """
    with reading(str(path), "a whole .npy file"):
        check_regular(path)
        with path.open("rb") as file:
            _check_npy(file, path.stat().st_size, str(path))
        loaded: NDArray[Any] = np.load(path, allow_pickle=False)
        return loaded


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays in a .npz file, by name.

    Raises:
        InputError: as `load_array`, or it expands too far.
    """
    with reading(str(path), "a whole .npz file"):
        archive_names(path)
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    _check_npy(file, member.file_size, f"{path}: {member.filename}")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def _check_npy(file: IO[bytes], size: int, where: str) -> None:
    version = npy.read_magic(file)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(file)
    held = size - file.tell()
    if dtype.hasobject:
        raise InputError(
            f"{where}: holds pickled objects (dtype {dtype}); valid: an array of numbers"
        )
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > held:
        raise InputError(
            f"{where}: its header says {list(shape)} of {dtype}, but {held} bytes follow; "
            "valid: a whole .npy file"
        )


def _from_torch(path: Path) -> NDArray[Any]:
    import torch

    try:
        archive_names(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{path}: no file of tensors ({type(error).__name__}); valid: a tensor [N, D] saved "
            "with torch.save"
        ) from None
    found = content if isinstance(content, dict) else {"tensor": content}
    tensors = {name: one for name, one in found.items() if isinstance(one, torch.Tensor)}
    check_expansion(
        str(path),
        sum(one.numel() * 4 for one in tensors.values()),
        path.stat().st_size,
        InputError,
    )
    arrays = {str(name): one.detach().float().numpy() for name, one in tensors.items()}
    return _only_one(arrays, path)


def _only_one(arrays: dict[str, NDArray[Any]], path: Path) -> NDArray[Any]:
    named = [name for name in _NAMES if name in arrays]
    if named or len(arrays) == 1:
        return arrays[(named or list(arrays))[0]]
    listed = ", ".join(f"{name} {list(one.shape)}" for name, one in arrays.items()) or "no array"
    raise InputError(f"{path}: holds {listed}; valid: one array, or one called '{_NAMES[0]}'")


def _from_parquet(path: Path) -> StoredRows:
    import pyarrow as pa

    table = read_parquet(path, str(path), error=InputError, leave_out=True)
    types = {field.name: field.type for field in table.schema}
    keyed = [name for name in _KEY_COLUMNS if name in types and pa.types.is_string(types[name])]
    keys = tuple(table[keyed[0]].to_pylist()) if keyed else None
    lists = [name for name, kind in types.items() if pa.types.is_list(kind) or _is_fixed(kind)]
    named = [name for name in _NAMES if name in lists] or lists
    if len(named) >= 1 and (len(lists) == 1 or named != lists):
        return StoredRows(np.array(table[named[0]].to_pylist()), keys)
    numbers = [name for name, kind in types.items() if pa.types.is_floating(kind)]
    if lists or not numbers:
        raise InputError(
            f"{path}: columns {', '.join(types)}; valid: a column of lists called "
            f"'{_NAMES[1]}', or a column of numbers per dimension"
        )
    return StoredRows(np.column_stack([table[name].to_numpy() for name in numbers]), keys)


def _is_fixed(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind))
