"""Tables as people have them: the same labels from any of them, or an error that names the cell."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dmlbench.evaluation.score_files import score_files
from dmlbench.sources.label_table import read_label_table
from dmldata.common.errors import InputError

CLASSES = ["a", "b", "a", "c", "b", "c"]
ANGLES = [0.5, 1.5, None, 3.25, 4.0, 5.75]


def cells(number, point):
    return "" if number is None else str(number).replace(".", point)


def delimited(delimiter, point=".", missing=""):
    rows = [f"class{delimiter}angle"]
    for name, angle in zip(CLASSES, ANGLES, strict=True):
        rows.append(f"{name}{delimiter}{cells(angle, point) or missing}")
    return "\n".join(rows) + "\n"


LAYOUTS = {
    "commas.csv": delimited(",").encode(),
    "semicolons and decimal commas.csv": delimited(";", ",").encode(),
    "tabs.tsv": delimited("\t").encode(),
    "bars.txt": delimited("|").encode(),
    "Excel's UTF-16.csv": delimited("\t").encode("utf-16"),
    "byte order mark.csv": b"\xef\xbb\xbf" + delimited(",").encode(),
    "Windows lines.csv": delimited(",").replace("\n", "\r\n").encode(),
    "NA.csv": delimited(",", missing="NA").encode(),
    "nan.csv": delimited(",", missing="nan").encode(),
    "NULL.csv": delimited(",", missing="NULL").encode(),
    "quoted decimal commas.csv": (
        b'class,angle\na,"0,5"\nb,"1,5"\na,\nc,"3,25"\nb,"4,0"\nc,"5,75"\n'
    ),
    "lines.jsonl": "".join(
        json.dumps({"class": name, "angle": angle}) + "\n"
        for name, angle in zip(CLASSES, ANGLES, strict=True)
    ).encode(),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_labels(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(LAYOUTS[name])
    check(read_label_table(path))


def check(table):
    properties = table.properties
    assert properties["class"].labels.tolist() == CLASSES
    assert properties["class"].kind == "categorical"
    assert properties["angle"].kind == "linear"
    np.testing.assert_equal(properties["angle"].values, np.array(ANGLES, float))


def test_parquet_gives_the_same_labels(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"class": CLASSES, "angle": ANGLES, "box": [[1, 2]] * 6})
    pq.write_table(table, tmp_path / "labels.parquet")
    from_parquet = read_label_table(tmp_path / "labels.parquet")
    check(from_parquet)
    assert "labels.parquet: column 'box' holds lists or objects: left out" in from_parquet.notes


def test_how_a_table_was_read_is_said(tmp_path):
    (tmp_path / "l.csv").write_text(delimited(";", ","))
    notes = read_label_table(tmp_path / "l.csv").notes
    assert "l.csv: cells separated by semicolons" in notes
    assert "l.csv: column 'angle' has decimal commas" in notes
    assert any("angle: linear" in note for note in notes)


@pytest.mark.parametrize("odd", ["-", "inf", "30%", "1.5 m", "1,500.0", "?"])
def test_a_cell_that_is_no_number_among_numbers_is_named(tmp_path, odd):
    rows = "".join(f"{angle}\n" for angle in ["0.5", "1.5", f'"{odd}"', "2.5", "3.5"])
    (tmp_path / "l.csv").write_text("angle\n" + rows)
    with pytest.raises(InputError, match=r"l\.csv, line 4, column 'angle': .* is not a number"):
        read_label_table(tmp_path / "l.csv")


def test_commas_before_three_digits_are_decimal_where_no_number_has_thousands(tmp_path):
    (tmp_path / "l.csv").write_text("x;y\n0,125;a\n1,037;b\n0,250;a\n")
    assert read_label_table(tmp_path / "l.csv").properties["x"].values.tolist() == [
        0.125,
        1.037,
        0.25,
    ]


@pytest.mark.parametrize("column", [["1,200", "3,400"], ["1,200", "900"]])
def test_commas_that_may_be_of_thousands_are_refused(tmp_path, column):
    (tmp_path / "l.csv").write_text("x;y\n" + "".join(f"{cell};a\n" for cell in column))
    with pytest.raises(InputError, match=r"line 2, column 'x': the commas of '1,200' may"):
        read_label_table(tmp_path / "l.csv")


def test_lines_of_json_end_where_lines_do(tmp_path):
    (tmp_path / "l.jsonl").write_text('{"x": "a\u2028b"}\n{"x": "c"}\n')
    assert read_label_table(tmp_path / "l.jsonl").images == 2


@pytest.mark.parametrize("kind", ["large_string", "dictionary", "decimal"])
def test_columns_of_parquet_are_read_whatever_their_type(tmp_path, kind):
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {
        "large_string": pa.large_string(),
        "dictionary": pa.dictionary(pa.int32(), pa.large_string()),
        "decimal": pa.decimal128(5, 2),
    }
    cells = pa.array(["1.50", "2.50", "1.50"]).cast(pa.string())
    column = cells.cast(types[kind]) if kind != "dictionary" else cells.dictionary_encode()
    pq.write_table(pa.table({"x": column}), tmp_path / "l.parquet")
    table = read_label_table(tmp_path / "l.parquet")
    assert (table.properties["x"].kind, table.notes[1:]) == ("linear", ())


def test_names_some_of_which_are_numbers_stay_names(tmp_path):
    (tmp_path / "l.csv").write_text("car\n3\nX5\n3\nX5\n508\nclio\n")
    assert read_label_table(tmp_path / "l.csv").properties["car"].kind == "categorical"


def test_a_property_file_decides_what_a_column_is(dmlbench, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "e.npy", rng.normal(size=(40, 3)).astype(np.float32))
    rows = [f"{number % 8}{'x' if number == 3 else ''}" for number in range(40)]
    (tmp_path / "l.csv").write_text("\n".join(["code", *rows]) + "\n")
    words = ["score", "--embeddings", tmp_path / "e.npy", "--labels", tmp_path / "l.csv"]
    refused = dmlbench(*words)
    assert refused.exit_code == 2
    assert "line 5, column 'code': '3x' is not a number" in refused.err
    (tmp_path / "p.yaml").write_text("code: {kind: categorical}\n")
    accepted = dmlbench(*words, "--properties", tmp_path / "p.yaml", "--no-chance", "--json")
    assert accepted.exit_code == 0, accepted.err
    assert accepted.json["results"][0]["properties"]["properties"]["code"]["labels"] == 9


def test_a_semicolon_table_scores_as_its_comma_twin(tmp_path):
    rng = np.random.default_rng(1)
    np.save(tmp_path / "e.npy", rng.normal(size=(60, 4)).astype(np.float32))
    rows = [(f"c{number % 3}", number % 5 + 0.5) for number in range(60)]
    comma = "class,light\n" + "".join(f"{name},{light}\n" for name, light in rows)
    semicolon = "class;light\n" + "".join(
        f"{name};{str(light).replace('.', ',')}\n" for name, light in rows
    )
    scores_of_properties = []
    for text in (comma, semicolon):
        (tmp_path / "l.csv").write_text(text)
        scores = score_files(tmp_path / "e.npy", tmp_path / "l.csv")
        scores_of_properties.append(scores.properties)
    assert scores_of_properties[0] == scores_of_properties[1]
    assert list(scores_of_properties[0]) == ["class", "light"]


# Where scores go


@pytest.fixture
def words(tmp_path):
    np.save(tmp_path / "e.npy", np.eye(4, dtype=np.float32)[np.arange(40) % 4])
    (tmp_path / "l.csv").write_text("shape\n" + "".join(f"s{n % 4}\n" for n in range(40)))
    return [
        "score",
        "--embeddings",
        tmp_path / "e.npy",
        "--labels",
        tmp_path / "l.csv",
        "--no-chance",
        "--no-intervals",
    ]


def test_the_suffix_says_what_is_written(dmlbench, words, tmp_path):
    for suffix, begins in {
        ".json": "{",
        ".csv": "property,measure,value,ci95_low",
        ".md": "Properties; in parentheses: inside chance:",
        ".tex": "% Needs \\usepackage{booktabs}",
    }.items():
        path = tmp_path / f"scores{suffix}"
        assert dmlbench(*words, "--out", path).exit_code == 0
        text = path.read_text()
        assert text.startswith(begins)
        assert ("kinds inferred from the values" in text) == (suffix != ".csv")
    answer = dmlbench(*words, "--out", tmp_path / "scores.xlsx")
    assert answer.exit_code == 2
    assert "unknown suffix '.xlsx'" in answer.err


def test_a_dash_is_stdout(dmlbench, words):
    document = json.loads(dmlbench(*words, "--out", "-").out)
    assert document["results"][0]["properties"]["n"] == 40


def test_a_link_is_followed_and_a_pipe_is_streamed_to(dmlbench, words, tmp_path):
    import os
    import threading

    (tmp_path / "real.json").write_text("before")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    assert dmlbench(*words, "--out", tmp_path / "link.json").exit_code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text())["results"][0]["properties"]["n"] == 40
    os.mkfifo(tmp_path / "pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    assert dmlbench(*words, "--out", tmp_path / "pipe").exit_code == 0
    reader.join(timeout=30)
    assert json.loads(read[0])["results"][0]["properties"]["n"] == 40
    assert not (tmp_path / "pipe").is_file()


def test_a_device_without_room_is_named_and_stays_what_it_is(dmlbench, words):
    import stat
    from pathlib import Path

    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    answer = dmlbench(*words, "--out", full)
    assert answer.exit_code == 1
    assert answer.err == "error: No space left on device\n"
    assert stat.S_ISCHR(full.stat().st_mode)


# What a score stands on


def test_a_subset_of_queries_is_said_beside_the_scores(dmlbench, tmp_path, monkeypatch):
    from dmlbench.scores import options

    monkeypatch.setattr(options, "MAX_QUERIES", 1000)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "e.npy", rng.normal(size=(1500, 3)).astype(np.float32))
    labels = "".join(f"s{n % 4}\n" for n in range(1500))
    (tmp_path / "l.csv").write_text("shape\n" + labels)
    words = ["score", "--embeddings", tmp_path / "e.npy", "--labels", tmp_path / "l.csv"]
    answer = dmlbench(*words)
    assert "note: scores come from 1,000 queries among 1,500 images" in answer.out


def test_a_narrow_cone_of_directions_keeps_its_order():
    """Cosines above 0.99999: the neighbors of float64 arithmetic."""
    from dmlbench.scores import Property, score_properties

    rng = np.random.default_rng(0)
    labels = np.arange(80) % 4
    spread = rng.normal(size=(80, 8)) + 2.0 * np.eye(8)[labels]
    x = (np.ones(8) + 1e-3 * spread).astype(np.float32)
    units = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    cosines = units @ units.T
    assert np.median(cosines) > 0.99999
    centered = units - units.mean(axis=0)
    squared = ((centered[:, None] - centered[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    expected = (labels[squared.argmin(axis=1)] == labels).mean()
    scores = score_properties(x, {"l": Property(labels)}, intervals=False, chance=False)
    assert scores["properties"]["l"]["precision_at_1"]["value"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("column", "notes"),
    [
        (["-1", "0", "0", "1", "-1", "1"], ["-1 is taken for a label (2 images)"]),
        (["-1", "0.5", "1.5", "2", "3", "4"], ["-1 is taken for the number -1 (1 image)"]),
        (["-1", "-2", "0", "1.5", "2", "3"], []),
        (["", "0", "0", "1", "nan", "1"], []),
    ],
)
def test_a_note_says_what_minus_one_is_taken_for(tmp_path, column, notes):
    file = tmp_path / "labels.csv"
    file.write_text("p,q\n" + "".join(f"{cell},a\n" for cell in column))
    about = [note for note in read_label_table(file).notes if "-1" in note]
    assert len(about) == len(notes)
    assert all(part in note for part, note in zip(notes, about, strict=True))
