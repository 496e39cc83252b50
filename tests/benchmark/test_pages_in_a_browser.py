"""Reports and leaderboards in windows of three widths and in both themes."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from playwright.sync_api import expect

from dmlbench.comparison import compare_results
from dmlbench.maps import summarize_correlations
from dmlbench.results import find_results

LONG = "a_model_with_a_very_long_name_as_they_come_from_file_names-0123456789abcdef"
PAGES = ("two", "three", "leaderboard")


@pytest.fixture(scope="module")
def written(dmlbench, results, tmp_path_factory):
    """Reports of two and of three models, and a leaderboard; the name of one model is long."""
    folder = tmp_path_factory.mktemp("pages")
    copies = shutil.copytree(results, folder / "results")
    run = next(copies.glob("wide-*/*/run.json"))
    run.write_text(json.dumps(json.loads(run.read_text()) | {"name": LONG}))
    paths = sorted(copies.iterdir())
    for name, chosen in (("two", paths[:2]), ("three", paths)):
        answer = dmlbench("report", *chosen, "--out", folder / f"{name}.html")
        assert answer.exit_code == 0, answer.err
    for path in paths:
        card = ("--trunk", "tiny", "--trained-on", "nothing", "--name", f"{path.name}_{LONG}")
        assert dmlbench("submit", path, "--board", folder / "board", *card).exit_code == 0
    answer = dmlbench("leaderboard", folder / "board", "--out", folder / "leaderboard.html")
    assert answer.exit_code == 0, answer.err
    return folder


@pytest.fixture
def show(page, written):
    """Open a page in a window of this width, with all that folds unfolded."""

    def open_page(name, width=1200, theme="light"):
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto((written / f"{name}.html").as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        return page

    return open_page


@pytest.mark.parametrize("width", [1200, 1024, 420])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways(show, name, width):
    shown = show(name, width)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    cut = """() => [...document.querySelectorAll("main *")].filter((element) =>
        element.getBoundingClientRect().right > document.documentElement.clientWidth + 1
        && !element.closest(".scroll, .strip")).map((element) => element.outerHTML.slice(0, 80))"""
    assert shown.evaluate(cut) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_text_can_be_read_in_both_themes(show, weak_texts, name, theme):
    shown = show(name, theme=theme)
    assert weak_texts(shown) == []
    paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (theme == "light")


def test_pages_share_the_bar_at_the_top(show):
    for name, kind in (("two", "report"), ("leaderboard", "leaderboard")):
        bar = show(name).locator("nav.top")
        expect(bar).to_contain_text("dml-prism")
        expect(bar).to_contain_text(kind)
        expect(bar).to_contain_text("docs/comparing.md")


def test_tables_are_folded_until_they_are_opened(page, written):
    page.goto((written / "two.html").as_uri())
    table = page.locator("table.list").first
    expect(table).not_to_be_visible()
    page.locator("summary", has_text="Scores with intervals").click()
    expect(page.locator("table.list", has_text="ARP").first).to_be_visible()


def test_thumbnails_summary_and_comparison_have_one_correlation(show, written, results):
    shown = show("two")
    chosen = sorted(results.iterdir())[:2]
    (pair,) = compare_results(find_results(chosen)).saliency.pairs
    content = json.loads(shown.locator("#explorer-content").text_content())
    of_images = [image["agreement"] for image in content["images"]["images"]]
    assert summarize_correlations(of_images).mean == pytest.approx(pair.correlation.mean, abs=0.002)
    labels = shown.locator("#image-list button").all_inner_texts()
    shown_r = sorted(float(label.split()[1].replace("−", "-")) for label in labels)
    np.testing.assert_allclose(shown_r, sorted(of_images), atol=0.006)
    r = f"{pair.correlation.mean:.2f}".replace("-", "−")
    said = shown.locator(".said li", has_text="Saliency maps of").inner_text()
    assert f"r = {r}" in said
    cell = shown.locator("table.heat").nth(1).locator("td").nth(1)
    assert cell.locator("b").inner_text() == r


def test_colors_and_marks_are_explained_beside_the_table_that_uses_them(show):
    shown = show("three")
    section = shown.locator("section", has=shown.locator("#properties"))
    for selector, word in (("td.marked", "bold, underlined"), ("td", "gray: inside chance")):
        assert section.locator(selector).count()
        expect(section.locator(".legend")).to_contain_text(word)
