"""Names in tables that others open: in a spreadsheet no formula, in LaTeX no code."""

from __future__ import annotations

import csv
import io
import json

import pytest

from dmlbench.comparison import compare_results
from dmlbench.present.comparison_files import comparison_document
from dmlbench.present.documents import as_latex
from dmlbench.present.latex import latex_table
from dmlbench.present.table import Table, names
from dmlbench.present.table_writers import csv_document, csv_table
from dmlbench.results import find_results

FORMULAS = ("=1+1", "+1+cmd|' /C calc'!A0", "-2+A1", "@SUM(A1)", "\t=1", "\r=1")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_name_that_begins_as_a_formula_is_text_in_csv(text):
    for written in (
        csv_document((text, "r"), [(text, 0.5)]),
        csv_table(Table("T", names(text, "r"), [(text, "0.5")])),
    ):
        for row in csv.reader(io.StringIO(written, newline="")):
            assert row[0][0] == "'"


def test_numbers_in_csv_stay_numbers():
    cells = (
        "-0.5",
        "-0.50 [-1.20 to 0.10]",
        "-0.07 [-0.62 to 0.47] tied",
        "-0.50 ± 0.10",
        "-0.5 to -0.1",
        "-",
        -0.5,
    )
    written = csv_document(("a",), [(cell,) for cell in cells])
    assert "'" not in written


def test_a_property_that_begins_as_a_formula_is_text_in_scores(dmlbench, files, tmp_path):
    table = (files / "tables" / "a.csv").read_text().replace("angle", "=HYPERLINK(A1)")
    (tmp_path / "a.csv").write_text(table)
    embeddings = files / "arrays" / "a.npy"
    out = tmp_path / "o.csv"
    answer = dmlbench(
        "score", "--embeddings", embeddings, "--labels", tmp_path / "a.csv", "--out", out
    )
    assert answer.exit_code == 0, answer.err
    assert "'=HYPERLINK(A1),nr_precision" in out.read_text()


def test_a_line_break_in_a_name_ends_no_comment_of_latex(own):
    folder = own("results")
    run = next(folder.rglob("run.json"))
    document = json.loads(run.read_text())
    document["dataset"]["name"] = "a\n\\input{/etc/passwd}\n%"
    document["notes"] = ["b\r\\immediate\\write18{id}"]
    run.write_text(json.dumps(document))
    comparison = compare_results(find_results([folder]), at_least=1)
    text = as_latex(comparison_document(comparison))
    for line in text.splitlines():
        assert line.startswith("%") or "\\input" not in line
        assert line.startswith("%") or "write18" not in line


def test_text_of_others_is_no_command_in_a_table_of_latex():
    text = "\\input{x}\n\n$a$ & % # ~ ^"
    written = latex_table(Table(text, names(text, "r"), [(text, "0.5")], text))
    assert "\\input" not in written
    assert written.count("\n\n") == 0
    assert written.count("&") - written.count("\\&") == 2
