"""The files beside the data are what their formats ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from PIL import Image

from dmldata import open_dataset
from dmldata.card.readme import description
from dmldata.common.errors import InputError
from dmldata.contract.factors import Factor
from dmldata.contract.manifest import Credit, Manifest
from dmldata.verify import verify


@pytest.fixture
def front(tiny: Path) -> dict[str, Any]:
    return yaml.safe_load((tiny / "README.md").read_text().split("---\n")[1])


def test_the_card_names_license_size_and_files(front: dict[str, Any]) -> None:
    assert front["license"] == "cc-by-4.0"
    assert front["size_categories"] == ["n<1K"]
    assert front["configs"][0]["data_files"] == [
        {"split": "test", "path": "test-*.tar"},
        {"split": "train", "path": "train-*.tar"},
    ]


def test_the_card_tells_what_varies_and_how_it_was_made(tiny: Path) -> None:
    text = (tiny / "README.md").read_text()
    assert "`background_hue` | background | cyclic | 4 from 0 to 0.75, period 1" in text
    assert "4 of 10 images" in text
    assert "`exposure`: 0.0 stops" in text
    assert "seed 7" in text
    assert yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])["name"] == "tiny"


def test_every_work_is_credited_with_author_license_and_changes(tiny: Path) -> None:
    for name in ("CREDITS.md", "LICENSE"):
        text = (tiny / name).read_text()
        for word in ("A coupe", "A van", "A truck", "A. Maker", "licenses/by/4.0", "scaled"):
            assert word in text
    assert "Creative Commons Attribution 4.0 International" in (tiny / "LICENSE").read_text()


def test_without_credits_and_with_another_license(
    write: Callable[..., Any], rows: list, tmp_path: Path
) -> None:
    own = [row | {"credits_id": ""} for row in rows]
    write(tmp_path / "new", credits=(), rows=own, license="ODbL-1.0", date="2025-01-31")
    front = yaml.safe_load((tmp_path / "new" / "README.md").read_text().split("---\n")[1])
    assert (front["license"], front["license_name"]) == ("other", "odbl-1.0")
    assert "Nothing in the pictures" in (tmp_path / "new" / "CREDITS.md").read_text()
    citation = yaml.safe_load((tmp_path / "new" / "CITATION.cff").read_text())
    assert str(citation["date-released"]) == "2025-01-31"


def test_the_citation_has_what_the_format_asks_for(tiny: Path) -> None:
    citation = yaml.safe_load((tiny / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "dataset"
    assert citation["authors"]
    assert citation["message"]
    assert (citation["title"], citation["version"]) == ("tiny-cars", "1.0.0")


def test_croissant_lists_every_data_file_with_its_digest(tiny: Path) -> None:
    document = json.loads((tiny / "croissant.json").read_text())
    manifest = json.loads((tiny / "dataset.json").read_text())
    stated = {f["@id"]: (f["sha256"], f["contentSize"]) for f in document["distribution"]}
    expected = {s["file"]: (s["sha256"], f"{s['bytes']} B") for s in manifest["shards"]}
    samples = manifest["samples"]
    expected["samples.parquet"] = (samples["sha256"], f"{samples['bytes']} B")
    assert stated == expected


def test_croissant_is_valid_and_reads_the_rows(tiny: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(jsonld=str(tiny / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    assert dataset.metadata.ctx.is_v1_1()
    keys = [record["samples/key"] for record in dataset.records("samples")]
    assert sorted(keys) == [f"img{number:04d}".encode() for number in range(10)]


def test_the_card_shows_the_first_pictures_and_how_often_values_occur(tiny: Path) -> None:
    text = (tiny / "README.md").read_text()
    assert "![The first images of the dataset](examples.jpg)" in text
    with Image.open(tiny / "examples.jpg") as sheet:
        assert sheet.format == "JPEG"
        assert sheet.size[1] % 128 == 0
    dataset = open_dataset(str(tiny))
    bins = [one for one in dataset.samples["car_model_bin"].to_pylist() if one is not None]
    counts = [bins.count(place) for place in range(3)]
    row = next(line for line in text.splitlines() if line.startswith("| `car_model`"))
    assert f"| {min(counts)} to {max(counts)} |" in row or f"| {counts[0]} |" in row
    assert "## Intended use and limits" in text


def test_labels_are_said_to_follow_from_the_car(
    write: Callable[..., Manifest],
    rows: list[dict[str, Any]],
    factors: tuple[Factor, ...],
    tmp_path: Path,
) -> None:
    base = Factor(key="car_base", group="model", kind="categorical", meaning="m", values=("a", "b"))
    made = [row | {"car_base": "ab"[row["car_model"] == "van"]} for row in rows]
    manifest = write(
        tmp_path / "new", rows=made, factors=(*factors, base), recipe={"labels": ["car_base"]}
    )
    said = "independently for every image: car_model, sun_elevation, background_hue. car_base: by"
    assert said in description(manifest)
    assert said in (tmp_path / "new" / "croissant.json").read_text()


def test_the_hub_is_told_images_and_bytes_of_every_split(tiny: Path) -> None:
    manifest = open_dataset(str(tiny)).manifest
    head = yaml.safe_load((tiny / "README.md").read_text().split("---\n")[1])
    told = {split["name"]: split for split in head["dataset_info"]["splits"]}
    assert {name: split["num_examples"] for name, split in told.items()} == manifest.splits
    shards = sum(path.stat().st_size for path in tiny.glob("*.tar"))
    assert head["dataset_info"]["dataset_size"] == shards
    assert sum(split["num_bytes"] for split in told.values()) == shards


HOSTILE = [
    "<script>alert(1)</script>",
    "](javascript:alert(1))",
    "[x](javascript:alert(1))",
    "![x](https://example.org/pixel.png)",
    "<img src=x onerror=alert(1)>",
    "`</code><script>`",
    "a | b | c",
    "```",
    "&lt;b&gt; & co.",
    "x\u2028---\u2028y",
    "\x1b]0;title\x07",
    "*bold* _em_ ~~gone~~",
    "\\[x](javascript:alert(1)) \\<b>",
]


@pytest.fixture
def hostile(write: Callable[..., Any], rows: list, tmp_path: Path) -> Path:
    """A dataset of whose texts none is harmless."""
    credits = tuple(
        Credit(
            id=f"c{number}",
            title=text,
            author=text,
            license=text,
            license_url=f"javascript:{text}" if number % 2 else f"https://example.org/){text}",
            source=text,
            changes=f"{text}\n\n# A heading\n{text}",
        )
        for number, text in enumerate(HOSTILE)
    )
    write(
        tmp_path / "new",
        credits=credits,
        rows=[row | {"credits_id": "c0"} for row in rows],
        license="[x](javascript:alert(1))",
        description="\n---\nlicense: mit\n---\n# A heading\n" + "\n".join(HOSTILE),
        creator="}} \\input{/etc/passwd} <script>",
        recipe={"name": "x", "text": "\n".join(HOSTILE), "```\n<script>": "\n```\n<script>\n"},
    )
    return tmp_path / "new"


def test_texts_of_others_leave_the_head_of_the_card_as_it_is(hostile: Path, tiny: Path) -> None:
    assert verify(hostile) == []
    head = [yaml.safe_load(f.read_text().split("---\n")[1]) for f in both(hostile, tiny)]
    assert head[0].keys() - {"license_name", "license_link"} == head[1].keys()
    assert head[0]["license"] == "other"
    assert head[0]["configs"] == head[1]["configs"]


def both(hostile: Path, tiny: Path) -> tuple[Path, Path]:
    return hostile / "README.md", tiny / "README.md"


@pytest.mark.parametrize("name", ["README.md", "CREDITS.md"])
def test_texts_of_others_are_shown_in_markdown_and_do_nothing(hostile: Path, name: str) -> None:
    body = (hostile / name).read_text().removeprefix("---\n").partition("---\n\n")
    html = MarkdownIt("commonmark").enable("table").enable("strikethrough")
    shown = html.render(body[2] or body[0])
    ours = "h1|h2|p|ul|li|code|pre|a|em|img|table|thead|tbody|tr|th|td"
    assert re.findall(rf"<(?!/|(?:{ours})\b)[^>]*", shown) == []
    assert set(re.findall(r'<img src="([^"]*)"', shown)) <= {"examples.jpg"}
    for address in re.findall(r'href="([^"]*)"', shown):
        assert address.startswith("https://")
    assert not re.search(r"<h[12]>A heading", shown)
    for text in ("&lt;script&gt;alert(1)&lt;/script&gt;", "](javascript:alert(1))", "a | b | c"):
        assert text in shown
    assert "&amp;lt;b&amp;gt; &amp; co." in shown
    assert "*bold* _em_ ~~gone~~" in shown
    assert "\x1b" not in shown


def test_a_table_of_credits_has_a_row_per_work_whatever_their_titles(hostile: Path) -> None:
    table = (hostile / "README.md").read_text().partition("| id | title |")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]
    assert len(rows) == len(HOSTILE)
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


def test_the_attribution_of_a_work_is_one_line(hostile: Path) -> None:
    lines = [x for x in (hostile / "LICENSE").read_text().splitlines() if x.startswith("- ")]
    assert len(lines) == len(HOSTILE)


def test_a_creator_cannot_end_the_entry_for_bibtex(hostile: Path) -> None:
    entry = json.loads((hostile / "croissant.json").read_text())["citeAs"]
    assert "author = {{ input/etc/passwd <script>}}}" in entry


@pytest.mark.parametrize("name", ["two\nlines", "---", "tiny\n", "Tiny", "a/b", ""])
def test_a_name_that_is_no_name_makes_no_dataset(
    write: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    with pytest.raises(InputError, match=r"dataset\.json: name"):
        write(tmp_path / "new", name=name)
