"""The one exception hierarchy of the project.

Every message says what is wrong, where (file, field, sample key, line) and what would be valid.
A command exits with `exit_code`: 2 for invalid input, 1 for any other failure.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def one_line(message: object) -> str:
    """Join the lines of a message into one.

    >>> one_line(ValueError("no such pass\\n  in layer 2\\n"))
    'no such pass in layer 2'
    """
    return " ".join(line.strip() for line in str(message).splitlines() if line.strip())


MAX_MESSAGE_LENGTH = 2000
"""Maximum number of characters of a message, which may quote text of any length from a file."""


class PrismError(Exception):
    """Base of all errors of the project; the command exits with 1.

    If a message is longer than MAX_MESSAGE_LENGTH, its middle is left out.
    """

    exit_code = 1

    def __init__(self, message: object = "") -> None:
        text = str(message)
        if len(text) > MAX_MESSAGE_LENGTH:
            text = f"{text[:1200]} ... {text[-700:]}"
        super().__init__(text)

    def __reduce__(self) -> tuple[object, ...]:
        # By default pickle calls the class with the message, but subclasses take other arguments.
        return Exception.__new__, (type(self), *self.args), self.__dict__


class InputError(PrismError):
    """An input of the user is not valid; the command exits with 2."""

    exit_code = 2


class FieldError(InputError):
    """Fields whose values are not valid; `run_app` names the options that set them.

    Args:
        values: field -> its value.
        problem: what is wrong with them, and what would be valid.

    >>> print(FieldError({"count": 0}, "has to be 1 to 1000"))
    count 0: has to be 1 to 1000
    """

    def __init__(self, values: Mapping[str, object], problem: str) -> None:
        self.values = dict(values)
        self.problem = problem
        named = ", ".join(f"{field} {value}" for field, value in values.items())
        super().__init__(f"{named}: {problem}")

    def renamed(self, names: Mapping[str, str]) -> FieldError:
        """Return the same error with other names of fields, such as those of options.

        >>> print(FieldError({"count": 0}, "has to be 1 to 1000").renamed({"count": "--count"}))
        --count 0: has to be 1 to 1000
        """
        values = {names.get(field, field): value for field, value in self.values.items()}
        return FieldError(values, self.problem)


class UnknownNameError(InputError):
    """A name that does not exist, with the names that do.

    Args:
        kind: what the name stands for, such as "factor".
        where: the file or field that holds the name.
        hint: advice to give in place of the closest valid name.

    >>> print(UnknownNameError("factor", "colr", ["color", "pose"]))
    unknown factor 'colr' (did you mean 'color'?); valid: color, pose
    """

    def __init__(
        self, kind: str, name: str, valid: Iterable[str], where: str = "", hint: str = ""
    ) -> None:
        names = list(valid)
        close = difflib.get_close_matches(name, names, n=1)
        if not hint and close:
            hint = f"did you mean '{close[0]}'?"
        advice = f" ({hint})" if hint else ""
        place = f" in {where}" if where else ""
        super().__init__(f"unknown {kind} '{name}'{place}{advice}; valid: {', '.join(names)}")


class DatasetError(InputError):
    """A dataset on disk breaks the contract: the message names the file and the reason."""


class ModelError(InputError):
    """A model reference that cannot be loaded, or a model that breaks the model contract."""
