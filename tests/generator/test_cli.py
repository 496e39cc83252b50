"""The command dmlgen: what a user types, sees, and sees when it fails."""

import json
import shlex
import shutil
import subprocess
import sys

import fsspec
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dmlgen.planning.draw import make_plan
from dmlgen.planning.recipe import load_recipe
from dmlgen.planning.table import plan_rows


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--factor", "colour"), "unknown factor group 'colour' (did you mean 'color'?); valid:"),
        (("papper",), "unknown recipe 'papper' (did you mean 'paper'?); valid:"),
        (("--preset", "best"), "unknown preset 'best'; valid: draft, standard, final"),
        (
            ("--device", "gpu"),
            "unknown device 'gpu' (did you mean 'cuda'?); valid: auto, cpu, cuda, optix",
        ),
        (("--size", "4"), "--size 4: has to be 16 to 8192 pixels"),
        (("--factor", "color", "--count", "5"), "--count 5: is for datasets that are no sweep"),
        (
            ("--scenes", "3"),
            "--scenes 3: recipe 'paper' is not a sweep; valid: with a factor group to sweep",
        ),
        (("color", "--variants", "0"), "--variants 0: has to be 1 to 1000000"),
        (
            ("color", "--variants", "2000"),
            "--variants 2000: group 'color' has 250 combinations",
        ),
        (("--count", "1000000000000"), "--count 1000000000000: has to be 1 to 1000000"),
        (("--seed", str(10**30)), f"--seed {10**30}: has to be 0 to 9223372036854775807"),
        (("--size", "9" * 5000), "has to be like 256, or 384x288"),
        (("--size", "big"), "--size big: has to be like 256, or 384x288"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2_and_writes_nothing(dmlgen, tmp_path, args, message):
    out = tmp_path / "out"
    code, stdout, stderr = dmlgen("render", *args, "--out", out)
    assert (code, stdout) == (2, "")
    assert message in stderr
    assert stderr.count("\n") == 1
    assert not out.exists()


def test_factors_lists_keys_groups_kinds_units_and_values(dmlgen):
    code, out, _ = dmlgen("factors")
    assert code == 0
    row = next(line for line in out.splitlines() if line.startswith("sun_elevation"))
    assert row.split("\t")[:4] == ["sun_elevation", "illumination", "linear", "degrees"]
    code, out, _ = dmlgen("factors", "--json")
    assert {f["group"] for f in json.loads(out)} == {
        *("model", "pose", "paint", "color", "finish", "plate", "illumination"),
        *("place", "background", "camera", "occlusion", "wheels", "lights", "shape"),
    }


def test_plan_renders_nothing_and_writes_what_would_be(dmlgen, tmp_path):
    out = tmp_path / "plan.parquet"
    code, stdout, _ = dmlgen("plan", "paper", "--count", 30, "--out", out)
    assert code == 0
    assert "30 images, about" in stdout
    expected = plan_rows(make_plan(load_recipe("paper"), seed=0, count=30).images)
    assert pq.read_table(out).to_pylist() == expected


def test_plan_as_json_holds_rows_and_estimate(dmlgen):
    _, out, _ = dmlgen("plan", "--factor", "pose", "--scenes", 2, "--variants", 2, "--json")
    document = json.loads(out)
    assert len(document["images"]) == 4
    assert document["estimate"]["seconds_on_two_cores"] > 0


def test_verify_says_what_is_wrong_and_exits_1(dmlgen, own_copy):
    assert dmlgen("verify", own_copy)[0] == 0
    shard = next(own_copy.glob("*.tar"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    code, out, _ = dmlgen("verify", own_copy)
    assert code == 1
    assert shard.name in out


def test_preview_of_a_sweep_has_a_row_per_scene(dmlgen, color_sweep, tmp_path):
    out = tmp_path / "sheet.png"
    assert dmlgen("preview", color_sweep, "--out", out, "--cell", 64)[0] == 0
    with Image.open(out) as sheet:
        width, height = sheet.size
    assert width == 6 + 3 * (64 + 6)
    assert 2 * 64 < height < 5 * 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cell", 100_000), "--cell 100000: a sheet of 300024 x "),
        (("--cell", 10**12), "valid: at most 100 million pixels"),
        (("--cell", 0), "--cell 0: has to be 16 or above"),
        (("--rows", 0), "--rows 0: has to be 1 or above"),
    ],
)
def test_a_sheet_too_large_is_refused_before_it_is_drawn(
    dmlgen, color_sweep, tmp_path, options, message
):
    code, _, err = dmlgen("preview", color_sweep, "--out", tmp_path / "x.png", *options)
    assert code == 2
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_name_of_its_own_is_named_after_its_folder(
    dmlgen, own_copy, tmp_path, monkeypatch
):
    monkeypatch.chdir(own_copy)
    assert dmlgen("preview", ".", "--cell", 16)[0] == 0
    assert (tmp_path / f"{own_copy.name}.preview.png").is_file()
    code, _, err = dmlgen("preview", "/")
    assert code == 2
    assert "has no name to name the output after" in err


@pytest.mark.parametrize(
    ("command", "made"), [("preview", "colors.preview.png"), ("gallery", "colors.gallery")]
)
def test_pictures_of_a_dataset_at_a_url_are_named_after_its_last_part(
    dmlgen, color_sweep, tmp_path, monkeypatch, command, made
):
    monkeypatch.chdir(tmp_path)
    at_url = fsspec.filesystem("memory")
    at_url.put(str(color_sweep), "/shelf/colors", recursive=True)
    try:
        assert dmlgen(command, "memory://shelf/colors/")[0] == 0
    finally:
        at_url.rm("/shelf", recursive=True)
    assert [path.name for path in tmp_path.iterdir()] == [made]


def test_preview_of_something_else_is_refused(dmlgen, tmp_path):
    code, _, err = dmlgen("preview", tmp_path, "--out", tmp_path / "x.png")
    assert code == 2
    assert "dataset.json" in err
    assert list(tmp_path.iterdir()) == []


def test_unknown_factor_in_a_preview_lists_the_known_ones(dmlgen, color_sweep, tmp_path):
    code, _, err = dmlgen("preview", color_sweep, "--factor", "hue", "--out", tmp_path / "x.png")
    assert code == 2
    assert "unknown factor 'hue'" in err
    assert "paint_hue" in err


SMALL = ("--count", 2, "--size", 32, "--preset", "draft", "--device", "cpu")


def test_events_of_a_render_name_every_image_and_end_with_the_dataset(dmlgen, tmp_path):
    code, out, _ = dmlgen("render", "mini", *SMALL, "--json", "--out", tmp_path / "out")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert {e["key"] for e in events if e["event"] == "image"} == {"000000", "000001"}
    assert [e["done"] for e in events if e["event"] == "image"] == [1, 2]
    assert events[-1]["event"] == "done"
    assert events[-1]["set_aside"] == []
    assert events[0]["seconds"].keys() >= {"sync", "trace", "denoise", "encode"}


SWEEP = ("--scenes", 1, "--variants", 2, "--size", 32, "--preset", "draft", "--device", "cpu")


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        (("--factor", "color", *SWEEP), "color"),
        (("mini", *SMALL), "mini"),
        (("wet.yaml", *SMALL), "puddles"),
    ],
)
def test_a_render_names_its_folder_first_and_is_done_the_second_time(
    dmlgen, tmp_path, monkeypatch, words, folder
):
    monkeypatch.chdir(tmp_path)
    recipe = "name: puddles\ntitle: t\ndescription: d\nextends: paper\n"
    (tmp_path / "wet.yaml").write_text(recipe)
    code, out, _ = dmlgen("render", *words)
    assert code == 0
    assert out.splitlines()[0] == f"folder: {folder}"
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / folder).iterdir()}
    code, out, _ = dmlgen("render", *words)
    assert code == 0
    assert "all 2 images are already rendered with Blender" in out
    assert f"dmlbench evaluate MODEL --data {folder}" in out.splitlines()[-1]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / folder).iterdir()} == before
    code, _, err = dmlgen("render", *words, "--seed", 1)
    assert code == 2
    assert f"{folder} holds another dataset, " in err
    assert "(seed was 0, is 1); choose a new or an empty folder with --out" in err


def test_a_folder_that_holds_something_else_is_refused_with_what_it_holds(
    dmlgen, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pose").mkdir()
    for name in "abcd":
        (tmp_path / "pose" / name).touch()
    code, _, err = dmlgen("render", "--factor", "pose", *SWEEP)
    assert code == 2
    assert "pose is not empty (it holds a, b, c and 1 more); choose a new or an empty fold" in err
    assert sorted(path.name for path in (tmp_path / "pose").iterdir()) == list("abcd")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("paint_hue", "('paint_hue' is a factor of the group 'color')"),
        ("hue", "(did you mean 'color', the group of 'paint_hue'?)"),
        ("camera_heigth", "(did you mean 'pose', the group of 'camera_height'?)"),
    ],
)
def test_a_factor_in_place_of_a_group_is_told_its_group(dmlgen, word, meant):
    code, _, err = dmlgen("plan", "--factor", word)
    assert code == 2
    assert f"unknown factor group '{word}' {meant}; valid: model, " in err


def test_a_group_in_place_of_a_factor_is_told_its_factors(dmlgen, color_sweep, tmp_path):
    recipe = "name: a\ntitle: t\ndescription: d\nextends: paper\nvary: {color: default}\n"
    (tmp_path / "a.yaml").write_text(recipe)
    code, _, err = dmlgen("plan", tmp_path / "a.yaml")
    assert code == 2
    assert "('color' is a group of factors: paint_hue, paint_saturation, paint_value)" in err


def test_a_picture_without_a_car_is_named(dmlgen, tmp_path):
    text = "name: far\ntitle: t\ndescription: d\nextends: paper\n"
    hold = "hold: {environment: studio, camera_distance: 20}\n"
    (tmp_path / "far.yaml").write_text(text + hold)
    code, out, _ = dmlgen("render", tmp_path / "far.yaml", *SMALL, "--out", tmp_path / "far")
    assert code == 0
    assert "note: no car is seen in 000000, 000001: the camera stands too far away or" in out


def test_slices_are_rendered_and_merged_by_the_commands_that_each_names(dmlgen, tmp_path):
    out = tmp_path / "out"
    for part in ("1/2", "2/2"):
        code, said, _ = dmlgen("render", "mini", *SMALL, "--slice", part, "--out", out)
        assert code == 0
        assert f"dmlgen merge {out}" in said
    _, said, _ = dmlgen("status", out)
    assert said.count("render: 1 of 1 images") == 2
    code, said, _ = dmlgen("merge", out)
    assert code == 0
    assert "2 images" in said
    assert dmlgen("verify", out)[0] == 0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--executor", "slurm"), "unknown executor 'slurm'; valid: local, ray"),
        (("--address", "auto"), "--address: valid only with --executor ray"),
        (("--workers", 0), "--workers 0: has to be 1 to"),
        (("--workers", 10**6), "--workers 1000000: has to be 1 to"),
        (("--threads", 10**6), "--threads 1000000: has to be 1 to 1024"),
        (("--memory", -1), "--memory -1: has to be 1 to 100000 (gigabytes)"),
        (("--memory", 0), "--memory 0: has to be 1 to 100000 (gigabytes)"),
        (("--memory", "nan"), "--memory nan: has to be 1 to 100000 (gigabytes)"),
        (("--memory", "inf"), "--memory inf: has to be 1 to 100000 (gigabytes)"),
        (("--executor", "ray", "--workers", 0), "--workers 0: has to be 1 to 100000"),
        (("--executor", "ray", "--threads", -1), "--threads -1: has to be 1 to 1024"),
        (("--slice", f"1/{'9' * 5000}"), "has to be I/N, such as 3/100"),
        (("--slice", "3/2"), "--slice 3/2: valid: 1/2 to 2/2"),
    ],
)
def test_options_of_a_render_that_make_no_sense_are_refused(dmlgen, tmp_path, options, says):
    code, _, err = dmlgen("render", "mini", *SMALL, *options, "--out", tmp_path / "out")
    assert code == 2
    assert says in err
    assert not (tmp_path / "out").exists()


def test_a_tilde_is_the_home_folder_wherever_a_path_is_given(dmlgen, tmp_path, monkeypatch):
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    (home / "r.yaml").write_text("name: r\ntitle: t\ndescription: d\nextends: mini\n")
    assert dmlgen("plan", "~/r.yaml", "--count", 1, "--out=~/plan.parquet")[0] == 0
    assert (home / "plan.parquet").is_file()
    assert dmlgen("render", "mini", *SMALL, "--slice", "1/1", "--out=~/d")[0] == 0
    assert dmlgen("merge", "~/d", "--out=~/e")[0] == 0
    assert dmlgen("verify", "~/e")[0] == 0
    assert dmlgen("preview", "~/e", "--out=~/e.png")[0] == 0
    assert dmlgen("gallery", "~/e", "--out=~/g")[0] == 0
    made = {path.name for path in home.iterdir() if not path.name.startswith(".")}
    assert made == {"r.yaml", "plan.parquet", *"deg", "e.png"}
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("render", "mini", *SMALL, "--out", ""), "--out: is empty; valid: a path, such as ./out"),
        (("render", "mini", *SMALL, "--out="), "--out: is empty"),
        (("render", "mini", *SMALL, "--work", " "), "--work: is empty"),
        (("render", ""), "RECIPE: is empty"),
        (("plan", "mini", "--out", ""), "--out: is empty"),
        (("merge", ""), "DIR: is empty"),
        (("merge", "a", "--out", ""), "--out: is empty"),
        (("status", ""), "DIR: is empty"),
        (("verify", ""), "DIR: is empty"),
        (("preview", ""), "DIR: is empty"),
        (("gallery", ".", "--out", ""), "--out: is empty"),
        (("cars", "show", "suv", "--out", ""), "--out: is empty"),
    ],
)
def test_an_empty_path_is_not_the_current_folder(dmlgen, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    code, out, err = dmlgen(*words)
    assert (code, out) == (2, "")
    assert says in err
    assert list(tmp_path.iterdir()) == []


def printed_commands(out, before):
    """The words of each command that is printed, as a shell takes them."""
    text = next(line for line in out.splitlines() if before in line).partition(before)[2]
    return [shlex.split(part) for part in text.split("or:")]


def test_printed_commands_are_right_whatever_the_folder_is_called(dmlgen, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = "my $HOME & 'data'"
    assert dmlgen("render", "mini", *SMALL, "--slice", "1/2", "--out", folder)[0] == 0
    _, out, _ = dmlgen("render", "mini", *SMALL, "--slice", "2/2", "--out", folder)
    ((program, *merge),) = printed_commands(out, "when all 2 are rendered, run: ")
    assert program == "dmlgen"
    _, _, err = dmlgen("render", "mini", *SMALL, "--out", folder)
    assert printed_commands(err, "join them with: ") == [[program, *merge]]
    code, out, _ = dmlgen(*merge)
    assert code == 0
    (_, *preview), evaluate = printed_commands(out, "next: ")
    assert dmlgen(*preview)[0] == 0
    assert evaluate == ["dmlbench", "evaluate", "MODEL", "--data", folder]


def test_the_next_command_for_a_url_is_one_that_reads_urls(dmlgen, color_sweep, tmp_path):
    url = (tmp_path / "my data").as_uri().replace("%20", " ")
    shutil.copytree(color_sweep, tmp_path / "my data")
    asked = ("--factor", "color", "--scenes", 2, "--variants", 3, "--seed", 7, "--size", 64)
    code, out, _ = dmlgen("render", *asked, "--preset", "draft", "--out", url)
    assert code == 0
    assert printed_commands(out, "next: ") == [["dmlbench", "evaluate", "MODEL", "--data", url]]


def test_status_of_a_folder_without_a_render_says_what_is_there(dmlgen, color_sweep, tmp_path):
    assert "no render there" in dmlgen("status", tmp_path)[2]
    assert "a finished dataset there" in dmlgen("status", color_sweep)[2]


def test_help_needs_neither_blender_nor_arrow():
    program = (
        "import sys; sys.argv = ['dmlgen', '--help']\n"
        "from dmlgen.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'bpy', 'pyarrow', 'numpy', 'PIL', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_car_is_shown_from_eight_sides(dmlgen, tmp_path):
    out = tmp_path / "car.png"
    assert (
        dmlgen("cars", "show", "smart-car", "--size", 32, "--device", "cpu", "--out", out)[0] == 0
    )
    with Image.open(out) as sheet:
        assert sheet.size == (4 * 32, 2 * 32)


def test_a_sheet_of_cars_has_a_largest_size(dmlgen, tmp_path):
    code, _, err = dmlgen("cars", "show", "suv", "--size", 8192, "--out", tmp_path / "car.png")
    assert (code, err) == (2, "error: --size 8192: has to be at most 2048 pixels\n")


def test_an_unknown_car_is_refused_with_those_there_are(dmlgen, tmp_path):
    code, _, err = dmlgen("cars", "show", "trabant", "--out", tmp_path / "car.png")
    assert code == 2
    assert "unknown car 'trabant'; valid: VW-new-beetle" in err
    assert list(tmp_path.iterdir()) == []
