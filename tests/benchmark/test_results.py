"""Results folders: found, checked, of one dataset."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest

from dmlbench.results import find_results, load_result
from dmlbench.results.means import fisher_mean, plain_mean
from dmldata.common.errors import InputError


@pytest.fixture
def result_folder(copy_of_results):
    """One model's folder `OUT/<model>/<dataset>`."""
    return sorted(copy_of_results.glob("*/*"))[0]


def test_results_are_found_in_every_kind_of_folder(results):
    of_all = [result.model for result in find_results([results])]
    assert len(of_all) == 3
    assert [result.model for result in find_results(sorted(results.iterdir()))] == of_all
    assert [result.model for result in find_results(sorted(results.glob("*/*")))] == of_all


def test_order_is_that_of_the_arguments_and_nothing_counts_twice(results):
    folders = sorted(results.iterdir(), reverse=True)
    model_results = find_results([*folders, results, folders[0]])
    assert [result.model for result in model_results] == [folder.name for folder in folders]


def test_results_of_before_verification_shape_and_response_are_shown(
    copy_of_results, dmlbench, tmp_path
):
    for folder in copy_of_results.glob("*/*"):
        file, run = folder / "properties.json", folder / "run.json"
        content = json.loads(file.read_text())
        del content["geometry"], content["settings"]["pairs"]
        for scores in content["properties"].values():
            for key in ("roc_auc", "eer", "tpr_at_fpr_1e-3", "opis", "alignment"):
                del scores[key]
        before = hashlib.sha256(file.read_bytes()).hexdigest()
        file.write_text(json.dumps(content))
        after = hashlib.sha256(file.read_bytes()).hexdigest()
        run.write_text(run.read_text().replace(before, after))
    (model, *_) = find_results([copy_of_results])
    assert model.properties.geometry is None
    page = tmp_path / "page.html"
    assert dmlbench("report", copy_of_results, "--out", page, "--images", 0).exit_code == 0
    assert "Verification of pairs" not in page.read_text()
    assert "Shape of the embeddings" not in dmlbench("compare", copy_of_results).out


def test_files_among_the_arguments_are_passed_over(copy_of_results):
    (copy_of_results / "compare.json").write_text("{}")
    assert len(find_results(sorted(copy_of_results.iterdir()))) == 3


def test_nothing_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"results/\*: no such folder"):
        find_results([tmp_path / "results/*"])
    with pytest.raises(InputError, match="holds no results"):
        find_results([tmp_path])
    with pytest.raises(InputError, match="no results given"):
        find_results([])


def test_folder_without_run_json_is_incomplete(result_folder):
    (result_folder / "run.json").unlink()
    with pytest.raises(InputError, match=r"incomplete: no run\.json"):
        find_results([result_folder])
    with pytest.raises(InputError, match=r"incomplete: no run\.json"):
        find_results([result_folder.parent])


def test_mixed_datasets_are_refused_unless_one_is_chosen(result_folder):
    other = result_folder.parent / "0123456789abcdef"
    shutil.copytree(result_folder, other)
    run = json.loads((other / "run.json").read_text())
    run["dataset"] |= {"fingerprint": other.name, "name": "other-shapes"}
    (other / "run.json").write_text(json.dumps(run))
    with pytest.raises(InputError, match=r"0123456789abcdef .other-shapes.*choose one with --data"):
        find_results([result_folder.parent])
    assert find_results([result_folder.parent], "0123")[0].run.dataset.name == "other-shapes"
    assert find_results([result_folder.parent], result_folder.name)[0].run.dataset.name == "shapes"
    with pytest.raises(InputError, match="no results on dataset 'ffff'; valid: "):
        find_results([result_folder.parent], "ffff")


def test_incomplete_results_on_another_dataset_do_not_matter(result_folder):
    (result_folder.parent / "0123456789abcdef").mkdir()
    assert len(find_results([result_folder.parent], result_folder.name)) == 1


def test_renamed_folder_is_known_by_its_run_json(result_folder, tmp_path):
    shutil.copytree(result_folder, tmp_path / "mine")
    assert find_results([tmp_path / "mine"])[0].run.name == "cropped"


def test_model_that_occurs_twice_is_refused(result_folder, tmp_path):
    shutil.copytree(result_folder, tmp_path / "mine")
    with pytest.raises(InputError, match="occurs twice"):
        find_results([result_folder, tmp_path / "mine"])


@pytest.mark.parametrize("name", ["properties.json", "saliency.json", "embeddings.npy"])
def test_altered_file_is_refused(result_folder, name):
    with (result_folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(InputError, match=rf"{name}: altered .*dmlbench evaluate"):
        load_result(result_folder)


def test_altered_maps_are_refused_when_they_are_read(result_folder):
    with (result_folder / "maps.npz").open("ab") as file:
        file.write(b" ")
    with pytest.raises(InputError, match=r"maps\.npz: altered"):
        load_result(result_folder).maps()


def test_run_json_of_another_form_is_refused_with_the_field(result_folder):
    run = json.loads((result_folder / "run.json").read_text())
    (result_folder / "run.json").write_text(json.dumps(run | {"nmae": "x"}))
    with pytest.raises(InputError, match=r"run\.json: nmae: unknown field \(did you mean 'name'"):
        load_result(result_folder)
    (result_folder / "run.json").write_text(json.dumps(run | {"format": 1}))
    with pytest.raises(InputError, match=r"run\.json: format"):
        load_result(result_folder)


def test_mean_has_the_interval_of_its_t_distribution():
    mean = plain_mean([1.0, 2.0, 3.0], None, np.random.default_rng(0))
    assert mean.value == 2.0
    assert mean.ci95 == pytest.approx((-0.4841, 4.4841), abs=1e-4)
    assert (mean.images, mean.left_out) == (3, 0)


def test_an_interval_ends_where_values_do():
    mean = plain_mean([0.9, 1.0, 0.2], None, np.random.default_rng(0), limits=(-1.0, 1.0))
    assert -1 < mean.ci95[0] < mean.value < mean.ci95[1] == 1


def test_mean_leaves_out_what_has_no_value():
    mean = plain_mean([1.0, np.nan], None, np.random.default_rng(0))
    assert (mean.value, mean.ci95, mean.images, mean.left_out) == (1.0, None, 1, 1)
    nothing = plain_mean([np.nan], None, np.random.default_rng(0))
    assert (nothing.value, nothing.images, nothing.left_out) == (None, 0, 1)


def test_an_interval_is_that_of_the_images_that_have_a_value():
    """Groups of images without one are no replicates, which would count as degrees of freedom."""
    alone = plain_mean([1.0, 2.0, 3.0], None, np.random.default_rng(0))
    among = plain_mean([1.0, 2.0, 3.0, *[np.nan] * 97], None, np.random.default_rng(0))
    assert among.ci95 == pytest.approx(alone.ci95)


def test_scenes_stay_whole_in_intervals():
    values = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    mean = plain_mean(values, [0, 0, 1, 1, 2, 2], np.random.default_rng(0))
    assert mean.ci95 == pytest.approx((-0.4841, 4.4841), abs=1e-4)


def test_correlations_are_averaged_in_fisher_z():
    mean = fisher_mean(np.tanh([0.1, 0.5, 0.9]), None, np.random.default_rng(0))
    assert mean.value == pytest.approx(np.tanh(0.5))
    assert mean.ci95[0] < mean.value < mean.ci95[1] < 1
