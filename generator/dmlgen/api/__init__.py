"""What a program or a notebook calls: `dmlgen.plan` and `dmlgen.render`."""

from dmlgen.api.planned import plan
from dmlgen.api.rendered import render

__all__ = ["plan", "render"]
