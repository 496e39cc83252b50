"""What a property is: inferred from its values, or told by a file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlbench.evaluation.dataset_input import dataset_properties
from dmlbench.sources import open_source
from dmlbench.sources.properties import BINS, describe
from dmlbench.sources.property_file import PropertySpec, read_property_file
from dmldata.common.errors import DatasetError, InputError, UnknownNameError

ANY = PropertySpec()


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["red", "blue", ""], "categorical"),
        ([1, 1, 2, 2], "categorical"),
        (["1", "1", "2", "2"], "categorical"),
        ([True, False], "categorical"),
        ([1, 2, 3, 4], "linear"),
        ([1, 1, 2.0, 2], "categorical"),
        (["1.0", "1.0", "2.0", "", "2.0"], "categorical"),
        ([1.0, 1.5, 1.0, 1.5], "linear"),
        (["0.5", "0.5", "1e-3", "nan"], "linear"),
        (["1", "2", "x"], "categorical"),
        ([None, None], "categorical"),
    ],
)
def test_kind_is_inferred_from_the_values(cells, kind):
    assert describe("p", cells, ANY, "x").kind == kind


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_bins_keep_the_order_of_the_values_and_leave_none_out(cells):
    described = describe("p", cells, PropertySpec(kind="linear"), "x")
    known = described.labels >= 0
    assert known.tolist() == [cell is not None for cell in cells]
    order = np.argsort(described.values[known], kind="stable")
    assert (np.diff(described.labels[known][order]) >= 0).all()
    assert sorted(set(described.labels[known].tolist())) == list(range(described.labels.max() + 1))


def test_many_numbers_go_into_bins_of_equally_many_images():
    described = describe("p", np.linspace(0, 1, 1000).tolist(), ANY, "x")
    assert np.bincount(described.labels).tolist() == [100] * BINS
    assert str(described) == "p: linear, 10 bins of equally many images"
    few = describe("p", [n / 4 for n in range(1000)], PropertySpec(bins=4), "x")
    assert np.bincount(few.labels).tolist() == [250] * 4


def test_whole_numbers_are_the_same_label_however_they_are_written():
    cells = ["3", "3.0", "4.0", "4", None, "04", "4"]
    described = describe("p", cells, ANY, "x")
    assert described.values.tolist() == ["3", "3", "4", "4", None, "04", "4"]


def test_an_angle_just_below_0_is_0():
    spec = PropertySpec(kind="cyclic", period=360.0)
    assert describe("p", [-1e-17, 0.0, 90.0], spec, "x").labels.tolist() == [0, 0, 1]


def test_cyclic_values_lie_within_a_period():
    described = describe("a", [0, 360, -90.0, 450], PropertySpec(kind="cyclic", period=360.0), "x")
    assert described.values.tolist() == [0, 0, 270, 90]
    assert described.labels.tolist() == [0, 0, 2, 1]


def test_label_of_a_bin_is_its_lowest_value(csv_folder, tmp_path):
    lines = ["file,p", *(f"{n}.jpg,{n / 10}" for n in range(30))]
    source = open_source(str(csv_folder(tmp_path / "photos", lines)))
    scored = dataset_properties(source)["p"]
    assert scored.labels.tolist() == [n // 3 * 3 / 10 for n in range(30)]
    assert scored.values.tolist() == [n / 10 for n in range(30)]


def test_a_file_tells_kinds(csv_folder, tmp_path):
    lines = ["file,angle,year,note", "1.jpg,350,1999,x", "2.jpg,10,2001,y", "3.jpg,10,2001,x"]
    folder = csv_folder(tmp_path / "photos", lines)
    property_file = tmp_path / "kinds.yaml"
    property_file.write_text(
        "angle: {kind: cyclic, period: 360, unit: degrees}\nnote: {kind: ignore}\n"
        "year: {kind: categorical}\n"
    )
    source = open_source(str(folder), properties=str(property_file))
    assert source.manifest.varied == ("angle", "year")
    angle = source.manifest.factor("angle")
    assert (angle.kind, angle.period, angle.unit) == ("cyclic", 360, "degrees")
    assert source.values("year").tolist() == ["1999", "2001", "2001"]
    assert not any("inferred" in note for note in source.notes)
    as_json = tmp_path / "kinds.json"
    as_json.write_text(json.dumps({"note": {"kind": "ignore"}}))
    inferred = open_source(str(folder), properties=str(as_json))
    assert inferred.manifest.varied == ("angle", "year")
    assert any("kinds inferred from the values (angle: " in note for note in inferred.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("angle: {kind: circular}", "kinds.yaml: angle.kind: .*'cyclic'"),
        ("angle: {kind: cyclic}", "kinds.yaml: angle: period: required for kind 'cyclic'"),
        ("angle: {kind: linear, period: 3}", "period: required"),
        ("angle: {kind: cyclic, period: 0}", "angle.period: .*greater than 0"),
        ("angle: {kindd: linear}", r"angle.kindd: unknown field \(did you mean 'kind'\?\)"),
        ("angle: {kind: categorical, bins: 3}", "bins: valid for numbers only"),
        ("[1]", "kinds.yaml: not a mapping; valid: a YAML"),
        ("a: [", r"kinds.yaml:1:\d: .*not YAML"),
        ("!!python/object/apply:os.system ['true']", r"kinds.yaml:1: unknown tag .*not YAML"),
    ],
)
def test_file_of_kinds_that_makes_no_sense_is_refused(tmp_path, text, message):
    path = tmp_path / "kinds.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_property_file(path)


def test_file_of_kinds_that_does_not_fit_is_refused(csv_folder, tmp_path):
    folder = csv_folder(tmp_path / "photos", ["file,p", "1.jpg,red", "2.jpg,blue"])
    path = tmp_path / "kinds.yaml"
    path.write_text("q: {kind: linear}")
    with pytest.raises(UnknownNameError, match=r"unknown property 'q' in .*kinds.yaml; valid: p"):
        open_source(str(folder), properties=str(path))
    path.write_text("p: {kind: linear}")
    with pytest.raises(DatasetError, match=r"property 'p': label of image 1: 'red'; valid: a num"):
        open_source(str(folder), properties=str(path))
    with pytest.raises(InputError, match=r"no.yaml: No such file"):
        open_source(str(folder), properties=str(tmp_path / "no.yaml"))
