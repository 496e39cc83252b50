"""A comparison as LaTeX: tables that compile, whatever the names."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlbench.present.latex import escape, latex_table
from dmlbench.present.table import Column, Estimate, Table, names

NAME = r"50%_$x$ & {a} \b ~^#<i>|"


@pytest.fixture(scope="module")
def text(dmlbench, results, tmp_path_factory):
    """Written by the command, one model under a name of special characters."""
    folder = tmp_path_factory.mktemp("latex")
    copy = shutil.copytree(results, folder / "results")
    file = next(copy.glob("wide-*/*/run.json"))
    file.write_text(json.dumps(json.loads(file.read_text()) | {"name": NAME}))
    answer = dmlbench("compare", copy, "--out", folder / "c.tex")
    assert answer.exit_code == 0, answer.err
    return (folder / "c.tex").read_text()


def lines_of(text):
    return [line for line in text.splitlines() if not line.startswith("%")]


def unescaped(character, text):
    """How often a character stands in a text as LaTeX reads it, not as it prints it."""
    return len(re.findall(rf"(?<!\\){re.escape(character)}", text))


def test_every_environment_and_brace_is_closed(text):
    body = "\n".join(lines_of(text))
    opened, closed = (re.findall(rf"\\{end}{{(\w+)}}", body) for end in ("begin", "end"))
    assert sorted(opened) == sorted(closed)
    assert opened.count("tabular") == opened.count("table") == 8
    assert unescaped("{", body) == unescaped("}", body)
    assert unescaped("$", body) % 2 == 0


def test_every_row_has_the_columns_of_its_table(text):
    for table in re.findall(r"\\begin{tabular}{([lr]+)}\n(.*?)\\end{tabular}", text, re.DOTALL):
        alignment, body = table
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) > 1
        assert {unescaped("&", row) + 1 for row in rows} == {len(alignment)}
        rules = [line for line in body.splitlines() if not line.endswith(r"\\")]
        assert rules == [r"\toprule", r"\midrule", r"\bottomrule"]


def test_names_are_printed_and_not_read(text):
    assert r"50\%\_\$x\$ \& \{a\} \textbackslash{}b" in text
    assert NAME not in text


@given(st.text())
def test_escaped_text_holds_no_command_of_its_own(name):
    known = r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater)\{\}"
    known += r"|\\(textbar|textquotedbl|textasciigrave)\{\}|\\[&%$#_{}]|\$-\$|-\{\}(?=-)"
    rest = re.sub(known, "", escape(name))
    assert not set(rest) & set("\\&%$#_{}~^")


def test_marked_value_is_bold_and_its_interval_is_not():
    score = Estimate(-1.5, (-2.0, -1.0), marked=True)
    written = latex_table(Table("T", (*names("p"), Column("m", 1)), [("hue", score)]))
    assert r"hue & \textbf{$-$1.5} [$-$2.0 to $-$1.0] \\" in written


def test_first_cell_is_no_option_of_the_row_above():
    written = latex_table(Table("T", names("p", "m"), [("[a", "1"), ("*b", "2")]))
    assert "{[a} & 1" in written
    assert "{*b} & 2" in written


def test_table_without_rows_is_a_table():
    assert r"\begin{tabular}{lr}" in latex_table(Table("T", names("property", "m"), []))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX is installed")
def test_tables_compile(text, tmp_path):
    head = "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{booktabs}"
    document = f"{head}\\begin{{document}}\n{text}\\end{{document}}\n"
    (tmp_path / "c.tex").write_text(document)
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "c.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
