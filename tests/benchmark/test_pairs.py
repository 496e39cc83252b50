"""Maps of pairs: an independent loop, known answers, wrong nearest neighbors, and the commands."""

import hashlib
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dmlbench.evaluation import pairs_step, workbench
from dmlbench.losses import DISTANCES, squared_euclidean
from dmlbench.models import load_model
from dmlbench.results import find_results
from dmlbench.saliency import METHODS, explain_pair, pair_saliency, run_method
from dmlbench.scores.labels import Property, encode_labels
from dmlbench.scores.wrong_neighbors import wrong_neighbors
from dmldata.dataset import open_dataset

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

KEYS = ["car_a", "car_b"]


@pytest.mark.parametrize(
    ("labels", "chosen"),
    [
        ({"caption": ["a", "b", "c"], "empty": [None] * 3, "color": ["r", "b", "r"]}, "color"),
        ({"class": ["a", "a", "b"], "color": ["r", "b", "r"]}, "class"),
        ({"class": ["a", "a", "a"], "color": ["r", "b", "r"]}, "color"),
        ({"caption": ["a", "b", "c"]}, None),
    ],
)
def test_a_neighbor_can_be_wrong_where_labels_repeat_and_differ(labels, chosen):
    columns = {name: Property(np.array(cells, object)) for name, cells in labels.items()}
    assert pairs_step.property_of_neighbors(columns) == chosen


def network():
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 6, 3), nn.Softplus(), nn.AdaptiveAvgPool2d(3), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(54, 5)).eval().double()


@pytest.fixture
def images():
    return torch.randn(2, 3, 12, 10, generator=torch.Generator().manual_seed(1)).double()


def by_hand(model, image, other, distance, *, samples, sigma, seed, key):
    """D(f(x_s), f(y)) one copy at a time, both images in one graph, NumPy's percentile."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little"))
    deviation = sigma * float(image.max() - image.min())
    total = np.zeros(image.shape[1:])
    for _ in range(samples):
        copy = image + torch.randn(image.shape, generator=generator).double() * deviation
        copy.requires_grad_()
        (distance(model(copy[None]), model(other[None]))[0] / samples).backward()
        total += np.abs(copy.grad.numpy().mean(axis=0))
    low, high = total.min(), np.percentile(total, 99)
    return np.clip((total - low) / (high - low), 0, 1)


@pytest.mark.parametrize("distance", DISTANCES)
def test_map_of_a_pair_is_the_gradient_of_its_distance(images, distance):
    model, settings = network(), {"samples": 5, "sigma": 0.15, "seed": 3}
    maps = pair_saliency(model, images, DISTANCES[distance], keys=KEYS, **settings)
    for row, key in enumerate(KEYS):
        pair = images[row], images[1 - row]
        expected = by_hand(model, *pair, DISTANCES[distance], key=key, **settings)
        np.testing.assert_allclose(maps[row].numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_explains_pairs_and_swapping_the_images_swaps_the_maps(images, method):
    model, black = network(), torch.zeros(1, 3, 12, 10).double()
    settings = {"method": method, "black": black, "samples": 3}
    maps = pair_saliency(model, images, squared_euclidean, keys=KEYS, **settings)
    swapped = pair_saliency(model, images.flip(0), squared_euclidean, keys=KEYS[::-1], **settings)
    assert torch.equal(maps, swapped.flip(0))
    assert not torch.equal(maps[0], maps[1])
    with torch.no_grad():
        other = model(images[1:])
    expected = run_method(
        method, model, images[:1], other, squared_euclidean, keys=KEYS[:1], black=black, samples=3
    )
    assert torch.equal(maps[:1], expected)


def test_model_that_sees_one_corner_has_maps_of_that_corner(images):
    def corner(x):
        return torch.sin(x[:, :, :4, :4]).flatten(1)

    for method in ("smoothgrad_paper", "gradient"):
        maps = pair_saliency(corner, images, squared_euclidean, keys=KEYS, method=method, samples=4)
        assert (maps[:, :4, :4] > 0).sum() >= 30
        assert (maps[:, 4:] == 0).all()
        assert (maps[:, :, 4:] == 0).all()


@pytest.mark.parametrize(("count", "keys"), [(1, ["a"]), (2, ["a"]), (3, ["a", "b", "c"])])
def test_pair_is_two_images_with_a_key_each(count, keys):
    with pytest.raises(ValueError, match="expected 2 of each"):
        pair_saliency(network(), torch.zeros(count, 3, 12, 10), squared_euclidean, keys=keys)


def nearest_by_hand(embeddings, row, allowed):
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    similarity = np.where(allowed, unit @ unit[row], -np.inf)
    similarity[row] = -np.inf
    return int(similarity.argmax())


@pytest.mark.parametrize("scenes", [None, np.arange(60) // 3])
def test_wrong_neighbors_are_nearest_of_another_label_and_in_one_pair_each(scenes):
    rng = np.random.default_rng(5)
    embeddings = rng.normal(size=(60, 4))
    labels = np.repeat(rng.permutation(20) % 4, 3).astype(float)
    labels[:6] = np.nan
    pairs = wrong_neighbors(embeddings, encode_labels(labels, 60, "x", scenes), 8, seed=1)
    assert len(pairs) == 8
    assert len({row for pair in pairs for row in pair}) == 16
    for query, neighbor in pairs:
        allowed = ~np.isnan(labels) & (True if scenes is None else scenes != scenes[query])
        assert nearest_by_hand(embeddings, query, allowed) == neighbor
        assert labels[query] != labels[neighbor]
    coded = encode_labels(labels, 60, "x", scenes)
    assert wrong_neighbors(embeddings, coded, 3, seed=1) == pairs[:3]


def test_model_that_is_never_wrong_has_no_wrong_neighbors():
    embeddings = np.eye(3)[np.arange(30) % 3]
    assert wrong_neighbors(embeddings, encode_labels(np.arange(30) % 3, 30), 4, seed=0) == []


def test_evaluate_explains_wrong_nearest_neighbors(results, shapes, models):
    dataset = open_dataset(shapes)
    keys = dataset.samples["key"].to_pylist()
    label_of = dict(zip(keys, dataset.values("car_model"), strict=True))
    images = {item.key: item.image for item in dataset.samples_iter()}
    for result in find_results([results]):
        described, maps = result.pairs, result.pair_maps()
        assert described.property_key == "car_model"
        assert 1 <= len(described.pairs) <= 4
        embeddings = result.folder.read_embeddings().astype(float)
        for pair in described.pairs:
            assert label_of[pair.query] != label_of[pair.neighbor]
            row = nearest_by_hand(embeddings, keys.index(pair.query), np.ones(24, bool))
            assert keys[row] == pair.neighbor
        first = described.pairs[0]
        loaded = load_model(str(models[result.run.name]))
        shown = [images[key] for key in first.keys]
        explained = explain_pair(loaded, shown, first.keys, samples=4)
        np.testing.assert_array_equal(maps.maps[:2], explained.maps.astype(np.float16))
        assert first.distance == explained.distances[0]
        assert maps.keys.tolist()[:2] == list(first.keys)
        assert np.isfinite(maps.attention_on_car).all()


def evaluate(dmlbench, models, shapes, out, *options):
    settings = ["--out", out, "--maps", 2, "--samples", 2, "--no-chance", "--no-intervals"]
    answer = dmlbench("evaluate", models["small"], "--data", shapes, *settings, *options)
    assert answer.exit_code == 0, answer.err
    return answer.out


def test_pairs_are_reused_and_made_for_results_that_lack_them(
    dmlbench, models, shapes, tmp_path, monkeypatch
):
    # Parts that are made again in as many seconds leave run.json as it was, but it has to be there.
    monkeypatch.setattr(workbench, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    out = tmp_path / "out"
    evaluate(dmlbench, models, shapes, out)
    (folder,) = out.glob("*/*")
    whole = {name: (folder / name).read_bytes() for name in ("pairs.json", "pairs.npz")}
    assert "pairs: reused (4 wrong nearest neighbors)" in evaluate(dmlbench, models, shapes, out)
    (folder / "pairs.npz").write_bytes(b"damaged")
    assert "altered since" in evaluate(dmlbench, models, shapes, out)
    assert {name: (folder / name).read_bytes() for name in whole} == whole
    run = json.loads((folder / "run.json").read_text())
    del run["files"]["pairs.json"], run["files"]["pairs.npz"], run["steps"]["pairs"]
    (folder / "run.json").write_text(json.dumps(run))
    for name in whole:
        (folder / name).unlink()
    (result,) = find_results([out])
    assert result.pairs is None
    answer = dmlbench("report", out, "--out", tmp_path / "r.html")
    assert answer.exit_code == 0, answer.err
    assert "Wrong nearest neighbors" not in (tmp_path / "r.html").read_text()
    assert "maps: reused" in evaluate(dmlbench, models, shapes, out)
    assert {name: (folder / name).read_bytes() for name in whole} == whole


def test_interrupted_pairs_go_on_after_the_last_pair(
    dmlbench, models, shapes, tmp_path, monkeypatch
):
    from dmlbench.evaluation import tasks

    make, made = tasks.make_pair_maps, []

    def interrupted(*arguments, **options):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(1)
        return make(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "make_pair_maps", interrupted)
        settings = ["--maps", 2, "--samples", 2, "--no-chance", "--no-intervals"]
        given = ["evaluate", models["small"], "--data", shapes, "--out", tmp_path / "cut"]
        assert dmlbench(*given, *settings).exit_code == 130
    assert len(list(tmp_path.glob("cut/*/*/unfinished/pairs-*/*.npz"))) == 2
    said = evaluate(dmlbench, models, shapes, tmp_path / "cut")
    assert said.count("pairs: 2 images reused from an interrupted call") == 2
    evaluate(dmlbench, models, shapes, tmp_path / "whole")
    for name in ("pairs.json", "pairs.npz"):
        cut, whole = (next(tmp_path.glob(f"{out}/*/*/{name}")) for out in ("cut", "whole"))
        assert cut.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.rglob("unfinished"))


@pytest.mark.parametrize("options", [("--maps", 0), ("--no-pairs",)])
def test_without_maps_or_where_not_asked_for_are_no_pairs(
    dmlbench, models, shapes, tmp_path, options
):
    evaluate(dmlbench, models, shapes, tmp_path / "out", *options)
    assert not list(tmp_path.rglob("pairs.*"))
    answer = dmlbench("report", tmp_path / "out", "--out", tmp_path / "r.html")
    assert answer.exit_code == 0, answer.err


def test_report_shows_pairs_and_refuses_altered_ones(dmlbench, copy_of_results, shapes, tmp_path):
    page = tmp_path / "report.html"
    assert dmlbench("report", copy_of_results, "--out", page).exit_code == 0
    text = page.read_text()
    assert "Wrong nearest neighbors" in text
    assert text.count("map of the neighbor") == sum(
        len(result.pairs.pairs) for result in find_results([copy_of_results])
    )
    (folder, *_) = copy_of_results.glob("*/*")
    shutil.copy(folder / "maps.npz", folder / "pairs.npz")
    answer = dmlbench("report", copy_of_results, "--out", page)
    assert answer.exit_code == 2
    assert "pairs.npz: altered since it was measured" in answer.err


@pytest.fixture
def pair(shapes, tmp_path):
    """Files of two images of the dataset, under their keys."""
    items = list(open_dataset(shapes).samples_iter(keys={"img0001", "img0002"}))
    for item in items:
        item.image.save(tmp_path / f"{item.key}.png")
    return [tmp_path / f"{item.key}.png" for item in items]


def test_explain_writes_a_picture_and_the_maps(dmlbench, models, pair, tmp_path):
    files = tmp_path / "pair.png", tmp_path / "deep" / "pair.npz"
    answer = dmlbench(
        *("explain", models["cropped"], *pair, "--samples", 3, "--loss", "arcface"),
        *("--out", files[0], "--out", files[1], "--json"),
    )
    assert answer.exit_code == 0, answer.err
    assert answer.json["distance"] == "cosine_similarity"
    assert Image.open(files[0]).size[0] > 900
    images = [Image.open(path).convert("RGB") for path in pair]
    loaded = load_model(str(models["cropped"]), loss="arcface")
    explained = explain_pair(loaded, images, ["img0001", "img0002"], samples=3)
    with np.load(files[1]) as arrays:
        np.testing.assert_array_equal(arrays["maps"], explained.maps)
        assert arrays["distances"].tolist() == answer.json["distances"]
        assert arrays["geometry"].shape == (2, 4, 2)
        assert [name[-11:] for name in arrays["images"]] == ["img0001.png", "img0002.png"]


def test_explain_says_the_distance(dmlbench, models, pair, tmp_path):
    words = ["--method", "gradient", "--out", tmp_path / "pair.png"]
    answer = dmlbench("explain", models["small"], *pair, *words)
    assert answer.exit_code == 0, answer.err
    assert "euclidean distance 0." in answer.out


def broken(tmp_path, pair, what):
    """The words of the command with one fault, and what the message has to say."""
    first, second = pair
    text, huge, copy = tmp_path / "text.png", tmp_path / "huge.png", tmp_path / "copy.png"
    text.write_text("no picture")
    shutil.copy(first, copy)
    if what == "huge":
        Image.new("1", (15_000, 15_000)).save(huge)
    out = tmp_path / "out.png"
    return {
        "missing": ([first, tmp_path / "nothing.png"], out, "nothing.png: No such file"),
        "folder": ([first, tmp_path], out, "is a folder, not a file; valid: an image file"),
        "text": ([text, second], out, "text.png: not a picture"),
        "huge": ([first, huge], out, "huge.png: Image size (225000000 pixels)"),
        "same": ([first, first], out, "is the same image as"),
        "copy": ([first, copy], out, "copy.png: is the same image as"),
        "suffix": (pair, tmp_path / "out.jpg", "valid: .png, .npz"),
        "in a file": (pair, text / "out.png", "cannot be written"),
        "onto a folder": (pair, tmp_path / "folder.png", "is a folder; valid: the name of a file"),
    }[what]


@pytest.mark.parametrize(
    "what",
    ["missing", "folder", "text", "huge", "same", "copy", "suffix", "in a file", "onto a folder"],
)
def test_explain_names_what_is_wrong(dmlbench, models, pair, tmp_path, what):
    (tmp_path / "folder.png").mkdir()
    images, out, message = broken(tmp_path, pair, what)
    before = sorted(tmp_path.rglob("*"))
    answer = dmlbench("explain", models["small"], *images, "--out", out)
    assert answer.exit_code == 2
    assert message in answer.err
    assert answer.err.strip().count("\n") == 0
    assert sorted(tmp_path.rglob("*")) == before


def test_explain_needs_a_model_with_pixels(dmlbench, pair, tmp_path):
    np.save(tmp_path / "e.npy", np.eye(3, dtype=np.float32))
    (tmp_path / "e.keys.txt").write_text("a\nb\nc\n")
    answer = dmlbench("explain", f"embeddings:{tmp_path / 'e.npy'}", *pair)
    assert answer.exit_code == 2
