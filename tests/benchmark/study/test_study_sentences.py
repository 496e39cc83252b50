"""Sentences of a study carry their condition, in findings for which the claims are false."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmlbench.comparison.group_tests import MAPS, GroupSpread
from dmlbench.losses import without_controls
from dmlbench.present.group_words import SIGNIFICANCE
from dmlbench.present.paper_claims import paper_table
from dmlbench.present.study_sentences import findings_in_words
from dmlbench.results.files import CLASSES
from dmlbench.study.changes import Change, Differences
from dmlbench.study.findings import AtGain, AtSteps, EqualRetrieval, Findings, RankCorrelation
from dmlbench.study.trajectories import Point
from dmldata.common.strict import parse_json

DOCS = Path(__file__).parents[3] / "docs" / "study" / "study.json"
HUE = "paint_hue"


@pytest.fixture(scope="module")
def findings():
    """Findings of the full study; tests change what they are about."""
    return parse_json(Findings, DOCS.read_bytes(), str(DOCS), ValueError)


def sentence(findings, start):
    """The sentence that begins so; empty if there is none."""
    return next((text for text in findings_in_words(findings) if text.startswith(start)), "")


def with_test(findings, name, **updates):
    """The findings with a changed test of one property."""
    test = findings.groups.properties[name]
    parts = {
        part: getattr(test, part).model_copy(update=changes) for part, changes in updates.items()
    }
    tests = findings.groups.properties | {name: test.model_copy(update=parts)}
    return findings.model_copy(
        update={"groups": findings.groups.model_copy(update={"properties": tests})}
    )


@given(st.data())
def test_every_loss_is_said_only_where_every_interval_says_so(findings, data):
    losses = without_controls(findings.losses)
    end = st.tuples(st.floats(-2, 2), st.floats(0, 2)) | st.none()
    ends = data.draw(st.lists(end, min_size=len(losses), max_size=len(losses)))
    changes = {
        loss: Change(value=0.0, ci95=None if end is None else (end[0], end[0] + end[1]))
        for loss, end in zip(losses, ends, strict=True)
    }
    changed = findings.model_copy(update={"changes": {HUE: changes}})
    words = [text for text in findings_in_words(changed) if "untrained network's, where" in text]
    text = words[0] if words else ""
    intervals = [change.ci95 for change in changes.values()]
    higher = [ci95 is not None and ci95[0] > 0 for ci95 in intervals]
    lower = [ci95 is not None and ci95[1] < 0 for ci95 in intervals]
    assert (f"higher for every loss: {HUE}" in text) == all(higher)
    assert (f"lower for every loss: {HUE}" in text) == all(lower)
    some = any(higher + lower) and not all(higher) and not all(lower)
    count = f"{HUE} (higher {sum(higher)}, lower {sum(lower)} of {len(losses)})"
    assert (f"for some: {count}" in text) == some
    assert (f"for none: {HUE}" in text) == (any(intervals) and not any(higher + lower))


@given(st.floats(0, 1), st.floats(-1, 1))
def test_goes_with_is_said_only_of_correlations_beyond_doubt(findings, p, rho):
    test = RankCorrelation(rho=rho, p=p, p_holm=p)
    text = sentence(
        findings.model_copy(update={"retrieval_spearman": {HUE: test}}), "Retrieval of car_model (M"
    )
    assert ("goes with NR-Precision of no property beyond doubt" in text) == (p >= SIGNIFICANCE)
    assert ("Differences in these can come from" in text) == (p < SIGNIFICANCE)


@given(st.floats(0, 1), st.tuples(*[st.floats(-1, 1)] * 3).map(sorted))
def test_no_property_differs_by_a_p_or_an_interval_that_does_not_say_so(findings, p, ends):
    low, delta, high = ends
    changed = with_test(
        findings,
        HUE,
        corrected={"p_holm": p, "delta": delta, "delta_ci95": (low, high)},
        given_retrieval={"p_holm": p},
    )
    differing = sentence(changed, "At the best epochs, classification and ranking losses")
    assert (f"{HUE} (" in differing) == (p < SIGNIFICANCE and not low <= 0 <= high)
    large = sentence(changed, "Differences of these models that are large and have a sign")
    assert not (f"{HUE} (" in large and low <= 0 <= high)
    assert (f"{HUE} (partial r" in sentence(changed, "At the best epochs, given MAP@R")) == (
        p < SIGNIFICANCE
    )


def test_groups_that_differ_in_nothing_are_not_called_equal(findings):
    changed = findings
    for name in findings.groups.properties:
        changed = with_test(
            changed, name, corrected={"p_holm": 0.3, "delta": 0.1}, given_retrieval={"p_holm": 0.4}
        )
    text = " ".join(findings_in_words(changed))
    assert "At the best epochs, no property tells classification from ranking losses" in text
    assert "the smallest p (Holm) is 0.400. That is no evidence that they are equal." in text
    assert "cluster differently" not in text


def test_agreement_by_group_stands_with_its_test(findings):
    text = sentence(findings, "By group, maps correlate")
    assert "of 20,000 deals of the losses" in text
    untested = findings.groups.agreements[MAPS].model_copy(update={"relabeling": None})
    groups = findings.groups.model_copy(update={"agreements": {MAPS: untested}})
    without = findings.model_copy(update={"groups": groups})
    assert "deals" not in sentence(without, "By group, maps correlate")


def test_losses_that_some_fold_left_behind_are_named(findings):
    losses = ("arcface", "triplet")
    trainings = {loss: findings.trainings[loss] for loss in losses}
    trainings["triplet"] = trainings["triplet"].model_copy(update={"beats": 1})
    text = " ".join(findings_in_words(findings.model_copy(update={"trainings": trainings})))
    assert "every fold: triplet." in text
    assert "All 2 losses" not in text


@pytest.mark.parametrize("level", [0.01, 0.3])
@pytest.mark.parametrize("differing", [True, False])
def test_equal_map_at_r_is_said_with_its_level_distance_and_doubt(findings, level, differing):
    groups = with_test(
        findings,
        HUE,
        corrected={"p_holm": 0.01 if differing else 0.2, "delta_ci95": (0.2, 0.9)},
    ).groups
    others = {
        name: test.model_copy(
            update={"corrected": test.corrected.model_copy(update={"p_holm": 0.9})}
        )
        for name, test in groups.properties.items()
        if name != HUE
    }
    tests = {HUE: groups.properties[HUE]} | others
    equal = EqualRetrieval(
        levels={0: level},
        points={"arcface": {0: Point(epoch=2, map_at_r=level + 0.004, best=False)}},
        properties={},
        groups=groups.model_copy(update={"properties": tests}),
        untrained={0: 0.02},
    )
    changed = findings.model_copy(update={"equal_map_at_r": equal})
    said = sentence(changed, "At the highest validation MAP@R that all 1 compared losses reached")
    from_it = f"up to 0.0040 from it, on average classification {level + 0.004:.4f})"
    times = f"{level:.4f}, {level / 0.02:.1f} times the untrained network's"
    assert f"(fold 0: {times}; the models compared are {from_it}" in said
    assert (f"losses differ in: {HUE}" in said) is differing
    assert ("the first below 0.05 takes" in said) is not differing
    text = " ".join(findings_in_words(changed))
    assert ("not above the untrained network's MAP@R (fold 0)" in text) is (level < 0.02)


def test_the_smallest_p_is_said_of_each_correction(findings):
    changed = findings
    for name in findings.groups.properties:
        changed = with_test(changed, name, corrected={"p_holm": 1.0, "p_max_t": 0.8})
    changed = with_test(changed, HUE, corrected={"p_holm": 0.3, "p_max_t": 0.2})
    said = sentence(changed, "At the best epochs, no property")
    assert f"the smallest p is 0.300 by Holm ({HUE}) and 0.200 by max-T ({HUE})." in said


@pytest.mark.parametrize(
    ("ratio", "wider", "said"),
    [
        (2.0, 9, "classification losses differ more from each other than ranking losses in 9 of "),
        (0.5, 2, "ranking losses differ more from each other than classification losses in 9 of "),
    ],
)
def test_the_group_that_spreads_more_is_named_with_how_much_more(findings, ratio, wider, said):
    spread = GroupSpread(ratio=ratio, wider=wider, properties=11, p=0.04, deals=20_000)
    groups = findings.groups.model_copy(update={"spread": spread})
    text = sentence(findings.model_copy(update={"groups": groups}), f"At the best epochs, {said}")
    assert "11 properties, 2.00 times as far from the median" in text


def test_without_the_weakest_loss_and_at_equal_steps_what_differs_is_named(findings):
    differing = with_test(findings, HUE, corrected={"p_holm": 0.01, "delta_ci95": (0.2, 0.9)})
    equal = at_equal_retrieval(findings, set_by={0: "triplet"})
    others = at_equal_retrieval(differing)
    steps = AtSteps(steps=300, levels={"classification": 0.25}, tests=differing.groups.properties)
    update = {"equal_map_at_r": equal, "without_weakest": others, "equal_steps": (steps,)}
    changed = findings.model_copy(update=update)
    assert HUE in sentence(changed, "Without Triplet the others reach more")
    unsure = at_equal_retrieval(with_test(findings, HUE, corrected={"p_max_t": 0.01}))
    said = sentence(changed.model_copy(update={"without_weakest": unsure}), "Without Triplet")
    assert f"by Holm (car_model) and 0.010 by max-T ({HUE})). There, ranking losses" in said
    text = sentence(changed, "Properties that differ after as many steps of every loss: 300 (")
    assert f"classification 0.2500): {HUE} (" in text
    strength = paper_table(changed).rows[1][2]
    assert f"without Triplet: {HUE}; after 300 steps of all: {HUE}" in strength


def at_equal_retrieval(findings, **more):
    """Findings with two losses at equal MAP@R."""
    points = {
        loss: {0: Point(epoch=2, map_at_r=0.3, best=False)} for loss in ("arcface", "triplet")
    }
    facts = {"levels": {0: 0.3}, "points": points, "properties": {}, "untrained": {0: 0.02}}
    return EqualRetrieval(**{**facts, "groups": findings.groups, **more})


@pytest.mark.parametrize("differing", [True, False])
def test_checks_at_equal_map_at_r_name_what_differs_there(findings, differing):
    p = 0.01 if differing else 0.2
    tests = with_test(
        findings,
        HUE,
        corrected={"p_holm": p, "delta_ci95": (0.2, 0.9)},
        given_retrieval={"p_holm": p},
    ).groups.properties
    equal = at_equal_retrieval(
        findings,
        retrieval={"arcface": 0.2, "triplet": 0.3},
        given_retrieval={HUE: tests[HUE].given_retrieval},
        interpolated={HUE: tests[HUE]},
    )
    changed = findings.model_copy(update={"equal_map_at_r": equal})
    named = f"differ: {HUE if differing else 'none'}."
    assert sentence(changed, "With scores interpolated to that level").endswith(named)
    assert f"Given that MAP@R, properties that {named}" in sentence(changed, "MAP@R of these")


def test_checks_that_cannot_be_made_of_all_compared_losses_say_so(findings):
    for known, said in (
        (0.3, ": classification 0.200"),
        (None, " is known of 1 of 2 losses, as checkpoints of the others are gone; so it is not"),
    ):
        retrieval = {"arcface": 0.2, "triplet": known}
        equal = at_equal_retrieval(findings, retrieval=retrieval, interpolated_known=1)
        changed = findings.model_copy(update={"equal_map_at_r": equal})
        text = sentence(changed, "MAP@R of these models")
        assert f"neither trained nor validated on{said}" in text
        text = sentence(changed, "Scores interpolated to that level")
        assert "known for 1 of 2 models" in text


def test_groups_too_small_to_differ_are_not_said_to_differ_in_none(findings):
    reach = findings.groups.reach
    for smallest, said in ((None, "too few for p < 0.05"), (0.9, "none")):
        small = reach.model_copy(update={"smallest_delta": smallest})
        tests = {
            name: test.model_copy(
                update={"corrected": test.corrected.model_copy(update={"p_holm": 0.9})}
            )
            for name, test in findings.groups.properties.items()
        }
        groups = findings.groups.model_copy(update={"reach": small, "properties": tests})
        at = AtGain(**vars(at_equal_retrieval(findings, groups=groups)), gain=1.5)
        update = {"equal_map_at_r": at_equal_retrieval(findings), "further_gains": (at,)}
        text = sentence(findings.model_copy(update=update), "Properties that differ at other")
        assert text.endswith(f"losses at 15.00 against 10 at 15.00): {said}.")


def test_losses_are_told_apart_by_the_differences_of_their_pairs(findings):
    (label, *_) = findings.classes
    counted = Differences(pairs=190, apart=7, apart_of_all=3)
    changed = findings.model_copy(update={"retrieval_differences": {label: counted}})
    said = paper_table(changed).rows[0][2]
    assert said.startswith("7 of 190 pairs of losses differ by their paired 95 % interval, 3 given")
    unknown = findings.model_copy(update={"retrieval_differences": {}})
    assert paper_table(unknown).rows[0][2].startswith("no paired differences")


@given(st.floats(0, 1))
def test_a_claim_of_different_features_names_properties_beyond_doubt_alone(findings, p):
    for name in findings.groups.properties:
        findings = with_test(findings, name, corrected={"p_holm": 1.0})
    changed = with_test(findings, HUE, corrected={"p_holm": p, "delta_ci95": (0.1, 0.9)})
    changed = changed.model_copy(update={"equal_map_at_r": None})
    said = paper_table(changed).rows[1][1]
    expected = f"1 of 11 properties differ: {HUE}" if p < SIGNIFICANCE else "0 of 11 properties"
    assert said.startswith(expected)


def test_the_classes_are_no_irrelevant_property_whatever_their_name(findings):
    for label in ("car_rotation", "paint_hue"):
        by_loss = next(iter(findings.classes.values()))
        changed = findings.model_copy(update={"classes": {label: by_loss}})
        said = paper_table(changed).rows[-1]
        assert label not in said[1]
        assert " of 9 are beyond chance" in said[1]


def test_a_condition_that_moves_nothing_passes_no_group(findings):
    condition = findings.conditions["as_ranking"]
    said = sentence(findings, "Condition 'as_ranking'")
    names = [name for name in condition.at_level.scores if name not in CLASSES]
    passed = sum(condition.at_level.passes(name) for name in names)
    assert f"past that of the ranking losses in {passed} of {len(names)}." in said
    still = {
        name: {loss: (usual, usual) for loss, (usual, _) in by_loss.items()}
        for name, by_loss in condition.at_level.scores.items()
    }
    at_level = condition.at_level.model_copy(update={"scores": still})
    unmoved = condition.model_copy(update={"at_level": at_level})
    changed = findings.model_copy(
        update={"conditions": findings.conditions | {"as_ranking": unmoved}}
    )
    text = sentence(changed, "Condition 'as_ranking'")
    assert "At equal MAP@R it moves a loss, up or down, by 0.00 on average" in text
    assert "past that of the ranking losses in 0 of 10." in text
