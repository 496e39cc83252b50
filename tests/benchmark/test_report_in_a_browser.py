"""The page of `dmlbench report` as a reader uses it: images, maps, embeddings as points."""

from __future__ import annotations

import json
import re
import time

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from scipy.spatial.distance import pdist

from dmlbench.present.explorer import neighbors, principal, turned
from dmlbench.results import find_results

PIXELS = """place => [...document.querySelectorAll('#image-maps canvas')][place]
    .getContext('2d').getImageData(0, 0, 96, 96).data.join()"""


@pytest.fixture(scope="module")
def written(dmlbench, results, tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    answer = dmlbench("report", *sorted(results.iterdir()), "--out", file)
    assert answer.exit_code == 0, answer.err
    return file


@pytest.fixture
def report(page, written):
    page.goto(written.as_uri())
    expect(maps(page)).to_have_count(3)
    return page


def maps(page):
    return page.locator("#image-maps canvas")


def content(written):
    text = written.read_text().partition('id="explorer-content" type="application/json">')[2]
    return json.loads(text.partition("</script>")[0])


def test_images_come_where_models_disagree_most_and_in_the_order_of_the_dataset(report, written):
    images = content(written)["images"]["images"]
    labels = report.locator("#image-list button")
    shown = [float(text.split()[1]) for text in labels.all_inner_texts()]
    assert shown == sorted(shown)
    assert len(shown) == len(images) == 6
    report.get_by_label("Order").select_option("dataset")
    alts = [image.get_attribute("alt") for image in report.locator("#image-list img").all()]
    assert alts == [f"Image {image['key']}" for image in images]


def test_maps_of_the_chosen_models_are_shown_of_the_chosen_image(report, written):
    key = content(written)["images"]["images"][2]["key"]
    report.get_by_label("Order").select_option("dataset")
    report.locator("#image-list button").nth(2).click()
    expect(maps(report).first).to_have_attribute("aria-label", re.compile(f"over image {key}"))
    expect(maps(report)).to_have_count(3)
    report.get_by_label("wide", exact=True).uncheck()
    expect(maps(report)).to_have_count(2)
    expect(report.locator("#image-maps")).not_to_contain_text("wide")
    assert "car_model disc" in report.locator("#image-values").inner_text()


def test_opacity_leads_from_the_map_to_the_picture(report):
    report.get_by_label("outline").uncheck()
    assert report.evaluate(PIXELS, 0) != report.evaluate(PIXELS, 1)
    report.get_by_label("Opacity").fill("0")
    deadline = time.monotonic() + 20
    while report.evaluate(PIXELS, 0) != report.evaluate(PIXELS, 1):
        assert time.monotonic() < deadline
        report.wait_for_timeout(50)


def test_what_is_drawn_can_be_kept_as_a_picture(report):
    for button, name, wide in (
        ("#maps-save", "maps_", 3 * 96),
        ("#points-save", "embeddings", 720),
    ):
        with report.expect_download() as download:
            report.locator(button).click()
        assert download.value.suggested_filename.startswith(name)
        with Image.open(download.value.path()) as picture:
            assert picture.width >= wide
            assert len(picture.convert("RGB").getcolors(1 << 20)) > 2


def test_points_have_the_color_of_a_property_and_show_their_picture(report, written):
    canvas = report.locator("#points")
    report.locator("#points-property").select_option(label="car_model")
    expect(report.locator("#points-key span")).to_have_text(["box", "disc"])
    report.locator("#points-method").select_option("pca")
    assert "colored by car_model" in canvas.get_attribute("aria-label")
    points = content(written)["points"]
    x, y = (axis[0] for axis in points["models"][0]["pca"])
    canvas.hover(position={"x": 14 + x * 0.692, "y": 706 - y * 0.692})
    expect(report.locator("#point")).to_be_visible()
    assert "car_model" in report.locator("#point-text").text_content()


def test_arrow_keys_go_from_point_to_point(report, written):
    keys = content(written)["points"]["keys"]
    x, _ = content(written)["points"]["models"][0]["tsne"]
    report.locator("#points").focus()
    seen = []
    for _ in range(len(keys)):
        report.keyboard.press("ArrowRight")
        expect(report.locator("#point")).to_be_visible()
        seen.append(keys.index(report.locator("#point-text").text_content().splitlines()[0]))
    places = [x[index] for index in seen]
    assert places == sorted(places)
    assert places[-1] == max(x)


def test_points_are_all_images_in_the_order_of_the_dataset(written, results):
    points = content(written)["points"]
    embeddings = {
        result.run.name: result.folder.read_embeddings() for result in find_results([results])
    }
    for model in points["models"]:
        x, y = np.array(model["pca"])
        assert len(x) == 24
        expected = principal(embeddings[model["label"]])
        assert np.corrcoef(x, expected[:, 0])[0, 1] > 0.999
        assert {min(axis) + max(axis) for axis in (x, y)} <= {999, 1000, 1001}
        assert max(*x, *y) == 1000
        tsne = model["tsne"]
        assert {min(axis) + max(axis) for axis in tsne} <= {999, 1000, 1001}
        assert max(map(max, tsne)) == 1000
        # As it was computed but for a turn: all distances by one factor.
        known = pdist(turned(neighbors(embeddings[model["label"]])))
        shown = pdist(np.transpose(tsne).astype(float))
        np.testing.assert_allclose(shown, shown.max() / known.max() * known, atol=2)


def test_principal_components_are_those_of_a_known_cloud():
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(500, 3)) * (3.0, 1.0, 0.1)
    components = principal(cloud.astype(np.float32))
    np.testing.assert_allclose(
        np.abs(components), np.abs(cloud[:, :2] - cloud[:, :2].mean(0)), atol=0.3
    )
    assert principal(np.ones((4, 1), np.float32)).shape == (4, 2)


def test_tsne_keeps_clusters_together_and_is_the_same_again():
    rng = np.random.default_rng(0)
    centers = np.repeat(np.eye(3, 8), 20, axis=0)
    points = (centers + 0.05 * rng.normal(size=centers.shape)).astype(np.float32)
    embedded = neighbors(points)
    np.testing.assert_array_equal(embedded, neighbors(points))
    groups = embedded.reshape(3, 20, 2)
    within = np.linalg.norm(groups - groups.mean(1, keepdims=True), axis=-1).max()
    between = np.linalg.norm(groups.mean(1)[0] - groups.mean(1)[1])
    assert within < between


def test_without_a_script_the_page_has_all_but_what_is_drawn_by_it(chromium, written):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(written.as_uri())
    assert page.locator("table").count() > 4
    assert not page.locator("#points").is_visible()
    context.close()


def test_scenes_of_a_sweep_show_how_far_each_variant_moves(
    dmlbench, models, write, rows, tmp_path, page
):
    made = rows(24, scene_of=lambda number: number // 3)
    for number, row in enumerate(made):
        row["variant_id"] = number % 3
        row["car_model"] = ("disc", "box")[number // 3 % 2]
        row["background_value"] = 0.5
        row["paint_hue"] = (0.0, 0.25, 0.5)[number % 3]
        row["seed"] = number // 3
    sweep = write(tmp_path / "sweep", made, design="sweep", sweep_group="color")
    for name in ("small", "wide"):
        quick = ("--data", sweep, "--out", tmp_path / "r", "--maps", 0, "--name", name)
        assert dmlbench("evaluate", models[name], *quick).exit_code == 0
    file = tmp_path / "report.html"
    assert dmlbench("report", tmp_path / "r", "--out", file).exit_code == 0
    page.goto(file.as_uri())
    expect(page.locator("h4")).to_have_count(8)
    first = page.locator(".strip").first.locator(".move")
    expect(first).to_have_count(3)
    # The first picture of a scene has not moved, the others have.
    assert "small 0.00" in first.nth(0).inner_text()
    assert "small 0.00" not in first.nth(1).inner_text()
    assert "paint_hue 0.25" in first.nth(1).inner_text()
