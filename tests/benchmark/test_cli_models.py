"""`dmlbench evaluate` with every kind of reference, and with files that are not what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dmlbench.models import EmbeddingNetwork, Preprocessing, load_model, save_safetensors
from dmlbench.models.bn_inception import BNInception
from dmlbench.results import load_result
from dmldata import open_dataset

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

IMAGES = 24


@pytest.fixture
def evaluate(dmlbench, shapes, tmp_path):
    """Evaluate a reference on the shapes, quickly, into tmp_path / "out"."""

    def call(reference, *options):
        quick = ["--maps", 2, "--samples", 2, "--no-chance", "--no-intervals"]
        return dmlbench(
            "evaluate", reference, "--data", shapes, "--out", tmp_path / "out", *quick, *options
        )

    return call


@pytest.fixture
def result(tmp_path):
    """The one result under tmp_path / "out"."""

    def load():
        (folder,) = (tmp_path / "out").glob("*/*")
        return load_result(folder)

    return load


def assert_refused(answer, *words, out):
    assert answer.exit_code == 2, answer.err
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert not list(out.rglob("*.*"))
    for word in words:
        assert word in answer.err


def test_safetensors_end_to_end(evaluate, result, tmp_path):
    trunk = load_model("timm:test_resnet?pretrained=false&seed=5").model
    network = EmbeddingNetwork(trunk, torch.nn.Linear(trunk.num_features, 4))
    preprocessing = Preprocessing(input_size=32)
    save_safetensors(
        network, "timm:test_resnet", preprocessing, tmp_path / "m.safetensors", loss="arcface"
    )
    answer = evaluate(tmp_path / "m.safetensors")
    assert answer.exit_code == 0, answer.err
    assert f"preprocessing: {preprocessing}\n" in answer.out
    run = result().run
    assert (run.model.loss, run.model.distance) == ("arcface", "cosine_similarity")
    assert run.model.preprocessing == preprocessing.describe()
    assert result().saliency.images == 2


def test_reality_check_end_to_end(evaluate, result, tmp_path):
    folder = tmp_path / "triplet" / "Test50_50_Partitions4_0" / "saved_models"
    folder.mkdir(parents=True)
    torch.save(BNInception().state_dict(), folder / "trunk_best.pth")
    linear = torch.nn.Linear(1024, 8).state_dict()
    torch.save(
        {f"net.0.{name}": value for name, value in linear.items()}, folder / "embedder_best.pth"
    )
    answer = evaluate(f"reality-check:{folder.parent}", "--input-size", 96, "--maps", 1)
    assert answer.exit_code == 0, answer.err
    assert "BGR 0..255, mean 104 117 128, std 1 1 1" in answer.out
    assert result().run.model.loss == "triplet"
    assert result().run.notes == ()


def test_onnx_without_gradients_is_measured_by_properties_alone(evaluate, result, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("GlobalLpPool", ["x"], ["y"], p=2),
        helper.make_node("Flatten", ["y"], ["z"]),
    ]
    takes = [helper.make_tensor_value_info("x", float32, ["b", 3, 16, 16])]
    gives = [helper.make_tensor_value_info("z", float32, None)]
    graph = helper.make_graph(nodes, "graph", takes, gives)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    answer = evaluate(tmp_path / "m.onnx")
    assert answer.exit_code == 0, answer.err
    assert "note: no saliency maps: onnx2torch cannot rebuild m.onnx" in answer.out
    assert "16 x 16" in answer.out
    assert result().saliency is None
    assert result().properties.n == IMAGES
    assert any("no saliency maps" in note for note in result().run.notes)


def test_stored_embeddings_score_like_the_model_that_left_them(
    evaluate, result, shapes, tmp_path, models
):
    assert evaluate(models["small"], "--maps", 0).exit_code == 0
    from_model = result()
    keys = open_dataset(shapes).samples["key"].to_pylist()
    np.save(tmp_path / "E.npy", from_model.folder.read_embeddings()[::-1])
    (tmp_path / "E.keys.txt").write_text("\n".join(reversed(keys)))
    answer = evaluate(f"embeddings:{tmp_path / 'E.npy'}")
    assert answer.exit_code == 0, answer.err
    assert "\nnote: no saliency maps: the file holds embeddings" in answer.out
    (folder,) = (tmp_path / "out").glob("E-*/*")
    stored = load_result(folder)
    assert stored.properties.properties == from_model.properties.properties
    assert stored.saliency is None
    assert "properties: reused" in evaluate(f"embeddings:{tmp_path / 'E.npy'}").out


def test_wrong_scale_is_warned_of_in_one_line_and_stored(evaluate, result, models):
    answer = evaluate(models["small"], "--scale", 255, "--mean", "0.5,0.5,0.5", "--std", "1,2,1")
    assert answer.exit_code == 0, answer.err
    (line,) = [line for line in answer.out.splitlines() if "far from" in line]
    assert line.startswith("note: after preprocessing, pixels are ")
    assert line.endswith("check --mean, --std and --scale")
    assert line.removeprefix("note: ") in result().run.notes
    assert result().run.model.preprocessing["scale"] == 255


def test_options_on_reading_images_mean_nothing_for_stored_embeddings(evaluate, tmp_path):
    np.save(tmp_path / "E.npy", np.ones((IMAGES, 2), np.float32))
    answer = evaluate(f"embeddings:{tmp_path / 'E.npy'}", "--input-size", 32)
    assert_refused(answer, "input_size", out=tmp_path / "out")


@pytest.mark.parametrize("name", ["trap.pt", "trap.pt2", "trap.safetensors", "trap.onnx"])
def test_pickle_under_any_name_is_refused_and_not_run(evaluate, spring, tmp_path, name):
    spring.save(tmp_path / name)
    assert_refused(evaluate(tmp_path / name), name, out=tmp_path / "out")
    spring.assert_not_sprung()


def test_pickle_in_an_array_or_a_checkpoint_is_refused_and_not_run(evaluate, spring, tmp_path):
    np.save(tmp_path / "E.npy", np.array([[spring]], dtype=object))
    answer = evaluate(f"embeddings:{tmp_path / 'E.npy'}")
    assert_refused(answer, "E.npy", "pickled objects", out=tmp_path / "out")
    (tmp_path / "saved_models").mkdir()
    spring.save(tmp_path / "saved_models" / "trunk_best.pth")
    answer = evaluate(f"reality-check:{tmp_path}")
    assert_refused(answer, "trunk_best.pth", out=tmp_path / "out")
    spring.assert_not_sprung()


def test_array_that_claims_more_rows_than_it_holds_is_refused(evaluate, tmp_path):
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**15, 128)}
    with (tmp_path / "E.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    answer = evaluate(f"embeddings:{tmp_path / 'E.npy'}")
    assert_refused(answer, "E.npy", "0 bytes follow", out=tmp_path / "out")


def test_rows_for_other_images_are_refused(evaluate, tmp_path):
    np.save(tmp_path / "E.npy", np.ones((5, 2), np.float32))
    answer = evaluate(f"embeddings:{tmp_path / 'E.npy'}")
    assert_refused(answer, f"5 rows for the {IMAGES} images", out=tmp_path / "out")
    (tmp_path / "E.keys.txt").write_text("a\nb\nc\nd\ne\n")
    answer = evaluate(f"embeddings:{tmp_path / 'E.npy'}")
    assert_refused(answer, "E.keys.txt", "no row for image 'img", out=tmp_path / "out")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nowhere.onnx", "nowhere.onnx: no such file"),
        ("embeddings:nowhere.npy", "nowhere.npy: No such file or directory"),
        ("embeddings:", "valid: a whole .npy, .npz, .pt or .parquet file"),
        ("reality-check:nowhere", "nowhere: no saved_models/trunk_best.pth in it; valid: "),
        ("E.npy", "embeddings:FILE.npy"),
    ],
)
def test_reference_to_nothing_is_refused(evaluate, tmp_path, reference, words):
    assert_refused(evaluate(reference), words, out=tmp_path / "out")
