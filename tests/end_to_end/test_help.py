"""The help of both programs says of every option what holds without it."""

import pytest
import typer

from dmlbench.cli.main import app as dmlbench
from dmlgen.cli.main import app as dmlgen


def _options(command, name):
    for parameter in command.params:
        yield f"{name}: {parameter.name}", parameter
    for key, part in getattr(command, "commands", {}).items():
        yield from _options(part, f"{name} {key}")


@pytest.mark.parametrize(("app", "name"), [(dmlbench, "dmlbench"), (dmlgen, "dmlgen")])
def test_an_option_that_only_turns_something_off_does_not_say_that_it_is_on(app, name):
    options = dict(_options(typer.main.get_command(app), name))
    only_off = {key: option for key, option in options.items() if not option.opts}
    assert len(options) > 20
    assert [key for key, option in only_off.items() if option.show_default] == []
    assert name == "dmlgen" or only_off
