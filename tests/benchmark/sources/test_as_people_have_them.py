"""Images and their labels in the layouts that other tools write and read."""

from __future__ import annotations

import io
import json
import tarfile
import unicodedata
import zipfile

import numpy as np
import pytest
from PIL import Image

from dmlbench.models import load_model
from dmlbench.sources import open_source
from dmldata.common.errors import DatasetError, InputError


def encoded(number, form="JPEG"):
    buffer = io.BytesIO()
    Image.new("RGB", (20, 16), (40 * number % 256, 80, 120)).save(buffer, form)
    return buffer.getvalue()


def put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def tar(path, files):
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def labels(source, name):
    return source.values(name).tolist()


def test_a_folder_per_class(tmp_path):
    for number, name in enumerate(("bmw/1.jpg", "audi/1.jpg", "bmw/2.png", ".hidden/3.jpg")):
        put(tmp_path / name, encoded(number))
    source = open_source(str(tmp_path))
    assert source.samples["key"].to_pylist() == ["audi/1.jpg", "bmw/1.jpg", "bmw/2.png"]
    assert labels(source, "class") == ["audi", "bmw", "bmw"]
    assert len(list(source.samples_iter())) == 3


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train/a/1.jpg", "test/1.jpg"], "holds splits; valid: one of them, as .*test"),
        (["Train/a/1.jpg", "Test/a/1.jpg"], "holds splits; valid: one of them, as .*Test"),
        (["train/1.jpg", "test/1.jpg"], "holds splits; valid: one of them, as .*test"),
        (["images/a/1.jpg", "images/b/1.jpg"], "holds one folder, of folders; valid: .*images"),
    ],
)
def test_folders_that_are_no_classes_are_not_taken_for_some(tmp_path, names, message):
    for number, name in enumerate(names):
        put(tmp_path / name, encoded(number))
    with pytest.raises(InputError, match=message):
        open_source(tmp_path)


def test_what_is_no_class_and_no_image_is_said(tmp_path):
    for name in ("a/1.jpg", "b/2.pgm"):
        put(tmp_path / name, encoded(1, "PPM" if name.endswith("pgm") else "JPEG"))
    put(tmp_path / "a/notes.txt", "x")
    (tmp_path / "c").mkdir()
    source = open_source(str(tmp_path))
    assert labels(source, "class") == ["a", "b"]
    assert len(list(source.samples_iter())) == 2
    assert "folders without an image are no classes: c (1)" in source.notes
    assert "files that are no images are passed over: 1 .txt" in source.notes


def test_links_to_what_is_not_there_are_named(tmp_path):
    """As of a dataset under version control whose files were not fetched."""
    put(tmp_path / "a/1.jpg", encoded(1))
    (tmp_path / "a/2.jpg").symlink_to(tmp_path / "cache/2")
    with pytest.raises(DatasetError, match=r"'a/2\.jpg' is not in "):
        open_source(str(tmp_path))


def test_an_empty_image_and_one_beside_the_folders_are_named(tmp_path):
    put(tmp_path / "a/1.jpg", b"")
    with pytest.raises(DatasetError, match=r"'a/1\.jpg': an empty file"):
        open_source(str(tmp_path))
    put(tmp_path / "preview.png", encoded(1, "PNG"))
    with pytest.raises(DatasetError, match=r"preview\.png lies beside folders"):
        open_source(str(tmp_path))


def test_folders_of_one_number_are_refused(tmp_path):
    for name in ("1", "1.0", "2"):
        put(tmp_path / name / "x.jpg", encoded(1))
    with pytest.raises(InputError, match=r"'1' and '1\.0' are one number"):
        open_source(str(tmp_path))


def test_a_column_of_classes_is_categorical_whatever_its_values(tmp_path):
    rows = [f"{number}.jpg,{number}" for number in range(30)]
    put(tmp_path / "labels.csv", "\n".join(["file,class", *rows]))
    for number in range(30):
        put(tmp_path / f"{number}.jpg", encoded(number))
    source = open_source(str(tmp_path))
    assert source.manifest.factor("class").kind == "categorical"
    assert labels(source, "class")[:3] == ["0", "1", "2"]


def test_a_scene_that_is_not_a_number_is_none(tmp_path):
    files = {}
    for number, scene in enumerate(("1", "NaN")):
        files |= {
            f"{number}.jpg": encoded(number),
            f"{number}.json": b'{"scene_id": %s}' % scene.encode(),
        }
    tar(tmp_path / "0.tar", files)
    with pytest.raises((InputError, DatasetError), match=r"scene_id|NaN"):
        open_source(str(tmp_path))


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path):
    put(tmp_path / "photos/cat/1.jpg", encoded(1))
    put(tmp_path / "more/2.jpg", encoded(2))
    (tmp_path / "photos/cat/more").symlink_to(tmp_path / "more")
    (tmp_path / "photos/cat/round").symlink_to(tmp_path / "photos")
    (tmp_path / "photos/round").symlink_to(tmp_path / "photos")
    (tmp_path / "more/back").symlink_to(tmp_path / "photos/cat")
    source = open_source(str(tmp_path / "photos"))
    assert source.samples["key"].to_pylist() == ["cat/1.jpg", "cat/more/2.jpg"]


@pytest.mark.parametrize(
    "name", ["Bild 10.30\u202fPM.jpg", "a\xa0b.jpg", "\U0001f468\u200d\U0001f467.jpg"]
)
def test_names_that_systems_make_are_taken(tmp_path, name):
    put(tmp_path / "cat" / name, encoded(1))
    assert open_source(str(tmp_path)).samples["key"].to_pylist() == [f"cat/{name}"]


def test_a_folder_whose_name_is_not_text_is_refused(tmp_path):
    put(tmp_path / "d\udcfe/cat/1.jpg", encoded(1))
    with pytest.raises(InputError, match=r"d\\udcfe': its name is not UTF-8; rename it"):
        open_source(str(tmp_path / "d\udcfe"))


def test_a_manifest_of_another_project_beside_class_folders_is_passed_over(tmp_path):
    put(tmp_path / "dataset.json", '{"labels": [["cat/1.jpg", 3]]}')
    put(tmp_path / "cat/1.jpg", encoded(1))
    assert labels(open_source(str(tmp_path)), "class") == ["cat"]


def test_splits_of_class_folders_are_named(tmp_path):
    put(tmp_path / "train/bmw/1.jpg", encoded(1))
    put(tmp_path / "val/bmw/2.jpg", encoded(2))
    with pytest.raises(InputError, match=r"holds splits; valid: one of them, as .*/(train|val)"):
        open_source(str(tmp_path))
    assert labels(open_source(str(tmp_path / "train")), "class") == ["bmw"]


def test_metadata_in_json_lines(tmp_path):
    rows = [{"file_name": f"{n}.jpg", "color": c} for n, c in enumerate(("red", "blue", None))]
    put(tmp_path / "metadata.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    for number in range(3):
        put(tmp_path / f"{number}.jpg", encoded(number))
    assert labels(open_source(str(tmp_path)), "color") == ["red", "blue", None]


@pytest.mark.parametrize("spelled", ["./{}", "{}"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_may_be_spelled_otherwise_in_the_table(tmp_path, spelled, form):
    put(tmp_path / unicodedata.normalize("NFC", "grün.jpg"), encoded(1))
    put(tmp_path / "b.jpg", encoded(2))
    names = [spelled.format(unicodedata.normalize(form, name)) for name in ("grün.jpg", "b.jpg")]
    put(tmp_path / "labels.csv", "file,color\n" + f"{names[1]},x\n{names[0]},y\n")
    source = open_source(str(tmp_path))
    assert labels(source, "color") == ["x", "y"]
    assert len(list(source.samples_iter())) == 2


def test_images_without_a_row_are_counted_with_an_example(tmp_path):
    for number in range(3):
        put(tmp_path / f"{number}.jpg", encoded(number))
    put(tmp_path / "labels.csv", "file,color\n1.jpg,red\n")
    notes = open_source(str(tmp_path)).notes
    assert any("2 images in" in note and "left out (0.jpg, ...)" in note for note in notes)


@pytest.mark.parametrize(("suffix", "form"), [("gif", "GIF"), ("jfif", "JPEG")])
def test_formats_that_browsers_save(tmp_path, suffix, form):
    put(tmp_path / f"red/a.{suffix}", encoded(1, form))
    (item,) = open_source(str(tmp_path)).samples_iter()
    assert item.image.mode == "RGB"


# WebDataset


def test_webdataset_with_a_class(tmp_path):
    tar(
        tmp_path / "0.tar", {"a.jpg": encoded(1), "a.cls": b"3", "b.jpg": encoded(2), "b.cls": b"5"}
    )
    assert labels(open_source(str(tmp_path)), "class") == ["3", "5"]


def test_classes_of_a_webdataset_are_not_put_into_bins(tmp_path):
    files = {}
    for number in range(40):
        files |= {f"{number}.jpg": encoded(number), f"{number}.cls": f"{number % 25}".encode()}
    tar(tmp_path / "0.tar", files)
    assert len(set(open_source(str(tmp_path)).labels("class").tolist())) == 25


def test_webdataset_with_dotted_keys(tmp_path):
    files = {}
    for number, key in enumerate(("n01.car.1", "n01.car.2", "n02.car.1")):
        files[f"{key}.jpg"] = encoded(number)
        files[f"{key}.json"] = json.dumps({"color": f"c{number}"}).encode()
    tar(tmp_path / "0.tar", files)
    source = open_source(str(tmp_path))
    assert source.samples["key"].to_pylist() == ["n01.car.1", "n01.car.2", "n02.car.1"]
    assert labels(source, "color") == ["c0", "c1", "c2"]


def test_webdataset_with_two_images_a_sample(tmp_path):
    files = {}
    for number, key in enumerate("ab"):
        files[f"{key}.left.jpg"] = encoded(number)
        files[f"{key}.right.jpg"] = encoded(number + 3)
        files[f"{key}.json"] = json.dumps({"color": key}).encode()
    tar(tmp_path / "0.tar", files)
    with pytest.raises(
        InputError, match=r"several images: left.jpg, right.jpg; choose .*\?image=l"
    ):
        open_source(str(tmp_path))
    for place in (f"{tmp_path}/0.tar", str(tmp_path)):
        source = open_source(f"{place}?image=right.jpg")
        assert labels(source, "color") == ["a", "b"]
        first = next(iter(source.samples_iter())).image
        assert first.getpixel((0, 0)) == Image.open(io.BytesIO(encoded(3))).getpixel((0, 0))


@pytest.mark.parametrize("label", ["json", "cls"])
def test_a_picture_beside_the_image_is_no_sample_of_its_own(tmp_path, label):
    files = {}
    for number in range(4):
        files |= {f"{number}.jpg": encoded(number), f"{number}.seg.png": encoded(number, "PNG")}
        files[f"{number}.{label}"] = b'{"class": 3}' if label == "json" else b"3"
    tar(tmp_path / "0.tar", files)
    with pytest.raises(InputError, match=r"several images: jpg, seg\.png; choose one with"):
        open_source(str(tmp_path))
    assert labels(open_source(f"{tmp_path}?image=jpg"), "class") == ["3"] * 4


def test_dotted_keys_have_their_labels_in_every_shard(tmp_path):
    for shard, keys in enumerate((("1000.0", "1001.0"), ("1002.0", "1002.1"))):
        files = {"meta.json": b"{}"} if shard else {}
        for number, key in enumerate(keys):
            files |= {f"{key}.jpg": encoded(number), f"{key}.json": b'{"color": "%d"}' % number}
        tar(tmp_path / f"{shard}.tar", files)
    assert labels(open_source(str(tmp_path)), "color") == ["0", "1", "0", "1"]


def test_a_key_with_a_dot_beside_one_without_is_a_sample_by_its_labels(tmp_path):
    files = {}
    for number, key in enumerate(("v1", "v1.0")):
        files |= {f"{key}.jpg": encoded(number), f"{key}.cls": b"%d" % number}
    tar(tmp_path / "0.tar", files)
    assert labels(open_source(str(tmp_path)), "class") == ["0", "1"]


def test_samples_without_an_image_are_counted_with_an_example(tmp_path):
    tar(tmp_path / "0.tar", {"a.jpg": encoded(1), "b.json": b"{}", "c.json": b"{}"})
    notes = open_source(str(tmp_path)).notes
    assert "2 samples hold no image: left out ('b', ...)" in notes


# What is no folder of images


def test_what_is_given_in_place_of_a_folder_is_told_as_what_it_is(tmp_path):
    put(tmp_path / "labels.csv", "file,color\n1.jpg,red\n")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("1.jpg", encoded(1))
    put(tmp_path / "1.jpg", encoded(1))
    for name, what in {
        "labels.csv": "is a table; valid: the folder of its images, with --labels",
        "photos.zip": "is a zip archive; unpack it and give the folder",
        "1.jpg": "is one image; valid: the folder of the images",
        "nowhere": "no such folder",
    }.items():
        with pytest.raises(InputError, match=what):
            open_source(str(tmp_path / name))


def test_a_manifest_of_another_project_beside_labels_is_passed_over(tmp_path):
    put(tmp_path / "dataset.json", '{"name": "mine", "files": 3}')
    put(tmp_path / "labels.csv", "file,color\n1.jpg,red\n")
    put(tmp_path / "1.jpg", encoded(1))
    assert labels(open_source(str(tmp_path)), "color") == ["red"]


# Embeddings that are there already

ROWS = np.arange(1, 13, dtype=np.float32).reshape(4, 3)


def save_npz(path):
    np.savez(path, embeddings=ROWS, other=np.zeros(2))


def save_pt(path):
    import torch

    torch.save(torch.from_numpy(ROWS), path)


def save_dict_pt(path):
    import torch

    torch.save({"embeddings": torch.from_numpy(ROWS), "names": ["a", "b"]}, path)


def save_parquet(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"key": list("abcd"), "embedding": ROWS.tolist()}), path)


def save_columns(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"key": list("abcd"), **{f"d{n}": ROWS[:, n] for n in range(3)}}), path)


SAVED = {
    "e.npz": save_npz,
    "e.pt": save_pt,
    "dict.pt": save_dict_pt,
    "e.parquet": save_parquet,
    "columns.parquet": save_columns,
    "half.npy": lambda path: np.save(path, ROWS.astype(np.float16)),
    "double.npy": lambda path: np.save(path, ROWS.astype(np.float64)),
    "long.npy": lambda path: np.save(path, ROWS.astype(np.longdouble)),
    "whole.npy": lambda path: np.save(path, ROWS.astype(np.int64)),
}


@pytest.mark.parametrize("name", SAVED)
def test_embeddings_in_any_file_are_the_same(tmp_path, name):
    SAVED[name](tmp_path / name)
    loaded = load_model(f"embeddings:{tmp_path / name}")
    np.testing.assert_array_equal(loaded.rows, ROWS)
    assert loaded.keys == (tuple("abcd") if name.endswith(".parquet") else None)


def test_columns_that_are_no_dimensions_are_not_taken_for_them(tmp_path):
    """Tables that were joined with those of a dataset also hold its numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def load(**columns):
        pq.write_table(pa.table({"key": list("abcd"), **columns}), tmp_path / "e.parquet")
        return load_model(f"embeddings:{tmp_path / 'e.parquet'}").rows

    dimensions = {f"e{n}": ROWS[:, n] for n in (2, 0, 1)}
    hue, matrix = np.array([0.1, 0.2, 0.3, 0.4]), np.ones((4, 16)).tolist()
    ours = {"camera_matrix": matrix, "car_x0": [1, 2, 3, 4], "car_x1": [5, 6, 7, 8]}
    for more in ({"paint_hue": hue}, {**ours, "paint": list("rgbr"), "paint_bin": [0, 1, 2, 0]}):
        np.testing.assert_array_equal(load(**more, **dimensions), ROWS)
    np.testing.assert_array_equal(load(**ours, embedding=ROWS.tolist()), ROWS)
    np.testing.assert_array_equal(
        load(x=ROWS[:, 0], y=ROWS[:, 1], __index_level_0__=[0] * 4), ROWS[:, :2]
    )
    for unclear in (
        {**ours, "paint_hue": hue, "paint": list("rgbr")},
        ours,
        {"paint": list("rgbr"), "paint_hue": hue},
        {"a": ROWS.tolist(), "b": ROWS.tolist()},
        {"a": ROWS.tolist(), **dimensions},
        {**dimensions, **{f"f{n}": hue for n in range(2)}},
        {"e0": hue, "e1": hue, "e3": hue},
    ):
        with pytest.raises(InputError, match="it is not clear which are embeddings; valid: a col"):
            load(**unclear)


def test_a_byte_order_mark_is_no_part_of_a_key(tmp_path):
    np.save(tmp_path / "e.npy", ROWS)
    (tmp_path / "e.keys.txt").write_bytes(b"\xef\xbb\xbfa\nb\nc\nd\n")
    assert load_model(f"embeddings:{tmp_path / 'e.npy'}").keys == tuple("abcd")


@pytest.mark.parametrize("kind", ["large_string", "category", "int64"])
def test_keys_of_a_table_are_read_whatever_their_type(tmp_path, kind):
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys = pa.array([7, 8, 9, 10])
    if kind != "int64":
        keys = keys.cast(pa.large_string() if kind == "large_string" else pa.string())
    if kind == "category":
        keys = keys.dictionary_encode()
    pq.write_table(pa.table({"key": keys, "embedding": ROWS.tolist()}), tmp_path / "e.parquet")
    assert load_model(f"embeddings:{tmp_path / 'e.parquet'}").keys == ("7", "8", "9", "10")


def test_keys_of_a_table_that_are_none_are_refused(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for keys, message in (
        ([["a"]] * 4, "column 'key': not text; valid: a key per row|column 'key': list"),
        (["a", "b", None, "c"], "column 'key': a row has no key"),
        (["a", "b", "b", "c"], "row 3: 'b' occurs twice; valid: unique keys"),
    ):
        pq.write_table(pa.table({"key": keys, "embedding": ROWS.tolist()}), tmp_path / "e.parquet")
        with pytest.raises(InputError, match=message):
            load_model(f"embeddings:{tmp_path / 'e.parquet'}")


def test_the_file_of_keys_may_have_the_name_of_the_whole_file(tmp_path):
    np.save(tmp_path / "e.npy", ROWS)
    (tmp_path / "e.npy.keys.txt").write_text("d\nc\nb\na\n")
    assert load_model(f"embeddings:{tmp_path / 'e.npy'}").keys == tuple("dcba")
    (tmp_path / "e.keys.txt").write_text("a\nb\nc\nd\n")
    with pytest.raises(
        InputError, match=r"keys in e\.keys\.txt and e\.npy\.keys\.txt; valid: one of"
    ):
        load_model(f"embeddings:{tmp_path / 'e.npy'}")


def test_several_arrays_have_to_be_told_apart(tmp_path):
    np.savez(tmp_path / "e.npz", train=ROWS, test=ROWS)
    with pytest.raises(InputError, match=r"holds train \[4, 3\], test \[4, 3\]; valid: one array"):
        load_model(f"embeddings:{tmp_path / 'e.npz'}")
