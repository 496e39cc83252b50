"""Which changes of the code an unfinished render is resumed with."""

from pathlib import Path

import pytest

from dmlgen.rendering import pixel_code
from dmlgen.rendering.pixel_code import pixel_code_digest, pixel_modules


@pytest.fixture
def changed(monkeypatch):
    """Whether the digest is another when a text in a file of dmlgen is replaced."""
    before = pixel_code_digest()

    def call(file, old, new):
        path = pixel_code._ROOT / file
        source = path.read_text()
        assert old in source
        read = Path.read_text

        def read_changed(self, *args, **options):
            return source.replace(old, new) if self == path else read(self, *args, **options)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "read_text", read_changed)
            return pixel_code_digest() != before

    return call


def test_what_stands_in_a_scene_counts(changed):
    assert changed("dmlgen/scene/light/sky.py", "CLOUD_SCALE = 0.16", "CLOUD_SCALE = 0.17")
    assert changed("dmlgen/scene/light/daylight.py", "HAZE = 0.5", "HAZE = 0.6")
    assert changed("dmlgen/planning/presets.py", "max_bounces=5", "max_bounces=6")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("dmlgen/cli/render.py", "Render a dataset.", "Renders a dataset."),
        ("dmlgen/cli/publish.py", "import", "import  "),
        ("dmlgen/scene/light/sky.py", "Sun and sky, metered", "Sun and sky"),
        ("dmlgen/scene/light/sky.py", "# Blender's rotation 0", "# Rotation 0"),
    ],
)
def test_help_comments_and_docstrings_do_not_count(changed, file, old, new):
    assert not changed(file, old, new)


def test_modules_that_make_no_pixel_are_left_out():
    names = {"/".join(path.parts[-3:]) for path in pixel_modules()}
    assert {
        "dmlgen/scene/stage.py",
        "dmlgen/scene/photography.py",
        "dmlgen/catalog/things.py",
        "dmldata/common/color.py",
        "dmldata/contract/parts.py",
    } <= names
    assert not {name for name in names if "cli" in name or "publish" in name or "gallery" in name}
