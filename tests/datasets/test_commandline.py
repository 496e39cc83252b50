"""Exit codes and one-line errors of both commands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from dmldata.common.commandline import path_or_url, run_app
from dmldata.common.errors import DatasetError, PrismError
from dmldata.common.output import print_rows, say
from dmldata.common.progress import progress_bar

app = typer.Typer()


@app.callback()
def root() -> None:
    """A program for the tests."""


@app.command()
def paths(
    here: Path = typer.Argument(metavar="DIR"),
    others: list[Path] = typer.Option([], "--other"),
    place: str = typer.Option("x", callback=path_or_url),
) -> None:
    """Say which paths are meant."""
    say(json.dumps([str(here), [str(other) for other in others], place]))


@app.command()
def work(
    count: int = typer.Option(1, help="How many."),
    fail: str = typer.Option("", help="How to fail."),
    as_json: bool = typer.Option(False, "--json"),
) -> None:
    """Work, or fail as told."""
    if fail == "dataset":
        raise DatasetError("train-000000.tar: truncated\n  inside member 'a.jpg'")
    if fail == "way":
        raise PrismError("no space left")
    if fail == "bug":
        raise ValueError("surprise")
    if fail == "interrupt":
        raise KeyboardInterrupt
    if fail == "pipe":
        raise BrokenPipeError("a worker's pipe")
    if fail == "exit":
        raise typer.Exit(3)
    print("worked", count, as_json)


@app.command()
def echo(words: list[str]) -> None:
    """Print the words."""
    print(*words)


Capture = pytest.CaptureFixture[str]


def call(capsys: Capture, *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        run_app(app, "prog", args)
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def test_success_exits_0_and_prints_nothing_else(capsys: Capture) -> None:
    assert call(capsys, "work", "--count", "2") == (0, "worked 2 False\n", "")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["work", "--fail", "dataset"], 2, "train-000000.tar: truncated inside member 'a.jpg'"),
        (["work", "--fail", "way"], 1, "no space left"),
        (
            ["work", "--fail", "bug"],
            1,
            "unexpected ValueError: surprise (run again with --debug for the traceback)",
        ),
        (["work", "--fail", "interrupt"], 130, "interrupted"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    args: list[str], code: int, message: str, capsys: Capture
) -> None:
    assert call(capsys, *args) == (code, "", f"error: {message}\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["work", "--cuont", "2"], ["--cuont", "prog work --help"]),
        (["work", "--count", "two"], ["--count", "integer"]),
        (["wrok"], ["wrok", "prog --help"]),
        (["echo"], ["WORDS"]),
        (["work", "extra"], ["extra"]),
    ],
)
def test_a_usage_error_is_one_line_and_exits_2(
    args: list[str], words: list[str], capsys: Capture
) -> None:
    code, out, err = call(capsys, *args)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert all(word.lower() in err.lower() for word in words)


@pytest.mark.parametrize(
    ("args", "code", "kind"),
    [
        (["work", "--json", "--fail", "dataset"], 2, "DatasetError"),
        (["work", "--fail", "bug", "--json"], 1, "ValueError"),
        (["work", "--json", "--cuont", "2"], 2, "UsageError"),
        (["work", "--json", "--fail", "interrupt"], 130, "Interrupted"),
    ],
)
def test_with_json_an_error_is_one_object(
    args: list[str], code: int, kind: str, capsys: Capture
) -> None:
    exit_code, out, err = call(capsys, *args)
    error = json.loads(err)
    assert (exit_code, out) == (code, "")
    assert set(error) == {"error", "kind", "exit_code"}
    assert (error["kind"], error["exit_code"]) == (kind, code)


@pytest.mark.parametrize("args", [["--debug", "work"], ["work", "--debug"]])
def test_only_debug_shows_a_traceback(args: list[str], capsys: Capture) -> None:
    code, _, err = call(capsys, *args, "--fail", "dataset")
    assert code == 2
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("error: train-000000.tar")
    _, _, err = call(capsys, *args, "--fail", "bug", "--json")
    assert "ValueError: surprise" in json.loads(err)["traceback"]


def test_debug_after_two_dashes_is_a_word(capsys: Capture) -> None:
    assert call(capsys, "echo", "--", "--debug", "--json") == (0, "--debug --json\n", "")


def test_an_exit_keeps_its_code_and_says_nothing(capsys: Capture) -> None:
    assert call(capsys, "work", "--fail", "exit") == (3, "", "")


def test_help_exits_0_and_tells_of_debug(capsys: Capture) -> None:
    code, out, err = call(capsys, "--help")
    assert (code, err) == (0, "")
    assert "--debug" in out


def test_a_pipe_that_is_not_stdout_is_an_error(capsys: Capture) -> None:
    code, _, err = call(capsys, "work", "--fail", "pipe")
    assert (code, err.split(":")[1]) == (1, " unexpected BrokenPipeError")


def run_python(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, **options
    )


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    script = tmp_path / "prog.py"
    script.write_text(
        "import typer\nfrom dmldata.common.commandline import run_app\napp = typer.Typer()\n"
        "@app.command()\ndef main():\n    for n in range(100_000):\n        print(n)\n"
        "run_app(app, 'prog')\n"
    )
    shell = f"'{sys.executable}' '{script}' | head -n 1"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_the_command_line_imports_nothing_heavy() -> None:
    done = run_python(
        "import sys, typer, dmldata, dmldata.common.commandline, dmldata.common.progress\n"
        "print([m for m in ('numpy', 'pyarrow', 'PIL', 'pydantic', 'fsspec') if m in sys.modules])"
    )
    assert done.stdout == "[]\n", done.stderr


def test_what_takes_long_says_how_far_it_is_where_stderr_is_no_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 10.0, 16.0, 20.0, 40.0, 50.0])
    monkeypatch.setattr("dmldata.common.progress.time.monotonic", lambda: next(seconds))
    with progress_bar("maps", 8) as bar:
        bar.advance()
        bar.advance()
        bar.advance()
        bar.report("write", 0, 5)
        bar.report("write", 1, 5)
    assert capsys.readouterr() == ("", "maps: 2 of 8, 48 seconds left\nwrite: 0 of 5\n")


def test_progress_of_what_is_quick_is_silent_where_stderr_is_no_terminal(capsys: Capture) -> None:
    with progress_bar("render", 3) as bar:
        bar.advance()
        bar.describe("still")
        bar.report("verify", 2, 3)
    assert capsys.readouterr() == ("", "")


class Terminal:
    """A stream that says that it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_shows_a_bar_on_a_terminal(quiet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar("render", 3, quiet=quiet) as bar:
        bar.report("verify [b]", 3, 3)
    assert ("verify [b]" in terminal.text and "3/3" in terminal.text) is not quiet


def test_a_table_is_tab_separated_where_stdout_is_no_terminal(capsys: Capture) -> None:
    print_rows(("factor", "arp"), [("paint_hue", 0.5), ("x" * 200, 1)])
    assert capsys.readouterr().out == f"factor\tarp\npaint_hue\t0.5\n{'x' * 200}\t1\n"


@pytest.mark.parametrize("width", [40, 60, 200])
def test_a_table_on_a_terminal_cuts_nothing(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    columns = ("property", *(f"a long name {i}" for i in range(5)))
    rows = [("background_value", *(f"-0.{n}{i} to 1.25" for i in range(5))) for n in range(3)]
    print_rows(columns, rows, title="Scores")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.text).splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in terminal.text
    cells = [cell.strip() for line in lines for cell in re.split(r"\s{2,}", line)]
    assert {cell for row in rows for cell in row} <= set(cells)
    assert terminal.text.count("Scores") == 1


def test_paths_of_every_kind_are_read_as_a_user_means_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    words = ["paths", "~/a", "--other", "~", "--other=b ~", "--place=~/c"]
    with pytest.raises(SystemExit, match="0"):
        run_app(app, "prog", words)
    assert json.loads(capsys.readouterr().out) == ["/home/me/a", ["/home/me", "b ~"], "/home/me/c"]
    with pytest.raises(SystemExit, match="0"):
        run_app(app, "prog", ["paths", "-", "--place", "s3://bucket/~/c"])
    assert json.loads(capsys.readouterr().out) == ["-", [], "s3://bucket/~/c"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["", "--place=a"], "DIR"),
        (["a", "--other", " "], "--other"),
        (["a", "--place="], "--place"),
    ],
)
def test_an_empty_path_is_an_error_that_names_its_option(
    capsys: pytest.CaptureFixture[str], words: list[str], name: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_app(app, "prog", ["paths", *words])
    assert capsys.readouterr().err.startswith(f"error: {name}: is empty; valid: a path, such as ./")
