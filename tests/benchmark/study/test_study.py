"""A study from training to the page: its numbers are those of its steps, and none is made twice."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
import yaml

from dmlbench.training import read_training
from dmlbench.training.hyperparameters import read_hyperparameters

MODELS = [f"{loss}-fold{fold}" for fold in (0, 1) for loss in ("arcface", "contrastive", "none")]


@pytest.fixture(scope="module")
def study(make_recipe, dmlbench, tmp_path_factory):
    """A finished one; tests only read it."""
    folder = tmp_path_factory.mktemp("study")
    answer = dmlbench("study", make_recipe(folder), "--out", folder / "study")
    assert answer.exit_code == 0, answer.err
    assert answer.out.endswith(f"study: {folder / 'study' / 'study.html'}\n")
    return folder / "study"


@pytest.fixture
def steps(study):
    """What every step gave, by name."""
    return {path.stem: json.loads(path.read_text())["gave"] for path in (study / "steps").iterdir()}


def scores(steps, model):
    """By property and score."""
    return steps[f"{model}.properties"]["properties"]["properties"]


@pytest.fixture
def numbers(study):
    return json.loads((study / "study.json").read_text())


def test_every_model_is_trained_and_measured(steps):
    taken = ("training", "properties", "classes", "saliency")
    of_models = {f"{model}.{step}" for model in MODELS for step in taken}
    assert set(steps) == of_models | {"maps", "maps.folds", "maps.given_untrained"}


def test_of_classes_their_labels_alone_are_scored(steps):
    for model in MODELS:
        assert list(steps[f"{model}.classes"]["properties"]["properties"]) == ["car_model"]
        assert len(scores(steps, model)) > 1


def test_scores_are_means_over_folds(steps, numbers):
    for loss in ("arcface", "contrastive", "none"):
        values = [
            scores(steps, f"{loss}-fold{fold}")["paint_hue"]["nr_precision"]["value"]
            for fold in (0, 1)
        ]
        found = numbers["properties"]["nr_precision"]["paint_hue"][loss]
        assert found["mean"] == pytest.approx(np.mean(values))
        assert found["std"] == pytest.approx(np.std(values, ddof=1))
        assert found["ci95"][0] < found["mean"] < found["ci95"][1]
        assert found["folds"] == 2


def test_maps_are_of_the_fold_with_most_and_agreement_of_the_same_loss(numbers):
    maps = numbers["maps"]
    assert len(maps["keys"]) == 4
    assert sorted(maps["names"].values()) == [[m, 0] for m in ("arcface", "contrastive", "none")]
    assert set(numbers["fold_agreement"]) == {"arcface", "contrastive", "none"}
    assert {one["pairs"] for one in numbers["fold_agreement"].values()} == {1}


def test_agreement_of_folds_and_of_losses_is_on_the_same_images(steps, numbers):
    repeats, agreement = steps["maps.folds"], numbers["fold_agreement"]
    assert {one["images"] for one in agreement.values()} == {len(repeats["keys"])} != {4}
    of = {
        frozenset(map(tuple, (repeats["names"][pair["a"]], repeats["names"][pair["b"]]))): pair
        for pair in repeats["pairs"]
    }
    values = [
        of[frozenset({("arcface", fold), ("contrastive", fold)})]["correlation"]["mean"]
        for fold in (0, 1)
    ]
    expected = pytest.approx(np.tanh(np.mean(np.arctanh(values))))
    values = [
        of[frozenset({("arcface", fold), ("contrastive", 1 - fold)})]["correlation"]["mean"]
        for fold in (0, 1)
    ]
    elsewhere = pytest.approx(np.tanh(np.mean(np.arctanh(values))))
    assert agreement["arcface"]["elsewhere"] == {"contrastive": elsewhere}
    assert agreement["arcface"]["others"] == {"contrastive": expected}
    assert agreement["contrastive"]["others"] == {"arcface": expected}
    assert agreement["none"]["others"] == {}


def test_untrained_control_is_the_same_network_in_every_fold(steps, numbers):
    assert scores(steps, "none-fold0") == scores(steps, "none-fold1")
    assert numbers["trainings"]["none"]["trained"] is None


def test_tables_page_and_summary_say_the_same(study, numbers):
    with (study / "tables" / "nr_precision.csv").open() as file:
        rows = {row["loss"]: row for row in csv.DictReader(file)}
    page, summary = ((study / name).read_text() for name in ("study.html", "summary.md"))
    shown = numbers["properties"]["nr_precision"]["paint_hue"]["arcface"]
    assert f"{shown['mean']:.2f}" in rows["ArcFace"]["paint_hue"].replace("−", "-")
    names = {path.name for path in (study / "tables").iterdir()}
    assert {f"{name}.{kind}" for name in _tables() for kind in ("tex", "csv")} == names
    figures = {path.name for path in (study / "figures").iterdir()}
    drawn = ("nr_precision", "saliency_correlations", "agreement")
    assert figures == {f"{name}.{kind}" for name in drawn for kind in ("svg", "pdf", "png")}
    assert f"{shown['mean']:.2f}" in (study / "figures" / "nr_precision.svg").read_text()
    for title in ("Pearson r of saliency maps", "Retrieval of car_model", "Training"):
        assert title in page
        assert title in summary
    assert "<script" not in page
    assert "- within" not in summary, "a group of one loss has no pairs to say the mean of"
    assert not re.search(r"^## [^\n]*\n\n+##", summary, re.MULTILINE), "a heading above nothing"


def _tables():
    return (
        "paper_claims",
        *("saliency_correlations", "nr_precision", "nr_precision_paper", "group_tests"),
        *("group_agreements", "retrieval_car_model", "saliency_bounds", "training"),
    )


def test_no_step_is_taken_twice_even_without_models_and_results(
    study, make_recipe, dmlbench, tmp_path
):
    copy = shutil.copytree(study, tmp_path / "study")
    for name in ("models", "results"):
        shutil.rmtree(copy / name)
    before = _times(copy)
    answer = dmlbench("study", make_recipe(tmp_path), "--out", copy, "--json")
    assert answer.exit_code == 0, answer.err
    assert answer.json == json.loads((study / "study.json").read_text())
    assert _times(copy) == before
    assert not (copy / "models").exists()


def test_maps_that_are_there_are_compared_without_their_models(
    study, make_recipe, dmlbench, tmp_path
):
    copy = shutil.copytree(study, tmp_path / "study")
    shutil.rmtree(copy / "models")
    for name in ("maps", "maps.folds"):
        (copy / "steps" / f"{name}.json").unlink()
    before = _times(copy)
    answer = dmlbench("study", make_recipe(tmp_path), "--out", copy, "--json")
    assert answer.exit_code == 0, answer.err
    assert answer.json == json.loads((study / "study.json").read_text())
    after = _times(copy)
    assert after.keys() - before.keys() == {"maps", "maps.folds"}
    assert {name: after[name] for name in before} == before
    assert not (copy / "models").exists()


def test_a_new_loss_costs_its_own_steps_alone(study, make_recipe, dmlbench, tmp_path):
    copy = shutil.copytree(study, tmp_path / "study")
    before = _times(copy)
    losses = ["arcface", "contrastive", "triplet"]
    path = make_recipe(tmp_path, losses=losses, saliency=None)
    answer = dmlbench("study", path, "--out", copy)
    assert answer.exit_code == 0, answer.err
    after = _times(copy)
    new = {f"triplet-fold{f}.{s}" for f in (0, 1) for s in ("training", "properties", "classes")}
    assert after.keys() - before.keys() == new
    assert {name: after[name] for name in before} == before


def test_models_side_by_side_on_a_cluster_are_the_same(
    steps, cluster, make_recipe, dmlbench, tmp_path
):
    recipe = make_recipe(tmp_path, folds=[0], controls=[], saliency=None)
    options = ("--executor", "ray", "--address", cluster.address, "--threads", 1)
    answer = dmlbench("study", recipe, "--out", tmp_path / "study", *options)
    assert answer.exit_code == 0, answer.err
    assert answer.out.count("done\n") == 2
    for loss in ("arcface", "contrastive"):
        path = tmp_path / "study" / "steps" / f"{loss}-fold0.properties.json"
        there = json.loads(path.read_text())["gave"]["properties"]["properties"]
        for name, scored in scores(steps, f"{loss}-fold0").items():
            assert there[name]["nr_precision"]["value"] == pytest.approx(
                scored["nr_precision"]["value"], abs=1e-3
            )


def test_changed_training_is_another_model(study, make_recipe, dmlbench, tmp_path):
    copy = shutil.copytree(study, tmp_path / "study")
    recipe = make_recipe(tmp_path, folds=[0], saliency=None, controls=[])
    recipe.write_text(recipe.read_text().replace("steps: 3", "steps: 2"))
    answer = dmlbench("study", recipe, "--out", copy)
    assert answer.exit_code == 0, answer.err
    assert len(list((copy / "models").glob("arcface-fold0-*.safetensors"))) == 2


def test_study_of_reality_check_checkpoints(make_recipe, dmlbench, shapes, tmp_path):
    torch = pytest.importorskip("torch")
    from dmlbench.models.bn_inception import BNInception

    for seed, loss in enumerate(("arcface", "contrastive")):
        folder = tmp_path / "downloads" / loss / "Test50_50_Partitions4_0" / "saved_models"
        folder.mkdir(parents=True)
        torch.manual_seed(seed)
        trunk = BNInception().state_dict()
        assert len(trunk) == 483
        torch.save(trunk, folder / "trunk_best.pth")
        linear = torch.nn.Linear(1024, 128).state_dict()
        embedder = {f"net.0.{name}": value for name, value in linear.items()}
        torch.save(embedder, folder / "embedder_best.pth")
    downloads = tmp_path / "downloads"
    model = f"reality-check:{downloads}/{{loss}}/Test50_50_Partitions4_{{fold}}"
    recipe = make_recipe(
        tmp_path,
        model=model,
        training=None,
        folds=[0],
        saliency={"data": str(shapes), "images": {0: 2}, "samples": 2},
    )
    answer = dmlbench("study", recipe, "--out", tmp_path / "study", "--json")
    assert answer.exit_code == 0, answer.err
    assert answer.json["losses"] == ["arcface", "contrastive"]
    assert answer.json["trainings"] == {}
    assert len(answer.json["maps"]["pairs"]) == 1


def _times(folder):
    return {path.stem: path.stat().st_mtime_ns for path in (folder / "steps").iterdir()}


def test_learning_rates_are_those_of_the_best_trial_and_trials_are_not_repeated(
    make_recipe, dmlbench, tmp_path
):
    search = {"trials": 3, "steps": 5, "fold": 0}
    training = yaml.safe_load(make_recipe(tmp_path).read_text())["training"] | {"epochs": 3}
    path = make_recipe(
        tmp_path, folds=[0], saliency=None, classes=None, search=search, training=training
    )
    folder = tmp_path / "study"
    answer = dmlbench("study", path, "--out", folder, "--json")
    assert answer.exit_code == 0, answer.err
    assert set(answer.json["searches"]) == {"arcface", "contrastive"}
    for loss, searched in answer.json["searches"].items():
        trials = searched["trials"]
        profile = read_hyperparameters(loss, "quick")
        assert trials[0]["rates"]["network.trunk_lr"] == profile.network.trunk_lr
        ratios = [
            trial["rates"]["network.embedder_lr"] / trial["rates"]["network.trunk_lr"]
            for trial in trials
        ]
        assert ratios == pytest.approx([3, 3, 3], rel=0.01)
        best = max(trials, key=lambda trial: trial["map_at_r"])
        (model,) = (folder / "models").glob(f"{loss}-fold0-*.safetensors")
        trained = read_training(model)
        assert trained["settings"]["hyperparameters"] == best["rates"]
        # The model went on from the trial: its first epochs are those that were compared.
        assert [row["epoch"] for row in trained["history"]] == [0, 1, 2, 3]
        assert max(row["map_at_r"] for row in trained["history"][1:3]) == best["map_at_r"]
        assert ("loss_parameters.lr" in best["rates"]) == (loss == "arcface")
    # Of the other trials nothing is left.
    assert len([path for path in (folder / "models").iterdir() if path.is_dir()]) == 3
    before = _times(folder)
    again = dmlbench("study", path, "--out", folder, "--json")
    assert again.json == answer.json
    assert _times(folder) == before
    with (folder / "tables" / "training_search.csv").open() as file:
        assert [row["loss"] for row in csv.DictReader(file)] == ["ArcFace"] * 3 + [
            "Contrastive"
        ] * 3


def test_a_trial_ends_with_a_validation(make_recipe, dmlbench, tmp_path):
    training = yaml.safe_load(make_recipe(tmp_path).read_text())["training"]
    training |= {"epochs": 4, "steps": 2, "hyperparameters": {"validate_every": 2}}
    path = make_recipe(
        tmp_path,
        losses=["contrastive"],
        folds=[0],
        saliency=None,
        classes=None,
        training=training,
        search={"trials": 2, "steps": 1},
    )
    answer = dmlbench("study", path, "--out", tmp_path / "study", "--json")
    assert answer.exit_code == 0, answer.err
    assert all(trial["map_at_r"] for trial in answer.json["searches"]["contrastive"]["trials"])


def test_losses_share_no_batches_and_groups_may_be_trained_for_longer(
    make_recipe, dmlbench, tmp_path
):
    by_group = {"ranking": {"steps": 5, "hyperparameters": {"network.trunk_lr": 1e-5}}}
    path = make_recipe(tmp_path, saliency=None, classes=None, training_by_group=by_group)
    folder = tmp_path / "study"
    answer = dmlbench("study", path, "--out", folder)
    assert answer.exit_code == 0, answer.err
    trained = {
        path.stem.rsplit("-", 1)[0]: read_training(path)
        for path in (folder / "models").glob("*.safetensors")
    }
    steps = {name: each["hyperparameters"]["steps"] for name, each in trained.items()}
    assert steps["contrastive-fold0"] == steps["contrastive-fold1"] == 5
    assert steps["arcface-fold0"] == steps["none-fold0"] == 3
    assert trained["contrastive-fold0"]["hyperparameters"]["network"]["trunk_lr"] == 1e-5
    seeds = {name: each["settings"]["seed"] for name, each in trained.items()}
    of_losses = [seed for name, seed in seeds.items() if not name.startswith("none")]
    assert len({*of_losses}) == 4
    # The untrained network is the same in every fold.
    assert {seeds["none-fold0"], seeds["none-fold1"]} == {0}


def test_a_model_that_is_another_when_trained_again_is_not_mixed_with_its_steps(
    study, make_recipe, dmlbench, tmp_path
):
    copy = shutil.copytree(study, tmp_path / "study")
    # As from another machine, where rounding led to another model; its maps were not finished.
    step = copy / "steps" / "arcface-fold0.training.json"
    content = json.loads(step.read_text())
    content["gave"]["history"][-1]["map_at_r"] += 1e-6
    step.write_text(json.dumps(content))
    shutil.rmtree(copy / "models")
    shutil.rmtree(copy / "results")
    for unfinished in ("arcface-fold0.saliency", "maps", "maps.folds", "maps.given_untrained"):
        (copy / "steps" / f"{unfinished}.json").unlink()
    before = _times(copy)
    answer = dmlbench("study", make_recipe(tmp_path), "--out", copy)
    assert answer.exit_code == 2
    assert "arcface-fold0: trained again, it is another model than its steps are of" in answer.err
    assert f"remove {copy / 'steps' / 'arcface-fold0.*.json'}" in answer.err
    assert _times(copy) == before


def test_a_condition_is_compared_with_the_same_loss_as_the_study_trains_it(
    study, make_recipe, dmlbench, tmp_path
):
    copy = shutil.copytree(study, tmp_path / "study")
    before = _times(copy)
    conditions = {
        "another_seed": {"losses": ["arcface", "contrastive"], "training": {"seed": 1}},
        "slow_proxies": {
            "losses": ["arcface"],
            "folds": [0, 1],
            "training": {"hyperparameters": {"loss_parameters.lr": 1e-4}},
        },
        "nothing_else": {"losses": ["arcface"], "folds": [1], "training": {"workers": 1}},
    }
    answer = dmlbench(
        "study", make_recipe(tmp_path, conditions=conditions), "--out", copy, "--json"
    )
    assert answer.exit_code == 0, answer.err
    after = _times(copy)
    assert {name: after[name] for name in before} == before
    found = answer.json["conditions"]
    seed, proxies, nothing = (found[name] for name in conditions)
    steps = {path.stem: json.loads(path.read_text())["gave"] for path in (copy / "steps").iterdir()}
    values = [
        scores(steps, f"arcface-fold0{suffix}")["paint_hue"]["nr_precision"]["value"]
        for suffix in ("-another_seed", "")
    ]
    assert seed["changes"]["paint_hue"]["arcface"]["value"] == pytest.approx(np.subtract(*values))
    assert set(seed["maps"]["pairs"]) == {"arcface", "contrastive"}
    # Another seed is other batches: the network that training begins with is that of the study.
    started = [
        steps[f"arcface-fold0{suffix}.training"]["metrics"]["untrained"]["map_at_r"]
        for suffix in ("-another_seed", "")
    ]
    assert started[0] == started[1]
    assert set(proxies["maps"]["pairs"]["arcface"]) == {"0", "1"}
    # Training by other processes gives the same model.
    assert all(change["arcface"]["value"] == 0 for change in nothing["changes"].values())
    usual, changed = proxies["retrieval"]["car_model"]["arcface"]["map_at_r"]
    assert usual == pytest.approx(
        np.mean([_retrieval(steps, f"arcface-fold{fold}") for fold in (0, 1)])
    )
    assert changed == pytest.approx(
        np.mean([_retrieval(steps, f"arcface-fold{fold}-slow_proxies") for fold in (0, 1)])
    )
    summary = (copy / "summary.md").read_text()
    assert (
        "Condition 'slow_proxies' (loss_parameters.lr 0.0001) changes NR-Precision of a loss"
        in summary
    )
    tables = {path.stem for path in (copy / "tables").iterdir()}
    assert {"conditions", *(f"condition_{name}" for name in conditions)} <= tables


def _retrieval(steps, model):
    return steps[f"{model}.classes"]["properties"]["properties"]["car_model"]["map_at_r"]["value"]


def test_other_methods_faithfulness_and_embeddings_are_compared(make_recipe, dmlbench, tmp_path):
    recipe = yaml.safe_load(make_recipe(tmp_path).read_text())
    recipe["saliency"] |= {"other_methods": ["gradient"], "faithfulness": 2}
    conditions = {"another_seed": {"losses": ["arcface"], "training": {"seed": 1}}}
    path = make_recipe(
        tmp_path, representations=True, saliency=recipe["saliency"], conditions=conditions
    )
    answer = dmlbench("study", path, "--out", tmp_path / "study", "--json")
    assert answer.exit_code == 0, answer.err
    found = answer.json
    usual, other = found["maps"], found["other_maps"]["gradient"]
    assert other["names"] == usual["names"]
    assert other["pairs"][0]["correlation"] != usual["pairs"][0]["correlation"]
    assert set(usual["faithfulness"]) == set(usual["names"])
    assert not other["faithfulness"]
    assert len(found["representations"]["names"]) == 6
    # Of every two of three losses in two folds.
    assert len(found["representations"]["pairs"]) == 15
    agreements = found["groups"]["agreements"]
    assert {"maps", "maps_given_untrained", "cka", "rsa", "procrustes"} <= set(agreements)
    (given,) = found["maps_given_untrained"]["pairs"]
    assert agreements["maps_given_untrained"]["between"]["mean"] == pytest.approx(given[2])
    seeds = found["conditions"]["another_seed"]["representations"]["pairs"]
    assert set(seeds) == {"arcface"}
    assert 0 < seeds["arcface"]["0"]["cka"]["value"] < 1
    names = found["representations"]["names"]
    (in_study,) = [
        pair["cka"]["value"]
        for pair in found["representations"]["pairs"]
        if {tuple(names[pair["a"]]), tuple(names[pair["b"]])}
        == {("arcface", 0), ("contrastive", 0)}
    ]
    by_group = found["conditions"]["another_seed"]["representations"]["by_group"]["cka"]["arcface"]
    assert set(by_group) == {"ranking"}
    before, after = by_group["ranking"]
    assert before == pytest.approx(in_study)
    assert after != pytest.approx(before)
    summary = (tmp_path / "study" / "summary.md").read_text()
    assert f"by: CKA ranking {before:.2f} and {after:.2f}; RSA" in summary
    tables = {file.name for file in (tmp_path / "study" / "tables").iterdir()}
    for table in ("saliency_gradient", "saliency_faithfulness", "representations"):
        assert f"{table}.tex" in tables
    figures = {file.name for file in (tmp_path / "study" / "figures").iterdir()}
    assert {"agreement.png", "faithfulness.png"} <= figures
    before = _times(tmp_path / "study")
    for name in ("models", "results", "results-gradient"):
        shutil.rmtree(tmp_path / "study" / name)
    again = dmlbench("study", path, "--out", tmp_path / "study", "--json")
    assert again.json == found
    assert _times(tmp_path / "study") == before


def test_what_changing_one_group_alone_does_is_measured_on_every_model(
    study, make_recipe, dmlbench, sweep, tmp_path
):
    copy = shutil.copytree(study, tmp_path / "study")
    before = _times(copy)
    path = make_recipe(tmp_path, interventions=[{"data": str(sweep)}])
    answer = dmlbench("study", path, "--out", copy, "--json")
    assert answer.exit_code == 0, answer.err
    after = _times(copy)
    assert {name: after[name] for name in before} == before
    steps = {path.stem: json.loads(path.read_text())["gave"] for path in (copy / "steps").iterdir()}
    (found,) = answer.json["interventions"].values()
    for loss in ("arcface", "contrastive", "none"):
        of_folds = [
            steps[f"{loss}-fold{fold}.intervention.color"]["interventions"] for fold in (0, 1)
        ]
        values = [each["sensitivity"]["value"] for each in of_folds]
        assert found["sensitivity"][loss]["mean"] == pytest.approx(np.mean(values))
        (curve,) = found["curves"]
        assert (curve["factor"], curve["sizes"]) == ("paint_hue", [0.25, 0.5])
        points = [each["response"][0]["points"][1]["response"]["value"] for each in of_folds]
        assert curve["response"][loss][1] == pytest.approx(np.mean(points))
    change, untrained = found["changes"]["arcface"], found["sensitivity"]["none"]["mean"]
    assert change["value"] == pytest.approx(found["sensitivity"]["arcface"]["mean"] - untrained)
    assert found["test"]["corrected"]["p_holm"] == found["test"]["corrected"]["p"]
    summary = (copy / "summary.md").read_text()
    assert "Changing one group of factors alone" in summary
    assert f"; interventions on color ({found['dataset']['images']} images)." in summary
    for file in ("tables/interventions.csv", "tables/intervention_tests.tex"):
        assert (copy / file).is_file()
    for figure in ("interventions", "responses"):
        assert (copy / "figures" / f"{figure}.png").is_file()
        assert f'id="figure-{figure}"' in (copy / "study.html").read_text()


def test_losses_that_do_not_learn_are_left_out_and_named(
    make_recipe, dmlbench, toys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loss_that_is_flat.py").write_text(
        "from torch import nn\n\nclass Flat(nn.Module):\n"
        "    def forward(self, embeddings, classes):\n        return 0 * embeddings.sum()\n"
    )
    flat = "python:loss_that_is_flat:Flat"
    training = yaml.safe_load(make_recipe(tmp_path).read_text())["training"]
    training |= {"folds": 8, "epochs": 1, "steps": 2, "batch": 16, "images_per_class": 4}
    training["hyperparameters"] = {"network.trunk_lr": 1e-3, "network.embedder_lr": 3e-3}
    seconds = {"folds": [0], "saliency": None, "require_learning": True}
    seconds["training_by_group"] = {"ranking": {"steps": 300}}
    classes = {"data": str(toys), "label": ["class"]}
    for losses, code in (([flat, "ntxent"], 0), ([flat], 2)):
        path = make_recipe(tmp_path, losses=losses, training=training, classes=classes, **seconds)
        answer = dmlbench("study", path, "--out", tmp_path / "study", "--json")
        assert answer.exit_code == code, answer.err
        if code:
            assert "no loss is above the untrained network on class" in answer.err
            continue
        (left_out,) = answer.json["left_out"].values()
        assert left_out["value"] == pytest.approx(0)
        assert answer.json["losses"] == ["ntxent", "none"]
        summary = (tmp_path / "study" / "summary.md").read_text()
        assert "Left out of all comparisons" in summary


def test_a_trial_that_diverges_counts_as_nothing_learned(make_recipe, dmlbench, tmp_path):
    search = {"trials": 2, "steps": 1, "factor": 1e30}
    seconds = {"folds": [0], "saliency": None, "classes": None, "controls": []}
    path = make_recipe(tmp_path, losses=["contrastive"], search=search, **seconds)
    answer = dmlbench("study", path, "--out", tmp_path / "study", "--json")
    assert answer.exit_code == 0, answer.err
    first, second = answer.json["searches"]["contrastive"]["trials"]
    assert second["map_at_r"] is None
    assert first["map_at_r"] > 0


def test_a_loss_whose_training_diverges_is_left_out_with_all_its_folds(
    make_recipe, dmlbench, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loss_that_diverges.py").write_text(
        "from torch import nn\n\nclass Diverges(nn.Module):\n"
        "    def forward(self, embeddings, classes):\n        return embeddings.sum() / 0\n"
    )
    diverges = "python:loss_that_diverges:Diverges?group=ranking"
    too_fast = {
        "losses": ["contrastive"],
        "training": {"hyperparameters": {"network.trunk_lr": 1e30}},
    }
    search = {"trials": 1, "steps": 1}
    conditions = {"too_fast": too_fast}
    seconds = {"saliency": None, "classes": None, "search": search}
    for losses, code in (([diverges, "contrastive", "arcface"], 0), ([diverges], 1)):
        of_losses = conditions if "contrastive" in losses else None
        path = make_recipe(tmp_path, losses=losses, conditions=of_losses, **seconds)
        answer = dmlbench("study", path, "--out", tmp_path / "study", "--json")
        assert answer.exit_code == code, answer.err
        if code:
            assert "the loss is not a finite number at step 0" in answer.err
            continue
        assert answer.json["losses"] == ["arcface", "contrastive", "none"]
        assert len(answer.json["diverged"]) == 3
        assert answer.json["diverged"][-1] == "contrastive-fold0-too_fast"
        assert answer.json["conditions"] == {}
        summary = (tmp_path / "study" / "summary.md").read_text()
        assert "Left out, as training diverged: " in summary
