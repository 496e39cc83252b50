"""Photographs in the layouts of others are known by their files."""

from __future__ import annotations

import json
from collections import Counter

import fsspec
import numpy as np
import pytest
import scipy.io
import webdataset

from dmlbench.sources import open_source
from dmlbench.sources.decode import decode_photograph
from dmlbench.sources.mat_file import read_mat
from dmldata.common.errors import DatasetError, InputError, UnknownNameError


def rows(source):
    return [item.row for item in source.samples_iter()]


def test_datasets_of_the_project_are_image_sources(shapes):
    source = open_source(str(shapes))
    assert source.has_masks
    assert (source.notes, dict(source.options)) == ((), {})
    with pytest.raises(InputError, match=r"properties p: .* is a dataset of this project"):
        open_source(str(shapes), properties="p")


def test_a_split_of_a_dataset_of_the_project_is_a_source_of_its_own(shapes):
    whole, test = open_source(str(shapes)), open_source(str(shapes), split="test")
    assert set(test.samples["split"].to_pylist()) == {"test"}
    assert len(test) == len(rows(test)) == whole.samples["split"].to_pylist().count("test")
    assert dict(test.options) == {"split": "test"}
    assert open_source(test.url, **test.options).fingerprint == test.fingerprint
    fingerprints = {
        source.fingerprint for source in (whole, test, open_source(test.url, split="train"))
    }
    assert len(fingerprints) == 3
    assert open_source(test.url, split="all").fingerprint == whole.fingerprint
    with pytest.raises(UnknownNameError, match=r"unknown split 'tset' .*valid: test, train"):
        open_source(str(shapes), split="tset")


def test_training_opens_the_training_split_where_there_is_one(
    shapes, cars196, csv_folder, tmp_path
):
    assert dict(open_source(str(shapes), default_split="train").options) == {"split": "train"}
    assert dict(open_source(str(shapes), default_split="train", split="all").options) == {}
    source = open_source(str(cars196), default_split="train")
    assert (source.manifest.name, dict(source.options)) == ("Cars196 train", {"split": "train"})
    photos = csv_folder(tmp_path / "photos", ["file,p", "a.jpg,1"])
    assert dict(open_source(str(photos), default_split="train").options) == {}


def test_cars196_gives_the_second_half_of_its_classes(cars196):
    source = open_source(str(cars196))
    assert source.manifest.name == "Cars196 test"
    assert source.samples["key"].to_pylist()[0] == "car_ims/000011.jpg"
    labels = source.values("class").tolist()
    assert labels == 5 * ["Make 3 Sedan 2012"] + 5 * ["Make 4 Sedan 2012"]
    assert source.labels("class").tolist() == 5 * [0] + 5 * [1]
    assert source.manifest.factor("class").kind == "categorical"
    assert len(open_source(str(cars196), split="train")) == 10
    assert len(open_source(str(cars196), split="all")) == 20


def test_cars196_in_two_parts_has_the_same_classes(cars196_in_parts):
    source = open_source(str(cars196_in_parts))
    keys = source.samples["key"].to_pylist()
    assert [key.partition("/")[0] for key in keys] == 5 * ["cars_train"] + 5 * ["cars_test"]
    assert Counter(source.values("class").tolist()) == {
        "Make 3 Sedan 2012": 5,
        "Make 4 Sedan 2012": 5,
    }
    assert len(open_source(str(cars196_in_parts), split="all")) == 20
    (cars196_in_parts / "cars_test_annos_withlabels.mat").unlink()
    with pytest.raises(DatasetError, match=r"no cars_test_annos_withlabels\.mat, which holds"):
        open_source(str(cars196_in_parts))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [float, np.uint8, np.int16, np.int64])
def test_mat_files_give_what_scipy_wrote(tmp_path, compressed, kind):
    structs = np.empty((1, 2), [("name", object), ("n", object)])
    structs[0] = [("Ünter", kind(3)), ("b", np.array([[1, 2]], kind))]
    cells = np.empty((1, 3), object)
    cells[0] = ["x" * 9, "", np.eye(2)]
    content = {"structs": structs, "cells": cells, "other": 1j}
    scipy.io.savemat(tmp_path / "x.mat", content, do_compression=compressed)
    assert read_mat(tmp_path / "x.mat", ("structs", "cells")) == {
        "structs": [{"name": "Ünter", "n": 3}, {"name": "b", "n": [1, 2]}],
        "cells": ["x" * 9, "", [1, 0, 0, 1]],
    }


def test_cub200_gives_the_second_half_of_its_classes_whatever_its_own_split(cub200):
    source = open_source(str(cub200))
    assert source.values("class").tolist() == [
        *2 * ["003.Bird_3"],
        *2 * ["004.Bird_4"],
        *2 * ["005.Bird_5"],
    ]
    train = open_source(str(cub200), split="train")
    assert train.values("class").tolist() == 2 * ["001.Bird_1"] + 2 * ["002.Bird_2"]
    assert len(open_source(str(cub200), split="all")) == 10


def test_online_products_have_a_class_and_a_super_class(products):
    source = open_source(str(products))
    assert source.manifest.varied == ("class", "super_class")
    assert source.values("class").tolist() == ["3", "3", "4", "4", "5", "5", "6", "6"]
    assert source.values("super_class").tolist() == 2 * ["chair", "chair", "bicycle", "bicycle"]
    assert len(open_source(str(products), split="train")) == 4
    assert len(open_source(str(products), split="all")) == 12


def test_unknown_split_lists_those_there_are(cub200):
    with pytest.raises(UnknownNameError, match=r"'tset' \(did you mean 'test'\?\); valid: train"):
        open_source(str(cub200), split="tset")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("images.txt", "10 005.Bird_5/Bird_0009_9.jpg", "10", r"images.txt, line 10: '10'; valid"),
        ("images.txt", "10 005", "9 005", r"images.txt, line 10: '9' occurs more than once"),
        ("image_class_labels.txt", "9 5", "9 6", r"labels.txt, line 9: class '6'; valid: 1 to 5"),
        ("image_class_labels.txt", "9 5", "99 5", r"images.txt, line 9: image 9 has no class"),
        ("images.txt", "005.Bird_5/Bird_0009", "../Bird_0009", r"line 10: .* leaves the folder"),
        ("images.txt", "Bird_0009_9.jpg", "Bird_0008_8.jpg", r"line 10: .* as in .*, line 9"),
    ],
)
def test_cub200_that_breaks_its_layout_is_refused(cub200, file, old, new, message):
    text = (cub200 / file).read_text()
    assert old in text
    (cub200 / file).write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        open_source(str(cub200))


def test_listed_images_that_are_not_there_are_counted(cars196):
    for number in (12, 14, 15):
        (cars196 / f"car_ims/{number:06d}.jpg").unlink()
    with pytest.raises(DatasetError, match=r"annotation 12: .* is not in .* \(and 2 more\)"):
        open_source(str(cars196))


def test_online_products_without_the_header_are_refused(products):
    text = (products / "Ebay_test.txt").read_text().partition("\n")[2]
    (products / "Ebay_test.txt").write_text(text)
    with pytest.raises(InputError, match=r"Ebay_test.txt, line 1: .*valid: the header 'image_id"):
        open_source(str(products))


def test_csv_rows_are_images_in_the_order_of_the_file(csv_folder, tmp_path):
    folder = csv_folder(
        tmp_path / "photos",
        ["file_name,year,color,weight", "b/2.jpg,1999,red,1.5", "a/1.jpg,1999,,2", "c.png,,red,"],
        "metadata.csv",
    )
    (folder / "a/extra.jpg").write_bytes((folder / "a/1.jpg").read_bytes())
    source = open_source(str(folder))
    assert source.samples["key"].to_pylist() == ["b/2.jpg", "a/1.jpg", "c.png"]
    assert source.values("color").tolist() == ["red", None, "red"]
    assert source.labels("color").tolist() == [0, -1, 0]
    np.testing.assert_array_equal(source.values("weight"), [1.5, 2.0, np.nan])
    assert source.labels("weight").tolist() == [0, 1, -1]
    assert source.manifest.factor("weight").kind == "linear"
    assert any("1 images in" in note and "left out" in note for note in source.notes)
    assert rows(source)[2] == {"key": "c.png", "year": None, "color": "red", "weight": None}


def test_labels_may_lie_elsewhere_and_go_before_any_other_layout(csv_folder, cub200, tmp_path):
    name = "images/004.Bird_4/Bird_0006_6.jpg"
    labels = tmp_path / "mine.csv"
    labels.write_text(f"file,pose\n./{name},side\n")
    source = open_source(str(cub200), labels=str(labels))
    assert source.samples.to_pylist() == [{"key": name, "pose": "side"}]
    assert source.options == {"labels": str(labels)}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,p", "a.jpg,1", "b.jpg,2", "a.jpg,3"], r"line 4: 'a.jpg' occurs .* line 2"),
        (["file,p", "a.jpg,1", "./a.jpg,3"], r"line 3: 'a.jpg' occurs .* line 2"),
        (["p,q", "a.jpg,1"], "line 1: 0 of the columns file and file_name; .*columns: p, q"),
        (["file,file_name", "a.jpg,a.jpg"], "line 1: 2 of the columns"),
        (["file,p", "a.jpg,1", "notes.txt,1"], r"line 3: 'notes.txt': not an image; valid: jpg"),
        (["file,p", "a.jpg,1,2"], "line 2: 3 cells; valid: 2"),
        (["file,p"], "no rows below the header"),
        (["file,scene_id", "a.jpg,1", "b.jpg,"], "image 'b.jpg' has no scene_id"),
    ],
)
def test_csv_file_that_makes_no_sense_is_refused(csv_folder, tmp_path, lines, message):
    folder = csv_folder(tmp_path / "photos", lines)
    with pytest.raises(InputError, match=message):
        open_source(str(folder))


def test_csv_row_without_an_image_is_refused(csv_folder, tmp_path):
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.jpg,1", "b.jpg,2", "c.jpg,2"])
    (folder / "b.jpg").unlink()
    (folder / "c.jpg").unlink()
    with pytest.raises(DatasetError, match=r"csv, line 3: 'b.jpg' is not in .* \(and 1 more"):
        open_source(str(folder))


def test_two_label_files_need_a_choice(csv_folder, tmp_path):
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.jpg,1"])
    csv_folder(folder, ["file,p", "a.jpg,2"], "metadata.csv")
    with pytest.raises(InputError, match=r"labels.csv and metadata.csv; choose one with --labels"):
        open_source(str(folder))
    source = open_source(str(folder), labels=str(folder / "metadata.csv"))
    assert source.values("p").tolist() == [2.0]


def test_samples_of_a_webdataset_are_read_in_the_order_of_the_shards(tar, draw, tmp_path):
    for shard in range(2):
        files = {}
        for number in (2 * shard, 2 * shard + 1):
            files[f"./cars/{number}.json"] = {"hue": number / 4, "model": "ab"[number % 2]}
            files[f"./cars/{number}.jpg"] = draw(number)
            files[f"./cars/{number}.mask.png"] = b"not looked at"
        tar(tmp_path / f"set/part-{shard}.tar", files)
    for url in ("set", "set/*.tar", "set/part-{0..1}.tar", "file://{}/set/part-*.tar"):
        source = open_source(
            url.replace("{}", str(tmp_path)) if "//" in url else f"{tmp_path}/{url}"
        )
        assert [row["key"] for row in rows(source)] == [f"cars/{n}" for n in range(4)]
        assert source.values("model").tolist() == ["a", "b", "a", "b"]
        assert source.values("hue").tolist() == [0, 0.25, 0.5, 0.75]
        assert not source.has_masks
    chosen = list(source.samples_iter(keys=["cars/3", "cars/1"]))
    assert [item.key for item in chosen] == ["cars/1", "cars/3"]
    assert chosen[0].image.size == (32, 48)
    with pytest.raises(DatasetError, match="no image 'cars/9'"):
        source.samples_iter(keys=["cars/9"])


def test_shards_of_the_webdataset_library_are_read(draw, tmp_path):
    with webdataset.ShardWriter(str(tmp_path / "w-%06d.tar"), maxcount=3, verbose=0) as writer:
        for number in range(5):
            labels = {"angle": 72.0 * number}
            writer.write({"__key__": f"{number:04d}", "jpg": draw(number), "json": labels})
    source = open_source(f"{tmp_path}/w-{{000000..000001}}.tar")
    assert source.values("angle").tolist() == [0, 72, 144, 216, 288]
    assert len(rows(source)) == 5


def test_shards_behind_a_url_read_the_same(tar, draw, tmp_path):
    path = tar(tmp_path / "x.tar", {"a.json": {"p": 1}, "a.png": draw(0, kind="PNG")})
    fsspec.filesystem("memory").pipe_file("/shards/x.tar", path.read_bytes())
    local, remote = open_source(str(path)), open_source("memory://shards/*.tar")
    assert local.fingerprint == remote.fingerprint
    assert rows(local) == rows(remote)


def test_labels_that_a_json_lacks_are_none(tar, draw, tmp_path):
    files = {
        "a.jpg": draw(0),
        "a.json": {"p": "x", "q": None, "box": [1, 2], "key": "of another"},
        "b.jpg": draw(1),
        "c.JPEG": draw(2),
        "c.json": {"q": 3},
        "d.json": {"p": "y"},
    }
    source = open_source(str(tar(tmp_path / "x.tar", files)))
    assert source.manifest.varied == ("p", "q")
    assert source.values("p").tolist() == ["x", None, None]
    assert source.labels("q").tolist() == [-1, -1, 0]
    said = " ".join(source.notes)
    assert "property 'box' left out: a list or an object, as in 'a'" in said
    assert "1 of 3 images have no json" in said
    assert "1 samples hold no image" in said


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([{"a.jpg": 0}, {"a.jpg": 1}], r"1\.tar: sample 'a' is also in .*0\.tar"),
        ([{"a.jpg": 0, "a.png": 1}], r"0\.tar: sample 'a' has several images: jpg, png"),
        ([{"a.jpg": 0, "a.json": b"{"}], r"0\.tar: a.json: not valid JSON"),
        ([{"a.jpg": 0, "a.json": b"[1]"}], r"0\.tar: a.json: not an object"),
        ([{"a.jpg": 0, "a.json": b'{"p": Infinity}'}], "property 'p': label of image 1 is infin"),
        (
            [{"a.jpg": 0, "a.json": b'{"p": "\\ud800"}'}],
            "a.json: not valid JSON: unexpected end of hex",
        ),
        ([{"a.jpg": 0, "a.json": b'{"p\\u001b[2J": 1}'}], r"name 'p\\x1b\[2J' holds characters"),
        ([{"a.txt": b""}], "no images in 1 shards; valid: samples <key>.<extension>"),
    ],
)
def test_webdataset_that_makes_no_sense_is_refused(tar, draw, tmp_path, files, message):
    for number, members in enumerate(files):
        drawn = {k: draw(v) if isinstance(v, int) else v for k, v in members.items()}
        tar(tmp_path / f"{number}.tar", drawn)
    with pytest.raises(DatasetError, match=message):
        open_source(str(tmp_path))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("none-*.tar", "no file matches"),
        ("none.tar", "no such shard"),
        ("{0-3}.tar", r"'\{0-3\}'; valid: \{000..012\}"),
        ("nowhere", "nowhere: no such folder; valid: a folder, a URL, hf://owner/name, or a set"),
        (".", "no other known layout; valid: a dataset of this project"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, url, message):
    with pytest.raises(InputError, match=message):
        open_source(f"{tmp_path}/{url}")


def test_scene_ids_name_scenes_and_are_no_property(csv_folder, tmp_path):
    from dmlbench.evaluation.dataset_input import scene_ids

    lines = ["file,scene_id,p", "1.jpg,x,1", "2.jpg,y,1", "3.jpg,x,2"]
    source = open_source(str(csv_folder(tmp_path / "photos", lines)))
    assert source.manifest.varied == ("p",)
    assert scene_ids(source) == [0, 1, 0]


def test_grayscale_and_transparent_images_become_rgb_and_16_bits_are_refused(tmp_path):
    import io

    from PIL import Image

    def encoded(image):
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return buffer.getvalue()

    for mode in ("L", "RGBA", "P", "1"):
        assert decode_photograph(encoded(Image.new(mode, (4, 4))), "x").mode == "RGB"
    deep = Image.fromarray(np.full((4, 4), 60000, np.uint16))
    with pytest.raises(DatasetError, match="x: mode I;16; valid: 8 bits per channel"):
        decode_photograph(encoded(deep), "x")


def test_a_source_goes_to_a_worker_process(cars196):
    import pickle

    source = open_source(str(cars196))
    again = pickle.loads(pickle.dumps(source))
    assert rows(again) == rows(source)
    assert json.dumps(rows(source))


def test_names_of_files_that_are_no_text_are_refused(csv_folder, tmp_path):
    folder = csv_folder(tmp_path / "photos", ["file,p", "a.jpg,1"])
    (tmp_path / "labels.jsonl").write_text('{"file": 3, "class": "a"}\n')
    with pytest.raises(DatasetError, match="line 1: '3': not an image"):
        open_source(str(folder), labels=str(tmp_path / "labels.jsonl"))
