"""`dmlbench report`: one page that stands alone."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dmlbench.comparison import compare_results
from dmlbench.maps.geometry import Geometry
from dmlbench.present.color_scales import Scale, contrast, ink_on
from dmlbench.present.explanations import EXPLANATIONS
from dmlbench.present.numbers import number
from dmlbench.present.overlays import overlay
from dmlbench.present.report_sentences import summary
from dmlbench.results import find_results

ROOT = Path(__file__).parents[2]
VOID = {"meta", "link", "img", "wbr", "br", "input"}


class Page(HTMLParser):
    """Elements with their attributes and text; fails on tags that do not match.

    The text of the page is that which is shown: data of scripts may hold any three letters.
    """

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text = [], [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", **dict(attributes)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        if not {"script", "style"}.intersection(element["tag"] for element in self.open):
            self.text += data
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attributes):
        return [
            element
            for element in self.elements
            if element["tag"] == tag and all(element.get(k) == v for k, v in attributes.items())
        ]


@pytest.fixture(scope="module")
def written(dmlbench, results, tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    answer = dmlbench("report", *sorted(results.iterdir()), "--out", file)
    assert answer.exit_code == 0, answer.err
    assert str(file) in answer.out
    return file


@pytest.fixture(scope="module")
def page(written):
    return Page(written.read_text())


def test_page_asks_for_nothing(written, page):
    for element in page.elements:
        for name, value in element.items():
            if name in ("src", "href", "srcset", "data", "action", "poster"):
                assert value.startswith(("data:", "#")), element
    style = page.all("style")[0]["text"]
    assert "url(" not in style
    assert "@import" not in style
    text = re.sub(r"http-equiv|base64,[A-Za-z0-9+/=]+", "", written.read_text())
    assert "http" not in text


def test_no_script_but_its_own_can_run(page):
    content, script = page.all("script")
    assert content["type"] == "application/json"
    digest = base64.b64encode(hashlib.sha256(script["text"].encode()).digest()).decode()
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].endswith(f"script-src 'sha256-{digest}'")


def test_tables_are_files_in_the_page(page):
    files = [link for link in page.all("a") if "download" in link]
    assert {link["text"] for link in files} == {"CSV", "LaTeX", "SVG", "PDF", "PNG"}
    texts = {
        name: content.decode()
        for name, content in files_in(page).items()
        if name.endswith((".csv", ".tex"))
    }
    rows = list(csv.reader(io.StringIO(texts["maps_of_all_pairs_of_models.csv"])))
    assert rows[0][:2] == ["model A", "model B"]
    assert len(rows) == 1 + 3
    assert texts["maps_of_all_pairs_of_models.tex"].startswith(r"\begin{table}")


def files_in(page):
    """By name."""
    return {
        link["download"]: base64.b64decode(link["href"].partition("base64,")[2])
        for link in page.all("a")
        if "download" in link
    }


def test_figures_are_files_in_the_page(page, results):
    files = files_in(page)
    figures = ("nr_precision", "correlation_of_saliency_maps", "clustering_of_the_models")
    for name in figures:
        drawn = ElementTree.fromstring(files[f"{name}.svg"])
        words = {text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")}
        assert {"cropped", "small", "wide"} <= words
        assert files[f"{name}.pdf"].startswith(b"%PDF-")
        with Image.open(io.BytesIO(files[f"{name}.png"])) as picture:
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=1)
            assert np.asarray(picture.convert("L")).min() < 50
    first = find_results([results])[0].properties.properties["car_model"]
    score = number(first.scores["nr_precision"].value, 2).replace("-", "−")
    assert f">{score}<" in files["nr_precision.svg"].decode()


def test_page_names_models_dataset_and_size(page):
    assert page.all("title")[0]["text"] == page.all("h1")[0]["text"] == "3 models on shapes"
    for word in ("shapes 1.0.0", "24 images", "cropped, small, wide"):
        assert word in page.all("p", **{"class": "facts"})[0]["text"]


def test_property_table_prints_every_score_of_the_files(page, results):
    table = page.all("table", **{"class": "heat"})[0]
    model_results = find_results([results])
    for result in model_results:
        for name, property_scores in result.properties.properties.items():
            score = property_scores.scores["nr_precision"]
            shown = number(score.value, 2).replace("-", "−")
            assert shown in table["text"]
            hovered = [
                cell
                for cell in page.all("td")
                if cell.get("title", "").startswith(f"{name}, {result.run.name}: ")
            ]
            assert len(hovered) == 1
            assert f"NR-Precision {shown}, 95 % interval " in hovered[0]["title"]
            assert ("inside chance" in hovered[0]["title"]) == score.is_chance
            assert ("#e4e4e4" in hovered[0]["style"]) == score.is_chance


def test_highest_and_what_is_tied_with_it_stand_out(page, results):
    comparison = compare_results(find_results([results]))
    expected = sum(len(comparison.leaders(name)) for name in comparison.properties)
    marked = page.all("td", **{"class": "marked"})
    assert len(marked) == expected > 0
    assert all("may be the best" in cell["title"] for cell in marked)
    assert "Differences of NR-Precision" in page.text


def test_matrix_and_tree_have_the_order_of_the_clustering(page, results):
    comparison = compare_results(find_results([results]))
    order = [comparison.label(model) for model in comparison.saliency.clustering.order]
    grid = page.all("table", **{"class": "heat"})[1]["text"]
    places = [grid.rindex(name) for name in order]
    assert places == sorted(places)
    (tree,) = page.all("svg")
    assert [
        element["text"] for element in page.all("text") if element.get("class") != "tick"
    ] == order
    assert len(page.all("path")) == 2
    assert "3 models at r = " in tree["text"]


def test_details_hold_intervals_and_chance(page):
    heads = [element["text"] for element in page.all("th", scope="col")]
    for name in ("95 % interval", "chance", "ARP", "AMI", "floor", "ceiling", "JSD"):
        assert name in heads


def test_matrix_of_the_maps_shows_floor_and_ceiling(page, results):
    table = page.all("table", **{"class": "heat"})[1]
    for pair in compare_results(find_results([results])).saliency.pairs:
        ceiling = pair.ceiling.value
        bounds = f"{number(pair.floor.value, 2)} to {number(ceiling, 2) if ceiling else '?'}"
        assert bounds.replace("-", "−") in table["text"]
        assert number(pair.correlation.mean, 2).replace("-", "−") in table["text"]


def pairs_of(image):
    """Whether it is a picture of a pair of images."""
    return "Query" in image["alt"] or "Neighbor" in image["alt"] or "distance" in image["alt"]


def test_every_image_stands_with_a_map_of_every_model(page, results):
    images = page.all("img")
    keys = find_results([results])[0].saliency.keys
    of_pairs = [image for image in images if pairs_of(image)]
    assert len(images) - len(of_pairs) == 6 * 4
    for key in keys:
        assert sum(key in image["alt"] for image in images if image not in of_pairs) == 4
    for image in images:
        kind, _, data = image["src"].partition(";base64,")
        assert kind in ("data:image/webp", "data:image/jpeg")
        opened = Image.open(io.BytesIO(base64.b64decode(data)))
        assert opened.size == (int(image["width"]), int(image["height"])) == (96, 96)
    assert "does not apply" in page.text or "background_value 0." in page.text


def test_tables_and_images_are_accessible(page):
    assert page.all("html")[0]["lang"] == "en"
    assert all(cell["scope"] in ("row", "col") for cell in page.all("th"))
    assert all(image["alt"] for image in page.all("img"))


def test_settings_and_versions_of_every_run_are_listed(page, results):
    for result in find_results([results]):
        assert result.run.model.weights_sha256 in page.text
        assert result.run.files["maps.npz"] in page.text
        assert result.run.model.reference in page.text
    assert "torch" in page.text


def test_same_results_give_the_same_bytes(dmlbench, results, written, tmp_path):
    again = tmp_path / "again.html"
    dmlbench("report", results, "--out", again)
    assert again.read_bytes() == written.read_bytes()


def test_names_are_text_and_not_markup(dmlbench, copy_of_results, tmp_path):
    file = next(copy_of_results.glob("wide-*/*/run.json"))
    name = "<script>alert(1)</script>"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"name": name}))
    dmlbench("report", copy_of_results, "--out", tmp_path / "r.html", "--title", "<i>T</i> & more")
    page = Page((tmp_path / "r.html").read_text())
    assert len(page.all("script")) == 2
    assert page.all("h1")[0]["text"] == "<i>T</i> & more"
    assert name in page.all("p", **{"class": "facts"})[0]["text"]


def test_one_model_makes_a_page_too(dmlbench, results, tmp_path):
    answer = dmlbench("report", next(results.glob("wide-*")), "--out", tmp_path / "one.html")
    assert answer.exit_code == 0, answer.err
    page = Page((tmp_path / "one.html").read_text())
    assert page.all("h1")[0]["text"] == "wide on shapes"
    assert len(page.all("table", **{"class": "heat"})) == 1
    assert len([image for image in page.all("img") if not pairs_of(image)]) == 12


def test_moved_dataset_is_asked_for(dmlbench, copy_of_results, shapes, tmp_path):
    for file in copy_of_results.glob("*/*/run.json"):
        run = json.loads(file.read_text())
        run["dataset"]["url"] = str(tmp_path / "gone")
        file.write_text(json.dumps(run))
    out = tmp_path / "r.html"
    answer = dmlbench("report", copy_of_results, "--out", out)
    assert answer.exit_code == 2
    assert "--data" in answer.err
    assert answer.err.count("\n") == 1
    assert not out.exists()
    assert dmlbench("report", copy_of_results, "--out", out, "--images", 0).exit_code == 0
    assert Page(out.read_text()).all("img") == []
    answer = dmlbench("report", copy_of_results, "--out", out, "--data", shapes, "--images", 2)
    assert answer.exit_code == 0
    shown = Page(out.read_text()).all("img")
    assert len([image for image in shown if not pairs_of(image)]) == 2 * 4
    assert len([image for image in shown if pairs_of(image)]) == 3 * 2 * 4


def test_other_dataset_is_refused(dmlbench, results, write, rows, tmp_path):
    other = write(tmp_path / "other", rows(20))
    answer = dmlbench("report", results, "--out", tmp_path / "r.html", "--data", other)
    assert answer.exit_code == 2
    assert "no results on dataset" in answer.err
    assert not (tmp_path / "r.html").exists()


def test_incomplete_results_are_refused(dmlbench, copy_of_results, tmp_path):
    next(copy_of_results.glob("wide-*/*/run.json")).unlink()
    answer = dmlbench("report", copy_of_results, "--out", tmp_path / "r.html")
    assert answer.exit_code == 2
    assert "no run.json" in answer.err


def test_many_models_stand_in_rows(results, monkeypatch):
    from dmlbench.present import comparison_heat_maps as grids

    comparison = compare_results(find_results([results]))
    assert [name for name, _ in grids.property_grid(comparison).rows] == list(comparison.properties)
    monkeypatch.setattr(grids, "MAX_COLUMNS", 2)
    assert list(grids.property_grid(comparison).columns) == list(comparison.properties)


@pytest.mark.parametrize("value", np.linspace(-1, 1, 21))
def test_printed_values_can_be_read_on_their_colors(value):
    color = Scale(1.0, root=True).color(float(value))
    assert contrast(ink_on(color), color) >= 4.5
    dark = Scale(1.0, root=True).dark_color(float(value))
    assert contrast(ink_on(dark), dark) >= 4.5


@pytest.mark.parametrize("value", np.linspace(-1, 1, 21))
def test_correlations_can_be_read_on_their_colors(value):
    color = Scale(0.94, low=0.75, origin=0.75).color(float(value))
    assert contrast(ink_on(color), color) >= 4.5


def test_colors_of_correlations_run_from_the_floor_to_the_ceiling(results):
    from dmlbench.present.heat_maps import correlation_colors

    pairs = compare_results(find_results([results])).saliency.pairs
    scale, legend = correlation_colors(pairs)
    floors = sorted(pair.floor.value for pair in pairs)
    assert len(floors) == 3
    assert scale.low == scale.origin == floors[1]
    (ceiling,) = [pair.ceiling.value for pair in pairs if pair.ceiling.value is not None]
    assert scale.limit == ceiling
    assert scale.color(floors[1] - 0.1) == scale.color(floors[1]) == Scale(1.0).color(0.0)
    assert [at for _, at in legend.ticks] == pytest.approx([0, 50, 100])
    assert [text.split()[0] for text, _ in legend.ticks][::2] == ["floor", "ceiling"]


def test_map_lies_over_the_part_of_the_image_that_the_model_saw():
    image = Image.new("RGB", (100, 100), "white")
    saliency = np.zeros((50, 50), np.float32)
    saliency[:25, :25] = 1.0
    shown = np.asarray(
        overlay(image, saliency, Geometry((100, 100), (100, 100), (25, 25), (50, 50)))
    )
    outside, bright, calm = shown[10, 10], shown[30, 30], shown[60, 60]
    assert outside.max() < calm.max()
    assert np.ptp(outside) == np.ptp(calm) == 0
    assert np.ptp(bright.astype(int)) > 50


def test_report_of_models_without_maps_has_no_images(dmlbench, copy_of_results, models, shapes):
    shutil.rmtree(copy_of_results)
    quick = ["--out", copy_of_results, "--maps", 0, "--no-chance", "--no-intervals"]
    for name in ("small", "wide"):
        dmlbench("evaluate", models[name], "--data", shapes, *quick)
    out = copy_of_results / "r.html"
    assert dmlbench("report", copy_of_results, "--out", out).exit_code == 0
    page = Page(out.read_text())
    assert page.all("img") == []
    assert len(page.all("table", **{"class": "heat"})) == 1


def test_sentences_say_what_the_numbers_say(results, page):
    comparison = compare_results(find_results([results]))
    sentences = list(summary(comparison))
    for sentence in sentences:
        assert sentence.replace(" -", " −") in page.text
    (strongest,) = (sentence for sentence in sentences if "most strongly" in sentence)
    (attention,) = (sentence for sentence in sentences if sentence.startswith("Attention"))
    for result in find_results([results]):
        scores = result.properties.properties
        beyond = {
            name: property_scores.scores["nr_precision"].value
            for name, property_scores in scores.items()
            if not property_scores.scores["nr_precision"].is_chance
            and property_scores.scores["nr_precision"].value > 0
        }
        best = max(beyond, key=beyond.get) if beyond else "no property beyond chance"
        assert f"{result.run.name} by {best}" in strongest
        on_car = number(result.saliency.attention_on_car.value, 2)
        assert f"{result.run.name} {on_car}" in attention
    assert (" or " in strongest) == ("Where several are named" in strongest)
    inside = sum(
        property_scores.scores["nr_precision"].is_chance
        for by_model in comparison.properties.values()
        for property_scores in by_model.values()
    )
    assert sentences[-1].startswith(f"{inside} of 9 scores are no different from chance")
    assert any(sentence.startswith("Saliency maps over 6 images") for sentence in sentences)


def test_maps_stand_below_the_heat_map_and_tables_fold_away(page):
    headings = [element["id"] for element in page.all("h2") if "id" in element]
    assert headings[:3] == ["properties", "images", "pixels"]
    opened = [element for element in page.all("details") if "open" in element]
    assert opened == []
    lists = page.text.index("All numbers")
    assert page.text.index("Maps over images") < lists < page.text.index("JSD")


def test_the_bar_leads_to_every_section(page):
    anchors = {element["id"] for element in page.elements if "id" in element}
    within = [link["href"] for link in page.all("a") if link["href"].startswith("#")]
    assert {"#properties", "#images", "#pixels", "#embeddings", "#numbers"} <= set(within)
    assert {link.removeprefix("#") for link in within} <= anchors


@pytest.mark.parametrize("topic", EXPLANATIONS)
def test_pages_of_the_documentation_that_a_page_names_have_that_heading(topic):
    file, heading = EXPLANATIONS[topic]
    lines = (ROOT / file).read_text().splitlines()
    assert heading in {line.lstrip("# ") for line in lines if line.startswith("#")}
