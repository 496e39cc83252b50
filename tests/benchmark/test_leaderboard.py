"""A leaderboard: what may go in, ranks where scores differ, and the page in a browser."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from dmlbench import load_model
from dmlbench.comparison.differences import score_differences
from dmlbench.evaluation.model_evaluation import evaluate_model
from dmlbench.leaderboard import read_board
from dmlbench.leaderboard.ranks import Rank, ranks
from dmlbench.results import find_results
from dmlbench.results.files import Settings
from dmlbench.sources import open_source
from dmldata.common.errors import UnknownNameError

CARD = ("--trunk", "tiny", "--trained-on", "nothing")


@pytest.fixture(scope="module")
def board(dmlbench, results, tmp_path_factory):
    """Of all three models; tests only read it."""
    folder = tmp_path_factory.mktemp("board") / "board"
    for number, path in enumerate(sorted(results.iterdir())):
        options = ("--trunk", f"trunk{number % 2}", "--trained-on", "nothing", "--loss", "triplet")
        answer = dmlbench("submit", path, "--board", folder, *options)
        assert answer.exit_code == 0, answer.err
    return folder


@pytest.fixture(scope="module")
def written(dmlbench, board, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "index.html"
    answer = dmlbench("leaderboard", board, "--out", file, "--title", "Shapes")
    assert answer.exit_code == 0, answer.err
    assert answer.out == f"leaderboard: {file}, 3 entries on 1 datasets\n"
    return file


def test_a_submission_has_all_scores_and_no_path(board, results):
    (fingerprint,) = [path.name for path in board.iterdir()]
    entries = {entry.model: entry for entry in read_board(board)[fingerprint]}
    for result in find_results([results]):
        entry = entries[result.model]
        assert entry.properties == result.properties
        assert entry.saliency == result.saliency
        assert entry.card.loss == "triplet"
        text = (board / fingerprint / f"{entry.model}.json").read_text()
        assert str(results.parent) not in text
        assert "/" not in entry.run.model.reference + entry.run.dataset.url


@pytest.mark.parametrize(
    ("option", "message"),
    [("--no-chance", "made without chance"), ("--no-intervals", "made without intervals")],
)
def test_incomplete_results_are_refused(dmlbench, models, shapes, tmp_path, option, message):
    quick = ("--out", tmp_path / "r", "--maps", 0, option)
    assert dmlbench("evaluate", models["small"], "--data", shapes, *quick).exit_code == 0
    answer = dmlbench("submit", tmp_path / "r", "--board", tmp_path / "board", *CARD)
    assert answer.exit_code == 2
    assert message in answer.err
    assert f"evaluate it again without {option}" in answer.err
    assert not (tmp_path / "board").exists()


def test_an_embedding_that_is_no_function_of_its_image_is_refused(
    dmlbench, copy_of_results, tmp_path
):
    (file,) = copy_of_results.glob("small-*/**/run.json")
    document = json.loads(file.read_text())
    document["model"]["notes"] = ["UNSTABLE: the embedding is no function of the image: noise"]
    file.write_text(json.dumps(document))
    answer = dmlbench("submit", file.parent, "--board", tmp_path / "board", *CARD)
    assert answer.exit_code == 2
    assert "no function of the image" in answer.err
    assert not (tmp_path / "board").exists()


def test_results_of_some_properties_alone_are_refused(dmlbench, models, shapes, tmp_path):
    settings = Settings(seed=0, intervals=True, chance=True, maps=0, samples=1, only=("car_model",))
    source = open_source(str(shapes))
    small = load_model(str(models["small"]))
    result = evaluate_model(small, source, tmp_path / "r", settings, quiet=True)
    assert list(result.properties.properties) == ["car_model"]
    answer = dmlbench("submit", tmp_path / "r", "--board", tmp_path / "board", *CARD)
    assert answer.exit_code == 2
    assert "some properties alone" in answer.err
    other = settings.model_copy(update={"only": ("colour",)})
    with pytest.raises(UnknownNameError, match="'colour'"):
        evaluate_model(small, source, tmp_path / "r", other, quiet=True)


def test_results_of_another_seed_cannot_be_ranked_beside_the_others(
    dmlbench, models, shapes, board, tmp_path
):
    options = ("--out", tmp_path / "r", "--maps", 0, "--seed", 5)
    assert dmlbench("evaluate", models["small"], "--data", shapes, *options).exit_code == 0
    answer = dmlbench("submit", tmp_path / "r", "--board", board, *CARD)
    assert answer.exit_code == 2
    assert "seed is 5, in this leaderboard it is 0" in answer.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--url", "javascript:alert(1)"), "url"),
        (("--trunk", ""), "trunk"),
        (("--trained-on", ""), "trained_on"),
        (("--note", "a\nb"), "note"),
        (("--loss", "nonsense"), "unknown loss 'nonsense'"),
        (("--loss", "arcface"), "loss arcface: its distance is cosine_similarity, the maps are of"),
    ],
)
def test_a_card_that_cannot_be_true_is_refused(dmlbench, results, tmp_path, options, message):
    result = sorted(results.iterdir())[0]
    answer = dmlbench("submit", result, "--board", tmp_path / "b", *CARD, *options)
    assert answer.exit_code == 2
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "b").exists()


def test_models_of_one_name_are_told_apart_and_a_replaced_entry_is_named(
    dmlbench, results, tmp_path
):
    board = tmp_path / "b"
    first, second, _ = sorted(results.iterdir())
    for path in (first, second):
        said = dmlbench("submit", path, "--board", board, *CARD, "--name", "same").out
        assert "replaces" not in said
    dmlbench("leaderboard", board, "--out", tmp_path / "i.html")
    page = (tmp_path / "i.html").read_text()
    for path in (first, second):
        (result,) = find_results([path])
        assert f"<summary>{result.model}</summary>" in page
    said = dmlbench("submit", first, "--board", board, *CARD, "--name", "renamed").out
    assert "note: it replaces the entry of the same model, same" in said


def test_damaged_submission_is_named(dmlbench, tmp_path):
    file = tmp_path / "board" / "0123456789abcdef" / "x.json"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    answer = dmlbench("leaderboard", tmp_path / "board", "--out", tmp_path / "i.html")
    assert answer.exit_code == 2
    assert "x.json" in answer.err
    assert not (tmp_path / "i.html").exists()


def test_a_folder_without_submissions_says_how_to_make_one(dmlbench, tmp_path):
    answer = dmlbench("leaderboard", tmp_path, "--out", tmp_path / "i.html")
    assert (answer.exit_code, "dmlbench submit" in answer.err) == (2, True)


def test_ranks_are_ranges_where_scores_are_tied(results):
    model_results = find_results([results])
    for name in model_results[0].properties.properties:
        by_model = ranks(model_results, name, "nr_precision")
        pairs = score_differences(model_results)[name]
        if all(pair.better_and_worse is None for pair in pairs):
            assert set(by_model.values()) == {Rank(1, 3)}
        values = {
            result.model: result.properties.properties[name].scores["nr_precision"].value
            for result in model_results
        }
        best = max(values, key=values.get)
        assert by_model[best].best == 1
        for pair in pairs:
            if pair.better_and_worse is not None:
                ahead, behind = pair.better_and_worse
                assert by_model[ahead].worst < 3
                assert by_model[behind].best > 1


def test_the_page_sorts_by_any_column_and_shows_the_rank_of_it(page, written):
    page.goto(written.as_uri())
    head = page.locator("th", has_text="paint_hue")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    rows = page.locator("table.board tbody tr")
    column = page.locator("table.board thead th").all_inner_texts().index(head.inner_text())
    values = [float(cell.get_attribute("data-value")) for cell in _cells(rows, column)]
    assert values == sorted(values, reverse=True)
    ranked = [cell.get_attribute("data-rank") for cell in _cells(rows, column)]
    assert [cell.inner_text() for cell in _cells(rows, 0)] == ranked
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")


def test_the_page_filters_by_trunk_and_opens_cards(page, written):
    page.goto(written.as_uri())
    page.get_by_label("Trunk").select_option("trunk1")
    expect(page.locator("#found")).to_have_text("1 of 3 entries")
    link = page.locator("table.board tbody tr:visible a")
    name = link.inner_text()
    link.click()
    card = page.locator("details[open]")
    expect(card.locator("summary")).to_have_text(name)
    expect(card).to_contain_text("triplet")


def test_the_page_says_the_same_as_the_files(written, board):
    text = written.read_text()
    for models in read_board(board).values():
        for entry in models:
            value = entry.properties.properties["paint_hue"].scores["nr_precision"].value
            assert repr(value) in text
            assert entry.run.model.weights_sha256 in text


def test_names_are_text_and_not_markup(dmlbench, results, tmp_path, page):
    result = sorted(results.iterdir())[0]
    name = "<script>alert(1)</script>"
    dmlbench("submit", result, "--board", tmp_path / "b", *CARD, "--name", name)
    dmlbench("leaderboard", tmp_path / "b", "--out", tmp_path / "i.html")
    page.goto((tmp_path / "i.html").as_uri())
    expect(page.locator("table.board tbody a")).to_have_text(name)
    assert json.loads(next((tmp_path / "b").glob("*/*.json")).read_text())["card"]["name"] == name


def _cells(rows, column):
    return [row.locator("th, td").nth(column) for row in rows.all()]


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/b", "", "a\\b", "x" * 300, "a\n"])
@pytest.mark.parametrize(("part", "field"), [("model", "id"), ("dataset", "fingerprint")])
def test_a_name_in_somebodys_results_is_never_a_path(
    dmlbench, copy_of_results, tmp_path, part, field, name
):
    (folder, *_) = sorted(copy_of_results.glob("*/*"))
    run = json.loads((folder / "run.json").read_text())
    run[part][field] = name
    (folder / "run.json").write_text(json.dumps(run))
    before = sorted(path for path in tmp_path.rglob("*"))
    answer = dmlbench("submit", folder, "--board", tmp_path / "deep" / "board", *CARD)
    assert answer.exit_code == 2
    assert f"{part}.{field}" in answer.err
    assert sorted(path for path in tmp_path.rglob("*")) == before
