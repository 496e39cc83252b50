"""The gallery, in a real browser: filters, strips, values, masks, keys."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmldata import open_dataset
from dmldata.common.errors import InputError
from dmlgen.gallery.build import Cell, build_gallery
from dmlgen.gallery.build import page as page_text
from dmlgen.rendering.run import render


@pytest.fixture(scope="module")
def sample():
    return Path(__file__).parents[2] / "datasets" / "sample"


@pytest.fixture(scope="module")
def gallery(sample, tmp_path_factory):
    out = tmp_path_factory.mktemp("gallery") / "gallery"
    build_gallery(sample, out, width=64)
    return out


@pytest.fixture(scope="module")
def strips(color_sweep, tmp_path_factory):
    out = tmp_path_factory.mktemp("gallery") / "sweep"
    build_gallery(color_sweep, out, width=64)
    return out


def opened(page, gallery, view=""):
    page.goto(f"{(gallery / 'index.html').as_uri()}{view}")
    return page


def tiles(page):
    return page.locator(".tile").count()


def test_all_images_are_there_and_load_as_they_come_into_view(page, gallery, sample):
    opened(page, gallery)
    assert tiles(page) == len(open_dataset(str(sample)))
    assert page.locator("#found").inner_text() == "64 of 64 images"
    first = page.locator(".tile").first
    page.wait_for_function("document.querySelector('.tile').style.backgroundImage !== ''")
    assert "sheets/00000.webp" in first.get_attribute("style")


def test_a_filter_shows_its_images_alone_and_the_address_keeps_it(page, gallery, sample):
    dataset = open_dataset(str(sample))
    bins = dataset.labels("car_model").tolist()
    opened(page, gallery)
    page.locator("summary", has_text="car_model").click()
    page.get_by_role("checkbox", name="fordFocus").check()
    assert tiles(page) == bins.count(1)
    kept = page.url.partition("#")
    assert kept[2] == "car_model=1"
    page.get_by_role("button", name="Show all").click()
    assert tiles(page) == len(dataset)
    opened(page, gallery, "#car_model=1")
    page.reload()
    assert tiles(page) == bins.count(1)


def test_two_factors_are_both_asked_for_and_two_values_either(page, gallery, sample):
    dataset = open_dataset(str(sample))
    models, hues = (dataset.labels(key).tolist() for key in ("car_model", "paint_hue"))
    expected = sum(m in (0, 1) and h == 2 for m, h in zip(models, hues, strict=True))
    opened(page, gallery, "#car_model=0,1&paint_hue=2")
    assert tiles(page) == expected


def test_a_click_shows_all_values_and_the_mask(page, gallery, sample):
    dataset = open_dataset(str(sample))
    row = dataset.samples.to_pylist()[0]
    opened(page, gallery)
    page.locator(".tile").first.click()
    assert page.locator("#key").inner_text() == row["key"]
    values = page.locator("#values tr").all_inner_texts()
    assert f"car_model\t{row['car_model']}" in values
    assert len(values) == len(dataset.manifest.factors) + 1
    mask = page.locator("#mask")
    assert not mask.is_visible()
    page.keyboard.press("m")
    assert mask.is_visible()
    loaded = "document.getElementById('mask').naturalWidth"
    page.wait_for_function(f"{loaded} > 0")
    assert page.evaluate(loaded) == dataset.manifest.image_size[0]
    assert "CC-BY" in page.locator("#credit").inner_text()


def test_keys_lead_from_picture_to_picture_and_back_to_the_page(page, gallery, sample):
    keys = open_dataset(str(sample)).samples["key"].to_pylist()
    opened(page, gallery)
    page.locator(".tile").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert page.locator("#key").inner_text() == keys[1]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#key").inner_text() == keys[0]
    page.keyboard.press("Escape")
    assert not page.locator("#one").is_visible()
    focused = page.evaluate("document.activeElement.dataset.index")
    assert focused == "0"


def test_a_sweep_is_shown_scene_by_scene(page, strips):
    opened(page, strips)
    headings = page.locator(".strip h2").all_inner_texts()
    assert headings == ["scene 0 (3)", "scene 1 (3)"]


def test_a_variant_stands_in_the_same_column_of_every_strip(page, strips, color_sweep):
    opened(page, strips)
    shown = page.locator(".tile").evaluate_all("all => all.map((one) => one.dataset.index)")
    variants = open_dataset(str(color_sweep)).samples["variant_id"].to_pylist()
    rows = np.array([variants[int(index)] for index in shown]).reshape(2, 3)
    assert rows[0].tolist() == rows[1].tolist()


def test_ordered_by_a_factor_there_is_a_strip_for_each_value(page, gallery):
    opened(page, gallery)
    page.get_by_label("Order").select_option("car_model")
    headings = [text.split(" (")[0] for text in page.locator(".strip h2").all_inner_texts()]
    assert headings == ["chevrolet", "fordFocus", "renault-scenic", "VW-new-beetle"]


def test_masks_have_the_colors_of_their_parts_and_a_clear_background(sample, gallery):
    item = next(iter(open_dataset(str(sample)).samples_iter()))
    with Image.open(gallery / "masks" / f"{item.key}.png") as file:
        overlay = file.convert("RGBA")
    assert overlay.getpixel((0, 0))[3] == 0
    painted = (np.asarray(overlay) == (230, 159, 0, 255)).all(axis=-1)
    np.testing.assert_array_equal(painted, item.mask == 1)


def test_files_are_small_and_nothing_is_left_behind(gallery):
    assert {path.name for path in gallery.iterdir()} == {"index.html", "sheets", "images", "masks"}
    assert not list(gallery.parent.glob(".*"))
    with Image.open(gallery / "sheets" / "00000.webp") as sheet:
        assert sheet.size == (512, 512)


def test_texts_of_a_dataset_cannot_end_the_script(gallery, sample, tmp_path, page):
    dataset = open_dataset(str(sample))
    text = "</script><h1>no</h1>"
    vars(dataset)["manifest"] = dataset.manifest.model_copy(update={"description": text})
    folder = shutil.copytree(gallery, tmp_path / "gallery")
    (folder / "index.html").write_text(page_text(dataset, Cell(64, 64)))
    opened(page, folder)
    assert text in page.locator("#facts").inner_text()


@pytest.mark.parametrize("width", [8, 4096])
def test_a_width_out_of_range_is_refused(sample, tmp_path, width):
    with pytest.raises(InputError, match=f"width {width}: has to be from 32 to 512"):
        build_gallery(sample, tmp_path / "out", width=width)


def test_a_folder_that_holds_something_is_left_alone(sample, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"is not empty \(it holds mine.txt\); valid: a new"):
        build_gallery(sample, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_of_two_galleries_into_one_folder_the_first_stays_whole_and_the_other_says_so(
    sample, tmp_path
):
    out, names = tmp_path / "out", []

    def another_comes_between(stage, done, total):
        if not names:
            build_gallery(sample, out)
            names.extend(sorted(path.name for path in out.glob("images/*")))

    with pytest.raises(InputError, match="is not empty"):
        build_gallery(sample, out, progress=another_comes_between)
    assert sorted(path.name for path in out.glob("images/*")) == names
    assert len(names) == len(open_dataset(str(sample)))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_a_file_manager_has_shown_is_still_empty(sample, tmp_path):
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).touch()
    build_gallery(sample, tmp_path)
    assert (tmp_path / "index.html").is_file()
    assert not (tmp_path / ".DS_Store").exists()


@pytest.mark.parametrize("width", [1200, 1024, 420])
def test_no_gallery_scrolls_sideways(page, gallery, strips, width):
    page.set_viewport_size({"width": width, "height": 900})
    for folder in (gallery, strips):
        opened(page, folder)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.locator(".tile").first.click()
        assert page.evaluate("document.querySelector('dialog').scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_of_a_gallery_can_be_read_in_both_themes(page, gallery, weak_texts, theme):
    page.emulate_media(color_scheme=theme)
    opened(page, gallery)
    page.locator(".tile").first.click()
    assert weak_texts(page) == []
    assert "dml-prism" in page.locator(".top").inner_text()


def test_maps_of_depth_and_normals_can_be_laid_over_the_picture(page, plan, engine, tmp_path):
    with_maps = replace(engine, depth=True, normals=True)
    one_scene = replace(plan, images=plan.images[:2])
    render(one_scene, with_maps, tmp_path / "data")
    build_gallery(tmp_path / "data", tmp_path / "gallery")
    opened(page, tmp_path / "gallery")
    page.locator(".tile").first.click()
    page.keyboard.press("m")
    assert page.locator("#map option").all_inner_texts() == ["parts", "depth", "normals"]
    for name in ("depth", "normals"):
        page.locator("#map").select_option(name)
        page.wait_for_function("document.getElementById('mask').naturalWidth > 0")
        assert page.locator("#mask").get_attribute("src").startswith(f"{name}/")
        assert len(list((tmp_path / "gallery" / name).iterdir())) == 2
