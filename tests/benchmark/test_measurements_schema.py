"""The JSON of `score`, `evaluate` and `compare` is one document, whose schema is published."""

import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from dmlbench.present.measurements import Measurements, json_schema

SCHEMA = Path(__file__).parents[2] / "docs" / "measurements.schema.json"


@pytest.fixture(scope="module")
def schema():
    return json.loads(SCHEMA.read_text())


def test_the_published_schema_is_that_of_the_document(schema):
    assert schema == json_schema(), (
        f"write {SCHEMA.name} again, and raise SCHEMA_VERSION if readers break"
    )


def check(schema, answer):
    assert answer.exit_code == 0, answer.err
    Draft202012Validator(schema).validate(answer.json)
    assert answer.json["schema_version"] == "1.0"
    read = Measurements.model_validate_json(answer.out)
    assert read.model_dump(mode="json") == answer.json


def test_what_evaluate_and_compare_print_is_valid(
    dmlbench, schema, models, shapes, copy_of_results
):
    options = ("--out", copy_of_results, "--maps", 6, "--samples", 4, "--json")
    evaluate = ("evaluate", models["small"], models["cropped"], "--data", shapes)
    check(schema, dmlbench(*evaluate, *options))
    check(schema, dmlbench("compare", copy_of_results, "--json"))


def test_what_score_prints_is_valid(dmlbench, schema, tmp_path):
    np.save(tmp_path / "E.npy", np.eye(4, dtype=np.float32)[np.arange(40) % 4])
    (tmp_path / "L.csv").write_text("shape\n" + "".join(f"{n % 4}\n" for n in range(40)))
    files = ("--embeddings", tmp_path / "E.npy", "--labels", tmp_path / "L.csv")
    check(schema, dmlbench("score", *files, "--json"))
