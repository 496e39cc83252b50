"""What a report says of models whose differences are known, because their embeddings are made."""

from __future__ import annotations

import html

import numpy as np
import pytest

from dmlbench.comparison import compare_results
from dmlbench.comparison.comparison import Bound, Pair, Spread
from dmlbench.comparison.score_clusters import score_clusters
from dmlbench.present.comparison_heat_maps import DIFFERENCE, property_grid
from dmlbench.present.comparison_tables import difference_table, property_table
from dmlbench.present.figures import figure_files
from dmlbench.present.map_sentences import how_maps_agree, reading_of
from dmlbench.present.report_sentences import summary
from dmlbench.results import find_results
from dmlbench.results.files import PropertyScores, Score

SCENES, VARIANTS = 24, 3


@pytest.fixture(scope="module")
def plan(rows):
    return rows(60)


@pytest.fixture(scope="module")
def dataset(plan, write, tmp_path_factory):
    return write(tmp_path_factory.mktemp("sixty") / "dataset", plan)


@pytest.fixture(scope="module")
def sweep_plan(rows):
    """Scenes in three colors; the backdrop never changes."""
    made = rows(SCENES * VARIANTS, scene_of=lambda number: number // VARIANTS)
    for number, row in enumerate(made):
        row["variant_id"] = number % VARIANTS
        row["car_model"] = ("disc", "box")[number // VARIANTS % 2]
        row["background_value"] = 0.5
        row["paint_hue"] = (0.0, 0.25, 0.5)[number % VARIANTS]
        row["seed"] = number // VARIANTS
    return made


@pytest.fixture(scope="module")
def sweep(sweep_plan, write, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep") / "dataset"
    return write(folder, sweep_plan, design="sweep", sweep_group="color")


@pytest.fixture(scope="module")
def compared(dmlbench, tmp_path_factory):
    """Evaluate embeddings of these names, given by their rows, and compare them."""

    def compare(data, rows, embeddings, **options):
        folder = tmp_path_factory.mktemp("made")
        for name, array in embeddings.items():
            np.save(folder / f"{name}.npy", array)
            (folder / f"{name}.keys.txt").write_text("".join(f"{row['key']}\n" for row in rows))
            model = f"embeddings:{folder / name}.npy"
            words = ("--data", data, "--out", folder / "results", "--name", name)
            answer = dmlbench("evaluate", model, *words, *options.get("words", ()))
            assert answer.exit_code == 0, answer.err
        return compare_results(find_results([folder / "results"]))

    return compare


def clustered(rows, seed, **weights):
    """Embeddings that cluster by these properties as strongly as their weights say."""
    rng = np.random.default_rng(seed)
    parts = [rng.normal(size=(len(rows), 6))]
    for name, weight in weights.items():
        labels = [str(row[name]) for row in rows]
        names = sorted(set(labels))
        parts.append(weight * np.eye(len(names))[[names.index(label) for label in labels]])
    return np.concatenate(parts, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def two(compared, dataset, plan):
    """One clusters by shape, the other, less, by hue."""
    shape, hue = clustered(plan, 0, car_model=6.0), clustered(plan, 1, paint_hue=1.8)
    return compared(dataset, plan, {"by shape": shape, "by hue": hue})


def test_first_sentence_names_the_properties_that_differ_largest_first(two):
    first = next(summary(two))
    assert "by hue and by shape differ in 2 of 3 properties" in first
    assert "largest difference first): car_model (by shape higher by " in first
    assert " and paint_hue (by hue higher by " in first
    differences = {name: pairs[0] for name, pairs in two.differences.items()}
    assert abs(differences["car_model"].value) > abs(differences["paint_hue"].value)


def test_no_property_is_named_as_a_difference_whose_interval_holds_0(two):
    pair = two.differences["background_value"][0]
    assert pair.ci95[0] < 0 < pair.ci95[1]
    first, second = list(summary(two))[:2]
    assert "background_value" not in first + second


def test_differences_that_remain_over_all_properties_are_named(two):
    second = list(summary(two))[1]
    assert "paired 95 % interval of the difference in NR-Precision excludes 0" in second
    assert second.endswith(
        "All of them remain when all 3 properties are counted together (Holm, at 95 %)."
    )


def test_differences_that_may_be_luck_are_called_so(two):
    doubtful = {
        name: tuple(pair.model_copy(update={"p": 0.04}) for pair in pairs)
        for name, pairs in two.differences.items()
    }
    first, second = list(summary(two.model_copy(update={"differences": doubtful})))[:2]
    assert "cannot be told apart when all 3 properties are counted together" in first
    assert "differ" not in first.partition("difference")[0]
    assert second.startswith("Taken alone, 2 of them have a paired 95 % interval that excludes 0: ")


def test_models_that_differ_in_nothing_are_said_not_to_be_told_apart(compared, dataset, plan):
    alike = {f"seed {seed}": clustered(plan, seed, car_model=6.0) for seed in (0, 1)}
    first, *others = summary(compared(dataset, plan, alike))
    assert first.startswith("seed 0 and seed 1 cannot be told apart by any of 3 properties")
    assert "none reaches beyond " in first
    assert not any("differ in" in sentence for sentence in others)


def test_without_intervals_nothing_is_said_to_differ(compared, dataset, plan):
    made = {name: clustered(plan, 0, **{name: 6.0}) for name in ("car_model", "paint_hue")}
    first = next(summary(compared(dataset, plan, made, words=("--no-intervals",))))
    assert first.startswith("Whether car_model and paint_hue differ in any property is not known: ")
    assert "scored without jackknife intervals" in first
    assert "higher by" not in first


@pytest.fixture(scope="module")
def four(compared, dataset, plan):
    made = {
        f"{short} {seed}": clustered(plan, seed, **{name: 6.0})
        for name, short in (("car_model", "shape"), ("paint_hue", "hue"))
        for seed in (0, 1)
    }
    return compared(dataset, plan, made)


def test_many_models_fall_into_the_clusters_they_are_made_of(four):
    clusters = score_clusters(four)
    named = {frozenset(map(four.label, cluster)) for cluster in clusters.clusters}
    assert named == {frozenset({"shape 0", "shape 1"}), frozenset({"hue 0", "hue 1"})}
    (split,) = clusters.splits
    assert {separation.name for separation in split.separations} == {"car_model", "paint_hue"}
    first = next(summary(four))
    assert "The 4 models fall into 2 clusters by NR-Precision: " in first
    assert "hue 0 and hue 1 cluster more by paint_hue (" in first
    assert " and less by car_model (" in first
    assert "background_value" not in first


def test_models_without_clusters_are_not_split(compared, dataset, plan):
    alike = {f"seed {seed}": clustered(plan, seed, car_model=6.0) for seed in range(3)}
    comparison = compared(dataset, plan, alike)
    assert score_clusters(comparison).splits == ()
    assert "3 models cannot be told apart by any of 3 properties" in next(summary(comparison))
    # One of them cannot be compared with the others, then none with any.
    reason = "not comparable: seed 0 and 1"
    odd = comparison.models[0].id
    for of_model, sentence in (
        (
            lambda pair: odd in (pair.a, pair.b),
            "None of the 1 pairs of models that can be compared differs in any of 3 properties "
            "(NR-Precision, over all pairs of models together at 95 %). "
            f"2 of 3 pairs of models cannot be compared: {reason}.",
        ),
        (lambda _: True, f"How the 3 models differ is not known: {reason}."),
    ):
        differences = {
            name: tuple(
                pair.model_copy(update={"ci95": None, "tied": None, "p": None, "reason": reason})
                if of_model(pair)
                else pair
                for pair in pairs
            )
            for name, pairs in comparison.differences.items()
        }
        assert next(summary(comparison.model_copy(update={"differences": differences}))) == sentence


def test_the_difference_of_two_models_stands_beside_them_and_is_gray_where_it_may_be_0(two):
    grid = property_grid(two)
    assert grid.columns[-1] == DIFFERENCE
    for name, cells in grid.rows:
        pair = two.differences[name][0]
        sign = 1 if pair.a == two.models[0].id else -1
        assert float(cells[-1].text) == pytest.approx(sign * pair.value, abs=0.006)
        assert (cells[-1].background == "#e4e4e4") == pair.tied
        assert ("excludes 0" in cells[-1].hover) != pair.tied


def test_legend_explains_orange_and_bold_where_they_are_used(two, four):
    for comparison in (two, four):
        grid = property_grid(comparison)
        legend = grid.legend
        values = [
            scored.scores["nr_precision"].value
            for by_model in comparison.properties.values()
            for scored in by_model.values()
        ]
        assert bool(legend.orange) == (min(values) < 0)
        assert bool(legend.marks) == any(map(comparison.leaders, comparison.properties))
        drawn = html.unescape(figure_files(grid)["svg"].decode())
        notes = " ".join((legend.gray, legend.orange, legend.marks))
        assert all(word in drawn for word in notes.split())


@pytest.fixture(scope="module")
def swept(compared, sweep, sweep_plan):
    """Color moves one model far, the other hardly; both know the shape."""
    rng = np.random.default_rng(0)
    scenes = rng.normal(size=(SCENES, 6)).repeat(VARIANTS, axis=0)
    made = {}
    for name, weight in (("colorful", 4.0), ("colorblind", 0.3)):
        signal = clustered(sweep_plan, 5, car_model=3.0, paint_hue=weight)
        signal[:, :6] = scenes + 0.05 * signal[:, :6]
        made[name] = signal
    return compared(sweep, sweep_plan, made)


def test_in_a_sweep_the_first_sentence_is_about_the_swept_group(swept):
    first, second, *_ = summary(swept)
    assert first.startswith("Changing color alone moves an embedding this many times as far")
    assert first.endswith("excludes 0: it moves colorful more.")
    assert "properties" in second
    (pair,) = swept.sensitivity_differences
    known = {model: scores.sensitivity.value for model, scores in swept.interventions.items()}
    assert pair.value == pytest.approx(known[pair.a] - known[pair.b])
    assert not pair.tied


def test_tables_of_a_sweep_leave_out_what_does_not_vary(swept):
    assert swept.varied == ("car_model", "paint_hue")
    for table in (property_table(swept), difference_table(swept)):
        assert [row[0] for row in table.rows] == ["car_model", "paint_hue"]
    assert "embeddings do not): background_value." in property_table(swept).note
    assert [name for name, _ in property_grid(swept).rows] == ["car_model", "paint_hue"]


def test_a_score_that_permuting_labels_does_not_change_is_of_a_property_that_does_not_vary():
    def scored(chance):
        score = Score(value=2.35, ci95=None, chance=chance)
        return PropertyScores(n=20, labels=2, left_out={}, reason=None, nr_precision=score)

    assert not scored((2.35, 2.35)).varies
    # A label on two images each: another order of such labels never makes a hit.
    assert scored((-0.1, -0.1)).varies
    assert scored((-0.4, 0.4)).varies
    assert scored(None).varies


def pair_of(r, *, floor=(0.4, 0.42), ceiling=(0.9, 0.92), names=("a", "b")):
    """A correlation and its bounds, each with its interval of 0.02 to either side."""

    def bound(value):
        return Bound(value=value, ci95=(value - 0.02, value + 0.02))

    return Pair(
        a=names[0],
        b=names[1],
        correlation=Spread(mean=r, std=0.1, ci95=(r - 0.02, r + 0.02), images=60, left_out=0),
        divergence=Spread(mean=0.1, std=0.1, images=60, left_out=0),
        floor=bound(floor[0]),
        ceiling=bound(ceiling[0]),
        above_floor=bound(r - floor[0]),
        below_ceiling=bound(ceiling[0] - r),
    )


@pytest.mark.parametrize(
    ("r", "reading"),
    [
        (0.39, "floor"),
        (0.41, "floor"),
        (0.45, "near floor"),
        (0.65, "between"),
        (0.85, "near ceiling"),
        (0.89, "ceiling"),
        (0.91, "ceiling"),
    ],
)
def test_a_correlation_is_read_by_where_its_interval_lies_between_floor_and_ceiling(r, reading):
    assert reading_of(pair_of(r)) == reading


def test_a_wide_interval_says_that_the_images_do_not_tell():
    pair = pair_of(0.5)
    vague = pair.model_copy(update={"above_floor": Bound(value=0.1, ci95=(-0.2, 0.4))})
    assert reading_of(vague) == "unsure"
    vague = pair_of(0.65).model_copy(update={"below_ceiling": Bound(value=0.25, ci95=(-0.1, 0.6))})
    assert reading_of(vague) == "above floor"
    unknown = pair.correlation.model_copy(update={"ci95": None})
    assert reading_of(pair.model_copy(update={"correlation": unknown})) is None


def test_maps_without_noise_have_no_ceiling_but_may_be_at_the_floor():
    quiet = {"ceiling": Bound(), "below_ceiling": Bound()}
    assert reading_of(pair_of(0.41).model_copy(update=quiet)) == "floor"
    assert reading_of(pair_of(0.8).model_copy(update=quiet)) == "above floor"


def test_maps_at_the_floor_are_said_to_be_no_more_alike_than_maps_of_different_images(results):
    comparison = compare_results(find_results([results]))
    a, b = (model.id for model in comparison.models[:2])

    def said(r):
        saliency = comparison.saliency.model_copy(update={"pairs": (pair_of(r, names=(a, b)),)})
        return next(how_maps_agree(comparison.model_copy(update={"saliency": saliency})))

    assert "are no more alike than maps of different images: r = 0.41" in said(0.41)
    assert "0.40 (floor)" in said(0.41)
    assert "are as alike as their own noise allows: r = 0.89" in said(0.89)
    assert "but less than their own noise allows: r = 0.65" in said(0.65)


def test_the_strongest_property_is_not_named_alone_where_another_may_be_as_strong(two):
    def with_scores(**scores):
        return two.model_copy(
            update={
                "properties": {
                    name: {
                        model.id: PropertyScores(
                            n=20, labels=2, left_out={}, reason=None, nr_precision=score
                        )
                        for model in two.models
                    }
                    for name, score in scores.items()
                },
                "differences": dict.fromkeys(scores, two.differences["car_model"]),
            }
        )

    def score(value, *noise):
        replicates = tuple(value + 0.01 * np.array(noise)) if noise else None
        return Score(value=value, ci95=None, chance=(-0.1, 0.1), replicates=replicates)

    def strongest(comparison):
        return next(sentence for sentence in summary(comparison) if "most strongly" in sentence)

    up, across = [1, -1] * 10, [1, 1, -1, -1] * 5
    near = with_scores(hue=score(3.0, *up), car=score(3.1, *across))
    assert "by car 3.10 or hue 3.00" in strongest(near)
    apart = with_scores(hue=score(1.0, *up), car=score(3.1, *across))
    assert "by car 3.10;" in strongest(apart)
    assert "Where several are named" not in strongest(apart)
    unknown = with_scores(hue=score(3.0), car=score(3.1))
    assert "by car 3.10;" in strongest(unknown)
    below = with_scores(hue=score(0.05, *up), car=score(-0.3, *up))
    assert "by no property beyond chance" in strongest(below)
