"""What a program calls: networks in memory, arrays in memory, results that show themselves."""

import copy
import io

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import nn

import dmlbench
from dmlbench.api.frames import COLUMNS
from dmlbench.models import LoadedModel, Preprocessing, load_model
from dmlbench.models.preprocessing_of import preprocessing_from
from dmlbench.models.torchvision_schemas import ensure_torchvision_imports
from dmldata.common.errors import InputError, ModelError

QUICK = {"maps": 0, "chance": False, "quiet": True, "input_size": 32}


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
    )


def test_a_network_in_memory_is_measured_and_left_as_it_is(network, shapes, tmp_path):
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    evaluation = dmlbench.evaluate(network, shapes, out=tmp_path, maps=2, samples=2, quiet=True)
    assert network.training
    assert all(before[name].equal(tensor) for name, tensor in network.state_dict().items())
    assert evaluation.result.saliency.images == 2
    assert evaluation.name == "Sequential"
    assert "ImageNet's preprocessing assumed" in " ".join(evaluation.result.run.notes)


def test_a_function_gets_the_scores_of_the_network_that_it_calls(network, shapes, tmp_path):
    network.eval()
    both = dmlbench.evaluate([network, lambda x: network(x)], shapes, out=tmp_path, **QUICK)
    first, second = (one.to_frame().drop(columns="model") for one in both)
    pd.testing.assert_frame_equal(first, second)


def test_the_frame_has_a_row_for_each_score(network, shapes, tmp_path):
    frame = dmlbench.evaluate(network, shapes, out=tmp_path, name="mine", **QUICK).to_frame()
    assert list(frame.columns) == list(COLUMNS)
    main = frame[frame.score == "nr_precision"]
    assert set(frame.model) == {"mine"}
    assert len(main) == main.property.nunique() > 1
    assert (main.ci95_low < main.ci95_high).all()
    assert main.chance_low.isna().all()


def test_evaluations_are_compared_shown_and_reported(network, shapes, tmp_path):
    other = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten())
    evaluations = [
        dmlbench.evaluate(net, shapes, out=tmp_path, name=name, **QUICK)
        for name, net in {"mine": network, "pixels <b>": other}.items()
    ]
    compared = dmlbench.compare(evaluations)
    assert dmlbench.compare([tmp_path]).to_frame().shape == compared.to_frame().shape
    shown = compared._repr_html_()
    assert shown.count("<table>") == shown.count("</table>") > 0
    assert "pixels &lt;b&gt;" in shown
    assert "pixels <b>" not in shown
    assert "nr-precision" in evaluations[0]._repr_html_().lower()
    page = compared.report(tmp_path / "report.html").read_text()
    assert "mine" in page
    # The pictures of a page of folders are opened, as on the command line.
    folders = dmlbench.compare(str(tmp_path), data=compared.comparison.dataset.fingerprint[:4])
    of_folders = folders.report(tmp_path / "folders.html").read_text()
    assert of_folders.count("data:image") == page.count("data:image") > 0
    assert folders.plot.embeddings("paint_hue").get_title()
    assert len(repr(evaluations[0])) < 300


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"maps": -1}, "maps: .*greater than or equal to 0"),
        ({"map": 1}, r"map: unknown field \(did you mean 'maps'\?\)"),
        ({"method": "gradcam"}, "gradcam.*did you mean 'grad_cam'"),
        ({"seed": -1}, "seed: .*greater than or equal to 0"),
    ],
)
def test_a_setting_that_is_not_valid_is_refused_in_one_line(network, shapes, settings, message):
    with pytest.raises(InputError, match=message) as refused:
        dmlbench.evaluate(network, shapes, **settings)
    assert "\n" not in str(refused.value)


def test_preprocessing_of_other_libraries_is_understood():
    ensure_torchvision_imports()
    transforms = pytest.importorskip("torchvision.transforms")
    v2 = pytest.importorskip("torchvision.transforms.v2")
    steps = [
        transforms.Resize(72, interpolation=transforms.InterpolationMode.BICUBIC),
        transforms.CenterCrop(64),
        transforms.ToTensor(),
        transforms.Normalize((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)),
    ]
    same = Preprocessing(
        (64, 64), (72, 72), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), interpolation="bicubic"
    )
    loaded = load_model(nn.Flatten(), preprocessing=transforms.Compose(steps))
    assert loaded.preprocessing == same
    squashed = transforms.Compose([transforms.Resize((48, 64)), *steps[2:]])
    assert load_model(nn.Flatten(), preprocessing=squashed).preprocessing.fit == "squash"
    cropped = load_model(
        nn.Flatten(), preprocessing=transforms.Compose([transforms.Resize((80, 72)), *steps[1:]])
    ).preprocessing
    picture = Image.effect_noise((90, 70), 80).convert("RGB")
    expected = transforms.Compose([transforms.Resize((80, 72)), *steps[1:]])(picture)
    assert torch.allclose(cropped.to_tensor(picture), expected, atol=0.02)
    scaled = v2.ToDtype(torch.float32, scale=True)
    typed = v2.ToDtype(torch.float32)
    for steps_to_float, scale in (
        ([steps[2], typed], 1),
        ([v2.ToImage(), scaled, typed], 1),
        ([v2.ToImage(), typed], 255),
    ):
        read = preprocessing_from(transforms.Compose([*steps[:2], *steps_to_float, steps[3]]))
        assert read.scale == scale
    for wrong, message in (
        (transforms.Compose([*steps, steps[3]]), "a second Normalize"),
        (
            transforms.Compose([transforms.Resize(72, max_size=90), *steps[1:]]),
            "Resize with max_size 90",
        ),
        (transforms.Compose([transforms.RandomCrop(8)]), "RandomCrop has no counterpart"),
        (transforms.Compose(steps[1:]), "has no Resize"),
        (transforms.Compose([steps[0], *steps[2:]]), "CenterCrop after it"),
        (transforms.Compose([steps[1], steps[0], *steps[2:]]), "CenterCrop, then Resize; valid: R"),
        (transforms.Compose([*steps[:2], steps[0], *steps[1:]]), "Resize, then CenterCrop, then"),
        ("imagenet", "str is not known; valid: "),
    ):
        with pytest.raises(ModelError, match=message):
            load_model(nn.Flatten(), preprocessing=wrong)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (42, "int 42: is no model; valid: a reference as text, a module"),
        (nn.LazyLinear(3), "LazyLinear: the network is lazy"),
        (lambda images: images.mean(), "in memory: function: returns one number, expected"),
    ],
)
def test_what_is_no_model_is_refused(model, message):
    with pytest.raises(ModelError, match=message):
        load_model(model)


def test_a_loaded_model_takes_no_options(network, shapes, tmp_path):
    loaded = load_model(network)
    assert load_model(loaded) is loaded
    for options in ({"loss": "arcface"}, {"input_size": 64}, {"preprocessing": Preprocessing()}):
        (name,) = options
        with pytest.raises(ModelError, match=rf"^{name}: not with a model that is loaded already"):
            load_model(loaded, **options)
    with pytest.raises(ModelError, match=r"^loss: not with a model"):
        dmlbench.evaluate(loaded, shapes, loss="arcface", out=tmp_path)


def test_models_without_a_fixed_embedding_do_not_share_results():
    ids = [
        load_model(draw, allow_unstable=True).id
        for draw in (
            lambda images: torch.randn(len(images), 4),
            lambda images: torch.rand(len(images), 4),
        )
    ]
    assert len(set(ids)) == 2


def test_what_a_property_is_called_is_asked_before_images_are_embedded(network, shapes, tmp_path):
    passes = 0
    measured = copy.deepcopy(network).eval()

    def counted(images):
        nonlocal passes
        passes += 1
        return measured(images)

    load_model(counted)
    probed, passes = passes, 0
    with pytest.raises(InputError, match="unknown property 'paint_hu'"):
        dmlbench.evaluate(counted, shapes, only=["paint_hu"], out=tmp_path)
    assert passes == probed


def test_a_network_of_timm_brings_its_preprocessing():
    ensure_torchvision_imports()
    timm = pytest.importorskip("timm")
    network = timm.create_model("efficientnet_lite0", num_classes=0)
    loaded = load_model(network)
    assert isinstance(loaded, LoadedModel)
    assert (
        loaded.preprocessing == load_model("timm:efficientnet_lite0?pretrained=false").preprocessing
    )
    config = timm.data.resolve_data_config({}, model=network)
    assert load_model(network, preprocessing=config).preprocessing == loaded.preprocessing
    steps = timm.data.create_transform(**config)
    assert load_model(network, preprocessing=steps).preprocessing == loaded.preprocessing
    assert loaded.notes == ()


LABELS = {"shape": np.repeat(["cube", "ball", "cone"], 20), "size": np.linspace(0, 1, 60)}


@pytest.mark.parametrize(
    "convert", [np.asarray, torch.tensor, pd.DataFrame], ids=["numpy", "torch", "pandas"]
)
@pytest.mark.parametrize("table", [dict, pd.DataFrame], ids=["dict", "pandas"])
def test_arrays_of_any_library_are_scored_alike(convert, table):
    embeddings = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    scored = dmlbench.score(convert(embeddings), table(LABELS), intervals=False, chance=False)
    expected = dmlbench.score(embeddings, LABELS, intervals=False, chance=False)
    pd.testing.assert_frame_equal(scored.to_frame(), expected.to_frame())
    assert set(scored.to_frame().property) == {"shape", "size"}


def test_embeddings_that_need_gradients_and_are_of_half_precision_are_scored():
    embeddings = torch.eye(3, dtype=torch.bfloat16).repeat_interleave(20, 0).requires_grad_()
    scored = dmlbench.score(embeddings, LABELS["shape"], intervals=False, chance=False)
    frame = scored.to_frame().set_index("score")
    assert frame.value["arp"] == pytest.approx(1.0)
    assert "label" in scored._repr_html_()


def test_labels_stay_as_they_are_beside_a_gap():
    """Floats would round large whole numbers, and tensors of no dimension would all differ."""
    large = [2**53, 2**53 + 1, None] * 20
    plain = [0, 1, None] * 20
    tensors = [None if label is None else torch.tensor(label) for label in plain]
    for labels in (large, plain, tensors):
        scored = dmlbench.score(
            list(torch.eye(60, requires_grad=True)),
            labels,
            kinds={"label": "categorical"},
            chance=False,
            intervals=False,
        )
        assert scored.scores.properties["label"].labels == 2


def test_kinds_are_declared_and_wrong_labels_refused():
    embeddings = np.eye(60)
    angle = {"angle": np.arange(60) * 6.0}
    kinds = {"angle": {"kind": "cyclic", "period": 360.0}}
    assert dmlbench.score(embeddings, angle, kinds=kinds, chance=False).scores.n == 60
    for labels, options, message in (
        (angle, {"kinds": {"angel": "linear"}}, "angel"),
        (angle, {"kinds": {"angle": "cyclic"}}, "period: required"),
        (angle, {"seeds": 1}, "seeds"),
        (angle, {"kinds": "linear"}, "kinds: 'linear'; valid: a kind for each property"),
        (angle, {"permutations": "many"}, "permutations many; valid: a whole number"),
        (angle, {"device": "bogus"}, "device 'bogus' cannot be used"),
        (angle, {"kinds": {"angle": None}}, "kinds: angle: None; valid: a kind, or a dictionary"),
        ({}, {}, "labels: no column; valid: "),
        ({1: range(60), "1": range(60)}, {}, "labels: two columns are called '1'"),
        (set(range(60)), {}, "labels: set with more than one dimension, or without an order"),
        ([[1, 2]] * 60, {}, "labels: list with more than one dimension"),
        ({"a": [1, 2]}, {}, "a 2 rows for 60 embeddings"),
        (angle | {"scene_id": [1.0] * 59 + [np.nan]}, {}, "labels: row 60: no scene_id; valid: "),
        (angle | {"scene_id": [None] * 60}, {}, "labels: row 1: no scene_id; valid: "),
    ):
        with pytest.raises(InputError, match=message):
            dmlbench.score(embeddings, labels, **options)
    for labels in (np.zeros((60, 2)), {"a": np.zeros((60, 2))}):
        with pytest.raises(InputError, match="labels: ndarray with more than one dimension"):
            dmlbench.score(embeddings, labels)
    for wrong in ("embeddings.npy", [[1.0, 2.0], [3.0]], 7):
        with pytest.raises(InputError, match=r"^embeddings: "):
            dmlbench.score(wrong, angle)


def test_a_notebook_says_what_was_inferred_of_labels():
    ids = np.repeat(np.arange(40), 1)
    scored = dmlbench.score(np.eye(40), ids, chance=False)
    assert "kinds inferred from the values (label: linear, 10 bins" in scored._repr_html_()
    known = dmlbench.score(np.eye(40), ids, chance=False, kinds={"label": "categorical"})
    assert "inferred" not in known._repr_html_()


@pytest.fixture(scope="module")
def compared(shapes, tmp_path_factory):
    torch.manual_seed(0)
    networks = {
        "edges": nn.Sequential(
            nn.Conv2d(3, 8, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        ),
        "pixels": nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten()),
    }
    out = tmp_path_factory.mktemp("compared")
    options = {"maps": 3, "samples": 2, "faithfulness": 0, "pairs": False}
    return dmlbench.compare(
        [
            dmlbench.evaluate(network, shapes, out=out, name=name, **{**QUICK, **options})
            for name, network in networks.items()
        ]
    )


def test_every_figure_is_drawn_into_the_axes_it_is_given(compared):
    figure = Figure()
    plot, by = compared.plot, compared.comparison.properties
    for draw, arguments in (
        (plot.heatmap, ()),
        (plot.correlations, ()),
        (plot.maps, ()),
        (plot.embeddings, (next(iter(by)),)),
    ):
        axes = figure.add_subplot()
        assert draw(*arguments, ax=axes) is axes
        assert axes.get_children()
    figure.savefig(io.BytesIO())
    text = {child.get_text() for child in plot.heatmap().texts}
    assert {"edges", "pixels", *by} <= text
    assert plot.maps(model="pixels").get_title(loc="left").startswith("pixels: ")


def test_names_are_shown_as_they_are(shapes, tmp_path):
    odd = ["$\\Loss$ a", "_mine"]
    results = [
        dmlbench.evaluate(
            nn.Sequential(nn.AdaptiveAvgPool2d(2 + place), nn.Flatten()),
            shapes,
            out=tmp_path,
            name=name,
            **QUICK,
        )
        for place, name in enumerate(odd)
    ]
    compared = dmlbench.compare(results)
    axes = compared.plot.heatmap()
    axes.figure.savefig(io.BytesIO())
    assert set(odd) <= {child.get_text() for child in axes.texts}
    page = compared.report(tmp_path / "r.html")
    assert "$\\Loss$ a" in page.read_text()


def test_results_of_other_properties_are_compared_by_those_of_all(shapes, tmp_path):
    pooled, wide = (nn.Sequential(nn.AdaptiveAvgPool2d(n), nn.Flatten()) for n in (2, 3))
    common = {"out": tmp_path, **QUICK}
    one = dmlbench.evaluate(pooled, shapes, name="one", only=("paint_hue",), **common)
    both = dmlbench.evaluate(wide, shapes, name="all", **common)
    for results in ([one, both], [both, one]):
        comparison = dmlbench.compare(results).comparison
        assert list(comparison.properties) == ["paint_hue"]
        assert any("left out, as not all models are scored" in note for note in comparison.notes)
        assert dmlbench.compare(results).report(tmp_path / "r.html").is_file()


def test_a_figure_of_what_is_not_there_names_what_is(compared):
    for draw, message in (
        (lambda plot: plot.embeddings("colour"), "unknown property 'colour'.*valid: "),
        (lambda plot: plot.maps(model="edge"), "did you mean 'edges'"),
        (lambda plot: plot.maps("nothing"), "image with a map 'nothing'"),
        (lambda plot: plot.response("shape"), "factor that a sweep changed 'shape'"),
    ):
        with pytest.raises(InputError, match=message):
            draw(compared.plot)
