"""YAML of others: read without surprises, or refused with its line."""

from __future__ import annotations

import pytest

from dmldata.common.documents import parse_yaml
from dmldata.common.errors import InputError


def test_aliases_of_ordinary_documents_are_followed() -> None:
    content, _ = parse_yaml("a: &x [1, 2]\nb: *x\n", "r.yaml")
    assert content == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vary: {a: 1}\nhold: {}\nvary: {b: 2}\n", r"r\.yaml:3: 'vary' stands twice; valid: once"),
        ("a:\n  b: 1\n  b: 2\n", r"r\.yaml:3: 'b' stands twice"),
        ("a: [{x: 1, x: 2}]", r"r\.yaml:1: 'x' stands twice"),
        ("a: [1\n", r"r\.yaml:2:1: "),
        ("[" * 5000 + "]" * 5000, r"r\.yaml: nested too deeply"),
        ("a: " + "[" * 150 + "]" * 150, r"r\.yaml:1: nested too deeply; valid: at most 100 levels"),
        ("a: &a [*a]", r"r\.yaml:1: a value that contains itself"),
    ],
)
def test_what_would_be_lost_or_never_end_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_yaml(text, "r.yaml")


def test_a_bomb_of_aliases_is_counted_and_not_built() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    with pytest.raises(InputError, match="more than 1,000,000 values, with its aliases"):
        parse_yaml("\n".join(lines), "r.yaml")
