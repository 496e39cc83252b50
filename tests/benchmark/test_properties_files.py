"""Labels from CSV files and embeddings from .npy files."""

from __future__ import annotations

import numpy as np
import pytest

from dmlbench.evaluation.score_files import score_files
from dmlbench.scores import score_properties
from dmlbench.scores.options import ScoreSettings
from dmlbench.sources.embedding_file import load_embeddings
from dmlbench.sources.label_table import read_label_table
from dmldata.common.errors import InputError


@pytest.fixture
def csv(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def npy(tmp_path):
    def write(array, **options):
        path = tmp_path / "embeddings.npy"
        np.save(path, array, **options)
        return path

    return write


def test_columns_are_properties_and_empty_cells_are_no_label(csv):
    table = read_label_table(csv("key,car,paint,scene_id\na,3, red ,s1\nb,,blue,s1\nc,-4,,s2\n"))
    assert table.images == 3
    assert list(table.properties) == ["car", "paint"]
    np.testing.assert_equal(table.properties["car"].labels, [3.0, np.nan, -4.0])
    assert table.properties["paint"].labels.tolist() == ["red", "blue", None]
    assert table.properties["car"].kind == "linear"
    assert table.properties["paint"].kind == "categorical"
    assert table.scenes.tolist() == ["s1", "s1", "s2"]


def test_numbers_are_linear_and_whole_ones_that_occur_twice_are_names(csv):
    properties = read_label_table(csv("size,class\n1,7\n01,8\n2.5,7\n3,8\n")).properties
    assert properties["size"].kind == "linear"
    assert properties["size"].labels.tolist() == [1.0, 1.0, 2.5, 3.0]
    assert properties["class"].kind == "categorical"
    assert properties["class"].labels.tolist() == ["7", "8", "7", "8"]


def test_quotes_byte_order_marks_and_windows_lines_are_read(csv):
    path = csv('﻿"paint, outside",car\r\n"red ""dark""",1\r\n"two\nlines",2\r\n')
    table = read_label_table(path)
    assert table.properties["paint, outside"].labels.tolist() == ['red "dark"', "two\nlines"]


def test_a_blank_line_is_a_missing_label_of_a_single_column(csv):
    assert read_label_table(csv("car\na\n\nb\n\n")).properties["car"].labels.tolist() == [
        "a",
        None,
        "b",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "labels.csv: empty; valid: a header"),
        ("\n\n", "labels.csv: empty; valid: a header"),
        ("car,paint\n", "labels.csv: no rows below the header"),
        ("car,car\n1,2\n", "labels.csv, line 1: two columns are called 'car'"),
        ("car,\n1,2\n", "labels.csv, line 1: column 2 has no name"),
        ("car,paint\n1,2\n3\n", "labels.csv, line 3: 1 cells; valid: 2"),
        ("car,paint\n1,2\n\n3,4\n", "labels.csv, line 3: 1 cells; valid: 2"),
        ("car,paint\n1,2,3\n", "labels.csv, line 2: 3 cells; valid: 2"),
        ("key,scene_id\na,b\n", "labels.csv: no property"),
        ("car,scene_id\n1,a\n2,\n", "labels.csv, line 3: no scene_id"),
        ('car\n"1\n', "labels.csv, line 2: unexpected end of data; valid: CSV"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(csv, text, message):
    with pytest.raises(InputError, match=message) as error:
        read_label_table(csv(text))
    assert "\n" not in str(error.value)


def test_a_label_file_that_cannot_be_read_is_refused(csv, tmp_path):
    with pytest.raises(
        InputError, match=r"missing.csv: No such file or directory; valid: a table of labels"
    ):
        read_label_table(tmp_path / "missing.csv")
    with pytest.raises(InputError, match=r"labels.csv: not UTF-8 text"):
        read_label_table(csv("farbe\ngrün\n", encoding="latin-1"))


def test_files_score_like_arrays(csv, npy):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    scenes = [f"s{i // 2}" for i in range(60)]
    rows = "".join(f"{i},{i % 3},{scenes[i]}\n" for i in range(60))
    labels = csv("key,car,scene_id\n" + rows)
    expected = score_properties(x, read_label_table(labels).properties, scenes=scenes, seed=2)
    scored = score_files(npy(x), labels, ScoreSettings(seed=2))
    assert scored.notes == ("kinds inferred from the values (car: categorical, 3 values)",)
    assert scored.model_dump(mode="json") | {"notes": []} == expected


def test_files_of_different_length_are_refused(csv, npy):
    with pytest.raises(
        InputError, match=r"labels.csv: 2 rows for 3 embeddings in .*embeddings.npy"
    ):
        score_files(npy(np.eye(3)), csv("car\n1\n2\n"))


def test_objects_in_an_embeddings_file_are_refused_and_not_run(npy, tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    path = npy(np.array([[Trap()]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"embeddings.npy: holds pickled objects \(dtype object\)"):
        load_embeddings(path)
    assert not (tmp_path / "sprung").exists()


def test_files_that_are_no_whole_arrays_are_refused(npy, tmp_path):
    with pytest.raises(InputError, match=r"none.npy: No such file"):
        load_embeddings(tmp_path / "none.npy")
    text = tmp_path / "text.npy"
    text.write_text("not an array")
    with pytest.raises(InputError, match=r"text.npy: not a whole .npy file, or damaged"):
        load_embeddings(text)
    empty = tmp_path / "empty.npy"
    empty.touch()
    with pytest.raises(InputError, match=r"empty.npy: "):
        load_embeddings(empty)
    path = npy(np.eye(100))
    path.write_bytes(path.read_bytes()[:-80])
    with pytest.raises(InputError, match=r"embeddings.npy: .*valid: a complete .npy file"):
        load_embeddings(path)
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (10**15, 128)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(InputError, match=r"header says \[1000000000000000, 128\].* 0 bytes follow"):
        load_embeddings(path)
    archive = tmp_path / "archive.npz"
    np.savez(archive, x=np.eye(2))
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"archive.npz: not a whole .npz file, or damaged"):
        load_embeddings(archive)
