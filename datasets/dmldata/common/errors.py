"""The one exception hierarchy of the project.

Every message says what was wrong, where (file, field, sample key, line) and what would be valid.
A command exits with `exit_code`: 2 for what the user gave, 1 for what failed on the way.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


def one_line(message: object) -> str:
    """A message on one line, however many it was written on.

    >>> one_line(ValueError("no such pass\\n  in layer 2\\n"))
    'no such pass in layer 2'
    """
    return " ".join(line.strip() for line in str(message).splitlines() if line.strip())


LONGEST_MESSAGE = 2000
"""Letters. What a file holds may be of any length, and stands in messages about it."""


class PrismError(Exception):
    """Something failed on the way; the command exits with 1.

    Of a message that is longer than LONGEST_MESSAGE the middle is left out.
    """

    exit_code = 1

    def __init__(self, message: object = "") -> None:
        text = str(message)
        if len(text) > LONGEST_MESSAGE:
            text = f"{text[:1200]} ... {text[-700:]}"
        super().__init__(text)


class InputError(PrismError):
    """What the user gave is not valid; the command exits with 2."""

    exit_code = 2


class FieldError(InputError):
    """Fields whose values are not valid. A command says which of its options set them.

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
        kind: what is named.
        where: the file or field that holds the name.
        hint: what is probably meant, where something better is known than the closest name.

    >>> print(UnknownNameError("factor", "colour", ["color", "pose"]))
    unknown factor 'colour' (did you mean 'color'?); valid: color, pose
    """

    def __init__(
        self, kind: str, name: str, valid: Iterable[str], where: str = "", hint: str = ""
    ) -> None:
        names = list(valid)
        close = difflib.get_close_matches(name, names, n=1)
        if not hint and close:
            hint = f"did you mean '{close[0]}'?"
        told = f" ({hint})" if hint else ""
        place = f" in {where}" if where else ""
        super().__init__(f"unknown {kind} '{name}'{place}{told}; valid: {', '.join(names)}")


class DatasetError(InputError):
    """A dataset on disk breaks the contract: the message names the file and the reason."""


class ModelError(InputError):
    """A model reference that cannot be loaded, or a model that breaks the model contract."""
