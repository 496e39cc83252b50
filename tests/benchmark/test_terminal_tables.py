"""Tables at a terminal of 80 columns: in one piece, and with what they leave out named."""

from __future__ import annotations

import re
import sys

import pytest

from dmlbench.comparison import compare_results
from dmlbench.present.comparison_tables import comparison_tables
from dmlbench.present.pair_tables import pair_table
from dmlbench.present.result_tables import score_table
from dmlbench.present.table import Column, Estimate, Table, names
from dmlbench.present.terminal_tables import fitted, print_table
from dmlbench.results import find_results

LONG = "a_file_name_of_a_model-0123456789abcdef"


class Terminal:
    """A stream that says that it is a terminal."""

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text
        return len(text)

    def flush(self):
        pass


@pytest.fixture
def printed(monkeypatch):
    """Print a table at a terminal of so many columns; return its lines without its notes."""

    def print_at(table, width=80):
        terminal = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            patch.setenv("COLUMNS", str(width))
            print_table(table)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.text).partition("note: ")[0]
        return plain.rstrip("\n").splitlines()

    return print_at


def in_one_piece(lines):
    """Whether there is one rule below one head."""
    return sum(set(line) == {"─"} for line in lines) == 1


def test_tables_of_evaluate_and_score_stand_in_one_piece_at_80_columns(results, printed):
    for result in find_results([results]):
        scores = result.properties
        longest = {"background_saturation": scores.properties["background_value"]}
        for table in (
            score_table(scores.properties | longest),
            pair_table(scores.properties | longest, scores.settings),
        ):
            lines = printed(table)
            assert max(map(len, lines)) <= 80
            assert in_one_piece(lines)
            assert sum("background_saturation" in line for line in lines) <= 1


@pytest.mark.parametrize("count", [2, 3])
def test_tables_of_compare_stand_in_one_piece_at_80_columns(results, printed, count):
    comparison = compare_results(find_results([results])[:count])
    named = tuple(
        model.model_copy(update={"label": f"{model.label}_{LONG}" if place else model.label})
        for place, model in enumerate(comparison.models)
    )
    for compared in (comparison, comparison.model_copy(update={"models": named})):
        for table in comparison_tables(compared):
            lines = printed(table)
            assert max(map(len, lines)) <= 80
            assert in_one_piece(lines)


def wide(digits=2):
    columns = (
        *names("property"),
        Column("images", spare=2),
        Column("NR-Precision", digits, short="NR-P"),
        Column(LONG, digits),
    )
    return Table("T", columns, [("hue", 60, Estimate(1.5, (1.0, 2.0)), 0.25)], "Known.")


def test_nothing_is_left_out_of_a_table_that_fits():
    assert fitted(wide(), 200) == wide()


def test_columns_are_spared_first_then_names_become_numbers_then_intervals_go():
    spared = fitted(wide(), 72)
    assert [column.title for column in spared.columns] == ["property", "NR-P", LONG]
    assert "Left out for width: images." in spared.note
    numbered = fitted(wide(), 50)
    assert [column.title for column in numbered.columns] == ["property", "NR-P", "1"]
    assert f"1: {LONG}." in numbered.note
    assert numbered.rows[0][1] == Estimate(1.5, (1.0, 2.0))
    bare = fitted(wide(), 25)
    assert bare.rows[0][1] == Estimate(1.5)
    assert "Left out for width: intervals." in bare.note
    assert bare.note.startswith("Known.")


def test_intervals_in_columns_of_their_own_are_left_out_where_they_do_not_fit(results, printed):
    (result, *_) = find_results([results])
    table = score_table(result.properties.properties)
    assert in_one_piece(printed(table, 46))
    narrow = fitted(table, 46)
    assert {"95 % interval", "chance"}.isdisjoint(column.title for column in narrow.columns)
    assert "Left out for width: 95 % interval, chance." in narrow.note
    assert "intervals" not in narrow.note


def test_what_is_no_terminal_gets_the_whole_table(capsys):
    print_table(wide())
    head = capsys.readouterr().out.splitlines()[1]
    assert head == f"property\timages\tNR-Precision\t{LONG}"
