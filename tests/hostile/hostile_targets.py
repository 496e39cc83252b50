"""The kinds of files of others that the project reads: a valid one of each, and its reader."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hostile_mutations import mutate
from PIL import Image

from dmldata.common.errors import MAX_MESSAGE_LENGTH, PrismError
from dmldata.contract.factors import Factor
from dmldata.writer import DatasetFacts, write_dataset

SIDE = 24
IMAGES = 6


class Target(NamedTuple):
    """A kind of file.

    Attributes:
        make: writes valid files into an empty folder.
        mutated: patterns of the files of it that are damaged.
        read: reads the folder as a command would.
        text: whether the files are text.
        seal: makes digests right after a file was damaged, as whoever means harm does.
    """

    name: str
    make: Callable[[Path], None]
    mutated: tuple[str, ...]
    read: Callable[[Path], object]
    text: bool
    seal: Callable[[Path], object] = lambda folder: None

    def damage(self, base: Path, folder: Path, draw: random.Random) -> None:
        """Copy the valid files in `base`, one of them damaged, into a new folder."""
        shutil.copytree(base, folder)
        files = sorted({path for pattern in self.mutated for path in folder.glob(pattern)})
        chosen = draw.choice([path for path in files if path.is_file()])
        chosen.write_bytes(mutate(chosen.read_bytes(), draw, text=self.text))
        if draw.random() < 0.5:
            with contextlib.suppress(ValueError, KeyError, TypeError, OSError, RecursionError):
                self.seal(folder)

    def refusal(self, folder: Path) -> str | None:
        """What is said where reading refuses the files; None where it reads them.

        Raises:
            BaseException: what it must not be: another error, or a message that nobody reads.
        """
        try:
            self.read(folder)
        except PrismError as error:
            if error.exit_code != 2 or len(str(error)) > MAX_MESSAGE_LENGTH:
                raise RuntimeError(f"exit {error.exit_code}: {error}") from error
            return str(error)
        return None


FACTORS = (
    Factor(key="shape", group="model", kind="categorical", meaning="shape", values=("disc", "box")),
    Factor(
        key="hue",
        group="color",
        kind="cyclic",
        period=1.0,
        meaning="hue of the shape",
        values=(0.0, 0.25, 0.5, 0.75),
    ),
    Factor(key="light", group="light", kind="linear", meaning="light", values=(0.2, 0.8)),
)


def picture(number: int, form: str = "JPEG", mode: str = "RGB") -> bytes:
    """Seeded noise."""
    shape = (SIDE, SIDE, 3) if mode == "RGB" else (SIDE, SIDE)
    pixels = np.random.default_rng(number).integers(0, 6, shape, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels * (40 if mode == "RGB" else 1)).save(buffer, form)
    return buffer.getvalue()


def write_shapes(folder: Path, images: int = IMAGES) -> None:
    """A dataset of this project."""
    rows = [
        {
            "key": f"img{number}",
            "split": "test",
            "scene_id": number,
            "variant_id": 0,
            "seed": number,
            "shape": FACTORS[0].values[number % 2],
            "hue": FACTORS[1].values[number % 4],
            "light": FACTORS[2].values[number // 3 % 2],
            "camera_matrix": np.eye(4).ravel().tolist(),
        }
        for number in range(images)
    ]
    write_dataset(
        folder,
        DatasetFacts(
            name="shapes",
            version="1.0.0",
            license="CC0-1.0",
            credits=(),
            recipe={"name": "shapes"},
            seed=0,
            design="independent",
            factors=FACTORS,
            versions={},
            engine={},
        ),
        rows,
        lambda key: {
            "jpg": picture(int(key[3:])),
            "mask.png": picture(int(key[3:]), "PNG", "L"),
        },
        images_per_shard=4,
    )


def digest_of(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def seal_dataset(folder: Path) -> None:
    path = folder / "dataset.json"
    manifest = json.loads(path.read_text())
    manifest["samples"] = digest_of(folder / "samples.parquet")
    for shard in manifest["shards"]:
        shard |= digest_of(folder / shard["file"])
    path.write_text(json.dumps(manifest))


def read_dataset(folder: Path) -> None:
    from dmlbench.sources import open_source
    from dmldata.verify import verify

    verify(folder)
    source = open_source(str(folder))
    for key in source.manifest.varied:
        source.labels(key)
        source.values(key)
    for _ in source.samples_iter():
        pass


def write_web_dataset(folder: Path) -> None:
    import tarfile

    for shard in range(2):
        with tarfile.open(folder / f"{shard}.tar", "w") as tar:
            for number in range(3):
                labels = {"color": ["red", "blue"][number % 2], "angle": 30.5 * number + shard}
                for extension, data in (
                    ("jpg", picture(number)),
                    ("json", json.dumps(labels).encode()),
                    ("cls", str(number % 2).encode()),
                ):
                    member = tarfile.TarInfo(f"s{shard}{number}.{extension}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))


def read_images(folder: Path) -> None:
    from dmlbench.sources import open_source

    source = open_source(str(folder))
    for key in source.manifest.varied:
        source.labels(key)
        source.values(key)
    for _ in source.samples_iter(with_mask=False):
        pass


def write_pictures(folder: Path) -> None:
    forms = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF", "gif": "GIF"}
    for number, (suffix, form) in enumerate(forms.items()):
        (folder / f"{number}.{suffix}").write_bytes(picture(number, form))
    (folder / "labels.csv").write_text(
        "file,color\n" + "".join(f"{n}.{s},{'ab'[n % 2]}\n" for n, s in enumerate(forms))
    )


def write_classes(folder: Path) -> None:
    """A folder for each of four classes."""
    for number in range(16):
        (folder / "abcd"[number % 4]).mkdir(exist_ok=True)
        (folder / "abcd"[number % 4] / f"{number}.jpg").write_bytes(picture(number))


def write_arrays(folder: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    np.save(folder / "a.npy", rows)
    np.savez(folder / "b.npz", embeddings=rows, other=np.arange(3))
    np.savez_compressed(folder / "c.npz", embeddings=rows)


def read_arrays(folder: Path) -> None:
    from dmlbench.sources.embedding_file import read_embeddings

    for path in sorted(folder.iterdir()):
        read_embeddings(path)


def write_parquet(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = np.random.default_rng(0).normal(size=(8, 3))
    table = pa.table({"key": [f"k{n}" for n in range(8)], "embedding": list(rows)})
    pq.write_table(table, folder / "embeddings.parquet")
    labels = pa.table({"color": ["a", "b"] * 4, "angle": rows[:, 0], "n": list(range(8))})
    pq.write_table(labels, folder / "labels.parquet", compression="zstd")
    (folder / "dataset").mkdir()
    write_shapes(folder / "dataset")


def read_parquet(folder: Path) -> None:
    from dmlbench.sources.embedding_file import read_embeddings
    from dmlbench.sources.label_table import read_label_table

    read_embeddings(folder / "embeddings.parquet")
    read_label_table(folder / "labels.parquet")
    read_dataset(folder / "dataset")


def write_table(folder: Path) -> None:
    lines = [f"{n},scene{n // 2},{['red', 'blue'][n % 2]},{n * 1.5},{n % 3}" for n in range(8)]
    (folder / "a.csv").write_text("\n".join(["key,scene_id,color,angle,n", *lines]) + "\n")
    rows = [{"color": ["red", "blue"][n % 2], "angle": n / 2, "ok": n % 3 == 0} for n in range(8)]
    (folder / "b.jsonl").write_text("\n".join(map(json.dumps, rows)))


def read_tables(folder: Path) -> None:
    from dmlbench.sources.label_table import read_label_table

    for path in sorted(folder.iterdir()):
        read_label_table(path)


def write_property_file(folder: Path) -> None:
    (folder / "properties.yaml").write_text(
        "angle: {kind: cyclic, period: 360, unit: degrees}\n"
        "color: {kind: categorical}\nn: {kind: linear, bins: 4}\nid: {kind: ignore}\n"
    )


def read_property_files(folder: Path) -> None:
    from dmlbench.sources.property_file import read_property_file

    read_property_file(folder / "properties.yaml")


def write_recipe(folder: Path) -> None:
    (folder / "mine.yaml").write_text(
        "name: mine\ntitle: Mine\ndescription: A few cars.\nextends: base.yaml\ncount: 8\n"
        "split: {train: [van, 'derived:suv-001..004'], test: [suv]}\nlabels: [body_type]\n"
        "vary:\n  paint_hue: [0.0, 0.5]\n  paint_value: {0.2: 1, 0.8: 3}\n"
        "  sun_elevation: default\nhold: {floor: matte, paint_saturation: 0.7}\n"
    )
    (folder / "base.yaml").write_text(
        "name: base\ntitle: Base\ndescription: Changed by mine.\ncount: 4\nvary:\n"
        "  car_rotation: [0, 90]\n  car_model: [van, suv]\n"
        "sweep: null\nassumptions: [none]\n"
    )


def read_recipe(folder: Path) -> None:
    from dmlgen.planning.draw import make_plan
    from dmlgen.planning.recipe import load_recipe

    make_plan(load_recipe(str(folder / "mine.yaml")), seed=0, count=8)


def write_car(folder: Path) -> None:
    from dmlgen.catalog.assets import scenes_folder

    (folder / "mine").mkdir()
    text = (scenes_folder() / "cars" / "van" / "car.yaml").read_text()
    (folder / "mine" / "car.yaml").write_text(text.replace("name: van", "name: mine", 1))


def read_car(folder: Path) -> None:
    from dmlgen.catalog.cars import read_car as read

    read(folder / "mine")


def network() -> Any:
    """A small network, the same every time."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=2, padding=2),
        nn.Softplus(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 4),
    ).eval()


def write_torchscript(folder: Path) -> None:
    from dmlbench.models import Preprocessing, save_torchscript

    save_torchscript(network(), Preprocessing(input_size=16), folder / "model.pt")


def write_safetensors(folder: Path) -> None:
    from torch import nn

    from dmlbench.models import Preprocessing, save_safetensors
    from dmlbench.models.network import EmbeddingNetwork
    from dmlbench.models.timm_source import create_trunk

    trunk = "test_efficientnet"
    network = EmbeddingNetwork(create_trunk(trunk, (32, 32), trunk), nn.Linear(256, 4))
    preprocessing = Preprocessing(input_size=32)
    save_safetensors(network, f"timm:{trunk}", preprocessing, folder / "model.safetensors")


def write_onnx(folder: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = {"w": (4, 3, 3, 3), "b": (4,), "g": (4, 5), "c": (5,)}
    tensors = [
        numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)
        for name, shape in weights.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["y"], strides=[2, 2]),
        helper.make_node("Relu", ["y"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "g", "c"], ["e"]),
    ]
    images = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])
    embeddings = helper.make_tensor_value_info("e", TensorProto.FLOAT, ["n", 5])
    graph = helper.make_graph(nodes, "small", [images], [embeddings], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "model.onnx")


def read_model(folder: Path) -> None:
    from dmlbench import load_model

    for path in sorted(folder.iterdir()):
        load_model(str(path))


def write_results(folder: Path) -> None:
    from dmlbench import load_model
    from dmlbench.evaluation.model_evaluation import evaluate_model
    from dmlbench.results.files import Settings
    from dmlbench.sources import open_source

    data, models = folder.parent / "measured", folder.parent / "measuring"
    if not data.exists():
        data.mkdir()
        write_shapes(data, 60)
    if not models.exists():
        models.mkdir()
        write_torchscript(models)
    settings = Settings(seed=0, intervals=True, chance=True, maps=2, samples=2)
    loaded = load_model(str(models / "model.pt"))
    evaluate_model(
        loaded, open_source(str(data)), folder, settings, quiet=True, say=lambda line: None
    )


def seal_results(folder: Path) -> None:
    for run in folder.rglob("run.json"):
        for name, field, file in (
            ("properties.json", "embeddings_sha256", "embeddings.npy"),
            ("saliency.json", "maps_sha256", "maps.npz"),
        ):
            document = json.loads((run.parent / name).read_text())
            document[field] = digest_of(run.parent / file)["sha256"]
            (run.parent / name).write_text(json.dumps(document))
        document = json.loads(run.read_text())
        for name in document["files"]:
            document["files"][name] = digest_of(run.parent / name)["sha256"]
        run.write_text(json.dumps(document))


def read_results(folder: Path) -> None:
    from dmlbench.present import find_dataset, write_report
    from dmlbench.results import find_results

    results = find_results([folder])
    dataset = find_dataset(results, None, 2)
    write_report(results, dataset, folder / "report.html", images=2)


def write_board(folder: Path) -> None:
    from dmlbench.leaderboard import Card, submit
    from dmlbench.results import find_results

    results = folder.parent / "results"
    if not results.exists():
        results.mkdir()
        write_results(results)
    (result,) = find_results([results])
    card = Card(name="Mine", trunk="small", loss=None, trained_on="nothing")
    submit(result, card, folder)


def read_leaderboard(folder: Path) -> None:
    from dmlbench.leaderboard import read_board
    from dmlbench.present.leaderboard_page import write_leaderboard

    write_leaderboard(read_board(folder), folder / "page.html", "Board")


TARGETS = (
    Target("dataset.json", write_shapes, ("dataset.json",), read_dataset, True),
    Target(
        "parquet",
        write_parquet,
        ("**/*.parquet",),
        read_parquet,
        False,
        lambda folder: seal_dataset(folder / "dataset"),
    ),
    Target("tar", write_shapes, ("*.tar",), read_dataset, False, seal_dataset),
    Target("images", write_pictures, ("*.[!c]*",), read_images, False),
    Target("WebDataset", write_web_dataset, ("*.tar",), read_images, True),
    Target("npy", write_arrays, ("*.np?",), read_arrays, False),
    Target("csv", write_table, ("*",), read_tables, True),
    Target("properties file", write_property_file, ("*",), read_property_files, True),
    Target("recipe", write_recipe, ("*",), read_recipe, True),
    Target("car.yaml", write_car, ("mine/*",), read_car, True),
    Target("results", write_results, ("**/*.json",), read_results, True, seal_results),
    Target("leaderboard file", write_board, ("*/*.json",), read_leaderboard, True),
    Target("safetensors", write_safetensors, ("*",), read_model, True),
    Target("TorchScript", write_torchscript, ("*",), read_model, False),
    Target("ONNX", write_onnx, ("*",), read_model, False),
)
