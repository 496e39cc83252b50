"""Small files that say that they are large: refused by their limit before memory is taken."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, save

from dmlbench import load_model
from dmlbench.sources import open_source
from dmlbench.sources.embedding_file import read_embeddings
from dmlbench.sources.label_table import read_label_table
from dmlbench.sources.shards import expand_shards
from dmldata.common.documents import parse_yaml
from dmldata.common.errors import DatasetError, InputError, ModelError
from dmldata.dataset import open_dataset
from dmldata.verify import verify

ZEROS = bytes(4 << 20)


def zipped_array(path, gigabytes):
    """A .npz whose one array of zeros takes that many gigabytes."""
    rows = gigabytes * 256
    header = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": (rows, 1 << 20)}
    np.lib.format.write_array_header_1_0(header, described)
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("embeddings.npy", "w", force_zip64=True) as file,
    ):
        file.write(header.getvalue())
        for _ in range(rows):
            file.write(ZEROS)


def test_a_manifest_of_a_hundred_billion_images_is_refused_by_its_table(own):
    folder = own("shapes")
    path = folder / "dataset.json"
    manifest = json.loads(path.read_text())
    manifest["shards"][0]["images"] += 10**11
    manifest["splits"]["test"] += 10**11
    path.write_text(json.dumps(manifest))
    with pytest.raises(DatasetError, match=r"samples.parquet: 6 rows, has to have 100,000,000,006"):
        _ = open_dataset(folder).samples
    assert any("6 rows" in problem.what for problem in verify(folder))


def test_an_npz_that_expands_is_refused(tmp_path):
    zipped_array(tmp_path / "a.npz", 1)
    with pytest.raises(InputError, match=r"a.npz: expands from .* the limit is 268,435,456"):
        read_embeddings(tmp_path / "a.npz")


def test_an_array_whose_header_is_longer_than_its_file_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 2), np.float32))
    data = (tmp_path / "a.npy").read_bytes()
    for shape, other in ((b"(2, 2)", b"(9**9, 2)"), (b"(2, 2)", b"(-2, -2)")):
        (tmp_path / "a.npy").write_bytes(data.replace(shape, other).replace(b" " * 4, b"", 1))
        with pytest.raises(InputError, match=r"a\.npy"):
            read_embeddings(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"key": ["a" * 10**6] * 600}, "expands from"),
        ({"n": np.zeros(30_000_000, np.int8)}, "30,000,000 cells"),
    ],
    ids=["one long text", "many short numbers"],
)
def test_a_parquet_file_that_expands_is_refused(tmp_path, table, message):
    pq.write_table(pa.table(table), tmp_path / "a.parquet", compression="zstd")
    for read in (read_label_table, read_embeddings):
        with pytest.raises(InputError, match=rf"a\.parquet: {message}"):
            read(tmp_path / "a.parquet")


@pytest.mark.parametrize("reference", ["embeddings:{}", "timm:resnet18?weights={}"])
def test_a_tensor_that_repeats_few_bytes_is_refused(tmp_path, reference):
    path = tmp_path / "a.pt"
    torch.save({"embeddings": torch.zeros(1).expand(10**6, 10**4)}, path)
    with pytest.raises(ModelError, match=r"expands from .* to 40,000,000,000"):
        load_model(reference.format(path))


def test_a_safetensors_header_that_is_longer_than_the_file_is_refused(tmp_path):
    tensor = {"dtype": "F32", "shape": [10**9, 10**6], "data_offsets": [0, 4]}
    header = json.dumps({"trunk.x": tensor}).encode()
    for length in (2**62, len(header)):
        data = struct.pack("<Q", length) + header + bytes(4)
        (tmp_path / "a.safetensors").write_bytes(data)
        with pytest.raises(ModelError, match=r"not a file of tensors"):
            load_model(str(tmp_path / "a.safetensors"))


def test_a_small_safetensors_file_of_a_large_network_takes_no_memory_for_it(tmp_path):
    from safetensors.numpy import save_file

    metadata = {
        "format": 1,
        "trunk": "timm:vit_giant_patch14_224",
        "preprocessing": {"input_size": [224, 224]},
        "loss": None,
        "distance": None,
    }
    tensors = {"trunk.x": np.zeros(3, np.float32)}
    save_file(tensors, tmp_path / "a.safetensors", {"dmlprism.json": json.dumps(metadata)})
    with pytest.raises(ModelError, match=r"do not fit the trunk timm:vit_giant"):
        load_model(str(tmp_path / "a.safetensors"))
    metadata["preprocessing"]["input_size"] = [4096, 4096]
    save_file(tensors, tmp_path / "a.safetensors", {"dmlprism.json": json.dumps(metadata)})
    with pytest.raises(ModelError, match=r"input_size \[4096, 4096\] .* valid: 1 to 1024"):
        load_model(str(tmp_path / "a.safetensors"))


def onnx_file(path, nodes, **tensors):
    images = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])
    embeddings = helper.make_tensor_value_info("e", TensorProto.FLOAT, ["n", None])
    stored = [numpy_helper.from_array(np.array(value), name) for name, value in tensors.items()]
    flat = helper.make_node("Flatten", ["x"], ["f"])
    graph = helper.make_graph([flat, *nodes], "g", [images], [embeddings], stored)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_an_onnx_graph_that_makes_a_huge_tensor_is_refused(tmp_path):
    rest = [
        helper.make_node("ReduceSum", ["c"], ["r"], keepdims=0),
        helper.make_node("Add", ["f", "r"], ["e"]),
    ]
    filled = helper.make_node("ConstantOfShape", ["s"], ["c"])
    path = onnx_file(tmp_path / "a.onnx", [filled, *rest], s=np.array([2 * 10**9], np.int64))
    with pytest.raises(ModelError, match=r"tensor 'c' is \[2000000000\]; valid: up to 268,435,456"):
        load_model(str(path))
    repeated = helper.make_node("Expand", ["z", "s"], ["c"])
    sizes = np.array([10**5, 10**5], np.int64)
    path = onnx_file(
        tmp_path / "b.onnx", [repeated, *rest], s=sizes, z=np.zeros((1, 1), np.float32)
    )
    with pytest.raises(ModelError, match=r"tensor 'c' is \[100000, 100000\]"):
        load_model(str(path))


def test_an_onnx_graph_that_may_loop_for_ever_is_refused(tmp_path):
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Identity", ["v"], ["w"])],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("c", TensorProto.BOOL, []),
            value("v", TensorProto.FLOAT, None),
        ],
        [value("d", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, None)],
    )
    loop = helper.make_node("Loop", ["m", "t", "f"], ["e"], body=body)
    path = onnx_file(tmp_path / "a.onnx", [loop], m=np.array(2**62, np.int64), t=np.array(True))
    with pytest.raises(ModelError, match=r"node 'e' is a Loop, which may run forever; valid: "):
        load_model(str(path))


def test_a_pattern_of_a_billion_shards_is_refused():
    for pattern in ("a/{0..999999999}.tar", "a/{0..9999}-{0..9999}.tar"):
        with pytest.raises(InputError, match=r"valid: up to 100,000 shards"):
            expand_shards(pattern)


def test_aliases_that_multiply_are_refused():
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
                    for a, b in zip("abcdefgh", "bcdefghi", strict=True))  # fmt: skip
    with pytest.raises(InputError, match=r"more than 1,000,000 values"):
        parse_yaml(text, "a.yaml")


def test_a_json_of_labels_beyond_its_limit_is_refused(own):
    import tarfile

    folder = own("web")
    data = json.dumps({"a": "x" * (1 << 20)}).encode()
    with tarfile.open(folder / "9.tar", "w") as tar:
        member = tarfile.TarInfo("s.json")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
        picture = next((folder.parent / "web").glob("0.tar")).read_bytes()[512:1024]
        member = tarfile.TarInfo("s.jpg")
        member.size = len(picture)
        tar.addfile(member, io.BytesIO(picture))
    with pytest.raises(DatasetError, match=r"s.json: 1,048,585 bytes: the limit is 1,048,576"):
        open_source(str(folder))
