"""Two groups of models: from their losses or a file, and the tests of section 5."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from dmlbench.comparison.group_tests import MAPS, agreement_given, compare_groups
from dmlbench.comparison.groups import Groups, Unit, family_groups, loss_groups, read_groups
from dmlbench.comparison.relabeling import group_given_covariate, relabeling_test
from dmlbench.losses import LOSSES
from dmlbench.present.group_tables import group_tables, reach_words
from dmlbench.results import find_results
from dmlbench.results.files import PropertyScores, Score
from dmldata.common.errors import InputError


@pytest.fixture(scope="module")
def model_results(results):
    """Results of three models: cropped, small, wide."""
    return find_results([results])


def trained(result, loss, name):
    model = result.run.model.model_copy(update={"loss": loss, "id": name})
    return dataclasses.replace(result, run=result.run.model_copy(update={"model": model}))


def trained_with(model_results, *losses):
    return [trained(model_results[0], loss, f"m{n}") for n, loss in enumerate(losses)]


def scores(nr, paper=None):
    def score(value):
        return Score(value=value, ci95=None, chance=None)

    named = {"nr_precision": score(nr), "nr_precision_paper": score(nr if paper is None else paper)}
    head = {"n": 20, "labels": 2, "left_out": {}, "reason": None}
    return PropertyScores.model_validate(head | named)


def group_of(name, units):
    return [Unit(name=unit, group=name, models=models) for unit, models in units.items()]


def test_losses_make_two_groups_with_several_results_of_one_as_its_folds(model_results):
    groups = loss_groups(
        trained_with(model_results, "triplet", "arcface", "none", "triplet", None, "cosface")
    )
    assert groups.names == ("classification", "ranking")
    assert {unit.name: (unit.group, unit.models) for unit in groups.units} == {
        "arcface": ("classification", ("m1",)),
        "cosface": ("classification", ("m5",)),
        "triplet": ("ranking", ("m0", "m3")),
    }
    assert groups.left_out == ("m2", "m4")


def test_losses_that_differ_in_one_detail_are_one_unit_of_their_group(model_results):
    losses = ("margin", "margin_class", "triplet", "arcface", "cosface", "p2s_grad", "margin")
    families = family_groups(loss_groups(trained_with(model_results, *losses)))
    assert {unit.name: (unit.group, unit.models) for unit in families.units} == {
        "additive_margin": ("classification", ("m3", "m4")),
        "p2s_grad": ("classification", ("m5",)),
        "margin": ("ranking", ("m0", "m6", "m1")),
        "triplet": ("ranking", ("m2",)),
    }
    assert family_groups(loss_groups(trained_with(model_results, "triplet", "arcface"))) is None


def test_fourteen_losses_are_five_against_nine(model_results):
    paper = [key for key, loss in LOSSES.items() if loss.paper]
    groups = loss_groups(trained_with(model_results, *paper, "none", "random"))
    assert [len(groups.of(name)) for name in groups.names] == [5, 9]
    assert groups.left_out == ("m14", "m15")


def test_losses_of_one_group_alone_make_none(model_results):
    assert loss_groups(trained_with(model_results, "triplet", "margin", "none")) is None
    assert loss_groups(model_results) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("groups.yaml", "small: narrow\ncropped: narrow\nwide: wide\n"),
        ("groups.csv", "model,group\nsmall,narrow\n cropped , narrow\nwide,wide\n"),
        ("groups.csv", "group,model\nnarrow,small\nnarrow,cropped\nwide,wide\n"),
    ],
)
def test_file_gives_each_model_by_name_its_group(model_results, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    groups = read_groups(tmp_path / name, model_results)
    assert groups.names == ("narrow", "wide")
    assert [unit.name for unit in groups.of("narrow")] == ["small", "cropped"]
    ids = {result.run.name: result.model for result in model_results}
    assert [unit.models for unit in groups.of("wide")] == [(ids["wide"],)]


def test_id_goes_before_name_and_name_before_loss(model_results, tmp_path):
    models = trained_with(model_results, "arcface", "triplet", "triplet")
    file = tmp_path / "g.yaml"
    file.write_text("m0: one\ntriplet: other\n")
    groups = read_groups(file, models)
    assert [unit.models for unit in groups.units] == [("m0",), ("m1", "m2")]
    file.write_text(f"m0: one\n{models[1].run.name}: other\n")
    with pytest.raises(InputError, match="line 2: model 'm0' is already listed as 'm0' on line 1"):
        read_groups(file, models)


def test_yaml_is_read_as_text(model_results, tmp_path):
    models = [trained(model_results[0], None, "1"), trained(model_results[0], None, "2")]
    (tmp_path / "g.yml").write_text("1: no\n2: yes\n")
    assert read_groups(tmp_path / "g.yml", models).names == ("no", "yes")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "g.yaml",
            "small: a\nwde: b\n",
            "line 2 .did you mean 'wide'.*valid: cropped, small, wide",
        ),
        ("g.yaml", "small: a\nwide: a\n", "g.yaml: 1 groups .a.; valid: two groups"),
        ("g.yaml", "small: a\nwide: b\ncropped: c\n", "3 groups .a, b, c.; valid: two groups"),
        ("g.yaml", "small: a\nsmall: b\n", "line 2: model 'small-.*' is already listed as 'small'"),
        ("g.yaml", "- small\n", "g.yaml: no lines 'model: group'; valid: "),
        ("g.yaml", "", "g.yaml: no lines 'model: group'; valid: "),
        ("g.yaml", "small: [a]\nwide: b\n", "line 1: not a model and its group; valid: "),
        ("g.yaml", "small: a\nwide:\n", "line 2: empty; valid: a model and its group"),
        ("g.yaml", "small: 'a\n", "line 2: .*; valid: "),
        ("g.csv", "name,group\nsmall,a\nwide,b\n", "line 1: columns name, group; valid: "),
        ("g.csv", "model,group\nsmall\n", "line 2: 1 cells; valid: 2"),
        ("g.csv", "model,group\nsmall,a\nwide,\n", "line 3: empty; valid: a model and its group"),
        ("g.txt", "small: a\n", "'.txt' is not a groups file; valid: .csv"),
    ],
)
def test_file_that_gives_no_two_groups_is_refused(model_results, tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_groups(tmp_path / name, model_results)
    assert "\n" not in str(error.value)


def test_missing_file_is_refused(model_results, tmp_path):
    for name in ("g.yaml", "g.csv"):
        with pytest.raises(InputError, match=f"{name}: No such file"):
            read_groups(tmp_path / name, model_results)


PAIR = Groups(
    names=("classification", "ranking"),
    units=(
        *group_of("classification", {"arcface": ("a1", "a2"), "cosface": ("c1", "c2")}),
        *group_of("ranking", {"triplet": ("t1", "t2"), "margin": ("m1",)}),
    ),
    left_out=(),
)
VALUES = {"a1": 1.0, "a2": 3.0, "c1": 4.0, "c2": 6.0, "t1": 1.0, "t2": 0.0, "m1": 3.0}


def test_corrected_averages_folds_first():
    properties = {"hue": {model: scores(value) for model, value in VALUES.items()}}
    test = compare_groups(PAIR, properties, {}, {}, {}).properties["hue"].corrected
    assert test.values == {"arcface": 2.0, "cosface": 5.0, "triplet": 0.5, "margin": 3.0}
    assert test.means == {"classification": 3.5, "ranking": 1.75}
    assert test.u == 3
    assert test.p == pytest.approx(mannwhitneyu([2, 5], [0.5, 3], method="exact").pvalue)
    assert test.delta == 0.5
    assert test.delta_ci95[0] < 0.5 < test.delta_ci95[1]


def test_paper_takes_every_model_as_independent_and_halves_p():
    properties = {"hue": {model: scores(0.0, paper=value) for model, value in VALUES.items()}}
    paper = compare_groups(PAIR, properties, {}, {}, {}).properties["hue"].paper
    expected = mannwhitneyu([1, 3, 4, 6], [1, 0, 3], alternative="two-sided", method="asymptotic")
    assert paper.sizes == {"classification": 4, "ranking": 3}
    assert paper.means == {"classification": 3.5, "ranking": pytest.approx(4 / 3)}
    assert paper.u == expected.statistic
    assert paper.p_two_sided == pytest.approx(expected.pvalue)
    assert paper.p == pytest.approx(expected.pvalue / 2)


def test_holm_goes_over_the_properties_and_not_over_the_attention():
    rng = np.random.default_rng(0)
    groups = Groups(
        names=("one", "other"),
        units=(
            *group_of("one", {f"a{n}": (f"a{n}",) for n in range(5)}),
            *group_of("other", {f"b{n}": (f"b{n}",) for n in range(9)}),
        ),
        left_out=(),
    )
    models = [model for unit in groups.units for model in unit.models]
    properties = {
        f"p{n}": {model: scores(float(rng.normal())) for model in models} for n in range(10)
    }
    properties["apart"] = {model: scores(float(model[0] == "a") + rng.random()) for model in models}
    on_car = {model: float(rng.random()) for model in models}
    group_comparison = compare_groups(groups, properties, on_car, {}, {})
    assert len(group_comparison.properties) == 11
    assert group_comparison.properties["apart"].corrected.p_holm == pytest.approx(11 * 2 / 2002)
    assert group_comparison.properties["apart"].corrected.delta == 1
    assert all(
        test.corrected.p_holm >= test.corrected.p for test in group_comparison.properties.values()
    )
    assert group_comparison.attention_on_car.corrected.p_holm is None
    assert group_comparison.reach.smallest_p == pytest.approx(0.011, abs=5e-4)
    words = reach_words(group_comparison.reach)
    assert words == (
        "5 against 9 over 11 properties can reach p (Holm) 0.011; the first below 0.05 takes "
        "|delta| >= 0.91, further ones less."
    )
    assert words in group_tables(group_comparison)["group_tests"].note


def test_tests_given_retrieval_average_folds_and_adjust_over_the_properties():
    retrieval = {"a1": 0.1, "a2": 0.3, "c1": 0.3, "c2": 0.5, "t1": 0.6, "t2": 0.6, "m1": 0.1}
    properties = {
        "hue": {model: scores(value) for model, value in VALUES.items()},
        "height": {model: scores(-value) for model, value in VALUES.items()},
    }
    pairs = {
        frozenset(pair): 0.9 if pair[0][0] in "ac" and pair[1][0] in "ac" else 0.5
        for pair in itertools.combinations(VALUES, 2)
    }
    group_comparison = compare_groups(PAIR, properties, {}, {MAPS: pairs}, retrieval)
    assert group_comparison.retrieval == pytest.approx(
        {"arcface": 0.2, "cosface": 0.4, "triplet": 0.6, "margin": 0.1}
    )
    test = group_comparison.properties["hue"].given_retrieval
    means = [2.0, 5.0, 0.5, 3.0]
    expected = group_given_covariate(means, [1, 1, 0, 0], [0.2, 0.4, 0.6, 0.1])
    assert (test.effect, test.p) == pytest.approx((expected.effect, expected.p))
    assert test.p_holm == pytest.approx(min(1, 2 * expected.p))
    agreement = np.full((4, 4), 0.5)
    agreement[0, 1] = agreement[1, 0] = 0.9
    by_hand = relabeling_test(agreement, [1, 1, 0, 0])
    relabeling = group_comparison.agreements[MAPS].relabeling
    assert relabeling.difference == pytest.approx(by_hand.effect)
    assert relabeling.p == pytest.approx(by_hand.p)
    assert relabeling.p_given_retrieval is not None
    tables = group_tables(group_comparison)
    assert list(tables) == ["group_tests", "group_tests_given_retrieval", "group_agreements"]
    without = compare_groups(PAIR, properties, {}, {MAPS: pairs}, {"a1": 0.1})
    assert without.properties["hue"].given_retrieval is None
    assert without.agreements[MAPS].relabeling.p_given_retrieval is None
    assert "group_tests_given_retrieval" not in group_tables(without)


def test_property_without_scores_is_not_tested():
    properties = {
        "hue": {model: scores(value) for model, value in VALUES.items()},
        "none": {model: scores(None) for model in VALUES},
    }
    group_comparison = compare_groups(PAIR, properties, {}, {}, {})
    assert list(group_comparison.properties) == ["hue"]
    assert group_comparison.reach.tests == 1


def test_agreement_leaves_out_folds_of_one_loss():
    def r(a, b, value):
        return {frozenset({a, b}): value}

    pairs = r("a1", "a2", 0.99) | r("a1", "c1", 0.5) | r("a2", "c1", 0.5) | r("a1", "t1", 0.2)
    pairs |= r("c1", "m1", None) | r("t1", "t2", 0.98)
    group_comparison = compare_groups(PAIR, {}, {}, {MAPS: pairs}, {})
    maps = group_comparison.agreements[MAPS]
    within = {name: (mean.mean, mean.pairs) for name, mean in maps.within.items()}
    assert within == {"classification": (pytest.approx(0.5), 2), "ranking": (None, 0)}
    assert (maps.between.mean, maps.between.pairs) == (pytest.approx(0.2), 1)
    assert group_comparison.reach is None


def test_any_agreement_is_tested_as_maps_are():
    """The protocol asks whether losses of a group agree in maps and in representations."""
    pairs = {
        frozenset(pair): 0.9 if pair[0][0] in "ac" and pair[1][0] in "ac" else 0.5
        for pair in itertools.combinations(VALUES, 2)
    }
    unlike = dict.fromkeys(pairs, None)
    agreements = {MAPS: pairs, "cka": pairs, "rsa": unlike}
    groups = compare_groups(PAIR, {}, {}, agreements, {})
    assert list(groups.agreements) == [MAPS, "cka"]
    assert groups.agreements["cka"] == groups.agreements[MAPS]
    rows = group_tables(groups)["group_agreements"].rows
    assert [row[0] for row in rows] == ["maps, Pearson r", "CKA"]


def test_agreement_that_a_covariate_explains_is_not_one_of_the_groups():
    """Losses agree less the more they differ in the covariate, and the groups differ in it."""
    rng = np.random.default_rng(0)
    units = tuple(
        Unit(name=f"{group[0]}{n}", group=group, models=(f"{group[0]}{n}",))
        for group in ("classification", "ranking")
        for n in range(8)
    )
    groups = Groups(names=("classification", "ranking"), units=units, left_out=())
    rate = {unit.name: (unit.group == "ranking") + rng.normal(scale=0.5) for unit in groups.units}
    pairs = {
        frozenset((a.name, b.name)): 0.8
        - 0.1 * abs(rate[a.name] - rate[b.name])
        + 0.005 * rng.normal()
        for a, b in itertools.combinations(units, 2)
    }
    alone = compare_groups(groups, {}, {}, {MAPS: pairs}, {}).agreements[MAPS].relabeling
    explained = agreement_given(groups, pairs, rate)
    assert alone.p < 0.05 < explained.p
    assert abs(explained.difference) < alone.difference / 5
    assert agreement_given(groups, pairs, {"c0": 1.0}) is None
    assert agreement_given(groups, {}, rate) is None


@pytest.fixture(scope="module")
def answer(dmlbench, results, tmp_path_factory):
    """Compared with a file of groups, in all forms."""
    out = tmp_path_factory.mktemp("out")
    (out / "groups.yaml").write_text("small: narrow\ncropped: narrow\nwide: broad\n")
    outs = [part for suffix in ("csv", "md", "tex") for part in ("--out", out / f"c.{suffix}")]
    answer = dmlbench("compare", results, "--groups", out / "groups.yaml", *outs)
    assert answer.exit_code == 0, answer.err
    return answer.out, out


def test_command_tests_the_groups_of_the_file(answer):
    printed, out = answer
    assert "2 against 1 over 3 properties cannot reach p < 0.05" in printed
    for file in ("c.md", "c.tex"):
        text = (out / file).read_text()
        assert "narrow against broad" in text
        assert "cannot reach" in text
    rows = (out / "c.csv").read_text().splitlines()
    assert sum(",narrow,broad,group_p_holm," in row for row in rows) == 3 + 1
    assert sum(",group_mean," in row for row in rows) == 2 * (3 + 1)
    for measure in ("correlation", "cka", "rsa", "procrustes"):
        assert sum(f",group_{measure}," in row for row in rows) == 3


def test_command_refuses_a_wrong_file_before_it_writes(dmlbench, results, tmp_path):
    (tmp_path / "g.csv").write_text("model,group\nsmal,a\nwide,b\n")
    out = tmp_path / "c.md"
    answer = dmlbench("compare", results, "--groups", tmp_path / "g.csv", "--out", out)
    assert answer.exit_code == 2
    assert "line 2 (did you mean 'small'?)" in answer.err
    assert answer.err.count("\n") == 1
    assert not out.exists()


def test_report_shows_the_tests(dmlbench, results, tmp_path):
    (tmp_path / "g.yaml").write_text("small: narrow\ncropped: narrow\nwide: broad\n")
    out = tmp_path / "r.html"
    options = ["--groups", tmp_path / "g.yaml", "--images", 0]
    assert dmlbench("report", results, "--out", out, *options).exit_code == 0
    text = out.read_text()
    assert "Two groups of models" in text
    assert "mean narrow" in text
    assert "cannot reach" in text
