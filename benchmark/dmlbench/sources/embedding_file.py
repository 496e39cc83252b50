"""Read embeddings from an untrusted file (.npy, .npz, .pt, .parquet)."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from dmldata.common.errors import InputError
from dmldata.common.files import check_regular
from dmldata.common.foreign import archive_names, check_expansion, read_parquet, reading
from dmldata.contract.factors import RESERVED_KEYS

if TYPE_CHECKING:
    import pyarrow as pa

_KEY_COLUMNS = ("key", "file", "file_name", "id", "image")
_NAMES = ("embeddings", "embedding", "features", "emb")


class StoredRows(NamedTuple):
    """Rows [N, D], and the key of each row if the file holds keys."""

    rows: NDArray[Any]
    keys: tuple[str, ...] | None = None


def load_embeddings(path: str | Path) -> NDArray[Any]:
    """Return the array in a file; see `read_embeddings`."""
    return read_embeddings(path).rows


def read_embeddings(path: str | Path) -> StoredRows:
    """Read the array in a .npy or .npz file, the tensor in a .pt, or the columns of a .parquet.

    Of several arrays or tensors, the one called `embeddings` (or `embedding`, `features`, `emb`) is
    used. A parquet file holds a column of lists, or one column of numbers per dimension (`e0`,
    `e1`, ...; without such names, all columns of numbers where there is nothing else but keys), and
    may hold keys (`key`, `file`, `file_name`, `id` or `image`). Pickled objects are refused, never
    executed.

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
            return StoredRows(_single_array(load_arrays(path), path))
        if path.suffix in (".pt", ".pth"):
            return StoredRows(_from_torch(path))
        return StoredRows(load_array(path))


def load_array(path: Path) -> NDArray[Any]:
    """Read the array in a .npy file after checking its header against its length.

    Raises:
        InputError: the file cannot be read, holds objects, or is shorter than its header says.
    """
    with reading(str(path), "a whole .npy file"):
        check_regular(path)
        with path.open("rb") as file:
            _check_npy(file, path.stat().st_size, str(path))
        loaded: NDArray[Any] = np.load(path, allow_pickle=False)
        return loaded


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays in a .npz file, by name.

    Raises:
        InputError: as in `load_array`, or the archive expands too much.
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
    if version == (1, 0):
        shape, _, dtype = npy.read_array_header_1_0(file)
    else:
        shape, _, dtype = npy.read_array_header_2_0(file)
    held = size - file.tell()
    if dtype.hasobject:
        raise InputError(
            f"{where}: holds pickled objects (dtype {dtype}); valid: an array of numbers"
        )
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > held:
        raise InputError(
            f"{where}: its header says {list(shape)} of {dtype}, but {held} bytes follow; "
            "valid: a complete .npy file"
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
            f"{path}: not a file of tensors ({type(error).__name__}); valid: a tensor [N, D] saved "
            "with torch.save"
        ) from None
    entries = content if isinstance(content, dict) else {"tensor": content}
    tensors = {name: tensor for name, tensor in entries.items() if isinstance(tensor, torch.Tensor)}
    check_expansion(
        str(path),
        sum(tensor.numel() * 4 for tensor in tensors.values()),
        path.stat().st_size,
        InputError,
    )
    arrays = {str(name): tensor.detach().float().numpy() for name, tensor in tensors.items()}
    return _single_array(arrays, path)


def _single_array(arrays: dict[str, NDArray[Any]], path: Path) -> NDArray[Any]:
    named = [name for name in _NAMES if name in arrays]
    if named or len(arrays) == 1:
        return arrays[(named or list(arrays))[0]]
    listed = (
        ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items()) or "no array"
    )
    raise InputError(f"{path}: holds {listed}; valid: one array, or one called '{_NAMES[0]}'")


def _from_parquet(path: Path) -> StoredRows:
    import pyarrow as pa

    table = read_parquet(path, str(path), error=InputError, leave_out=True)
    ours = RESERVED_KEYS - set(_KEY_COLUMNS)
    types = {
        field.name: field.type
        for field in table.schema
        if field.name not in ours and not field.name.startswith("__index_")
    }
    keys = _keys(table, path)
    lists = [name for name, kind in types.items() if pa.types.is_list(kind) or _is_fixed(kind)]
    floats = [name for name, kind in types.items() if pa.types.is_floating(kind)]
    others = types.keys() - set(lists) - set(floats) - set(_KEY_COLUMNS)
    whole = [name for name, kind in types.items() if pa.types.is_integer(kind)]
    numbered = _numbered([*floats, *whole])
    dimensions = numbered[0] if len(numbered) == 1 and _is_complete(numbered[0]) else []
    named = [name for name in _NAMES if name in lists]
    if named or (len(lists) == 1 and not numbered):
        return StoredRows(np.array(table[(named or lists)[0]].to_pylist()), keys)
    if not numbered and not others:
        dimensions = floats
    if not dimensions or lists:
        raise InputError(
            f"{path}: columns {', '.join(types)}: it is not clear which are embeddings; valid: a "
            f"column of lists called '{_NAMES[1]}', or a column per dimension: e0, e1, ..."
        )
    return StoredRows(np.column_stack([table[name].to_numpy() for name in dimensions]), keys)


def _numbered(columns: Sequence[str]) -> list[list[str]]:
    """Return the columns that are one name with several numbers, in the order of these, by name.

    >>> _numbered(["hue", "e1", "e0", "e2", "x7"]), _numbered(["x", "y"])
    ([['e0', 'e1', 'e2']], [])
    """
    by_stem: dict[str, dict[int, str]] = {}
    for name in columns:
        match = re.fullmatch(r"(.*?)(\d+)", name)
        if match:
            by_stem.setdefault(match[1], {})[int(match[2])] = name
    return [
        [numbers[number] for number in sorted(numbers)]
        for numbers in by_stem.values()
        if len(numbers) > 1
    ]


def _is_complete(columns: Sequence[str]) -> bool:
    """Return whether the numbers of columns are 0 to D - 1 or 1 to D.

    >>> _is_complete(["e1", "e2"]), _is_complete(["e0", "e2"])
    (True, False)
    """
    numbers = [int(re.findall(r"\d+$", name)[0]) for name in columns]
    return numbers[0] < 2 and numbers[-1] - numbers[0] == len(numbers) - 1


def _keys(table: pa.Table, path: Path) -> tuple[str, ...] | None:
    """Return the keys of the rows as text: the column `key`, else another that holds some.

    Raises:
        InputError: `key` is neither text nor whole numbers, or lacks one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    first, *others = _KEY_COLUMNS
    if first in pq.read_schema(path).names:
        kind = table.schema.field(first).type if first in table.schema.names else None
        if kind is None or not (pa.types.is_string(kind) or pa.types.is_integer(kind)):
            raise InputError(
                f"{path}: column '{first}': {kind or 'not text'}; valid: a key per row"
            )
        if table[first].null_count:
            raise InputError(f"{path}: column '{first}': a row has no key; valid: a key per row")
        return tuple(map(str, table[first].to_pylist()))
    for name in others:
        if name in table.schema.names and pa.types.is_string(table.schema.field(name).type):
            cells = table[name].to_pylist()
            if None not in cells and len(set(cells)) == len(cells):
                return tuple(cells)
    return None


def _is_fixed(kind: object) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind))
