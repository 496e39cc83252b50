"""`reality-check:FOLDER`: checkpoints as the authors' code saves them."""

import pytest
import torch
from PIL import Image

from dmlbench.models import load_model
from dmlbench.models.bn_inception import BNInception
from dmldata.common.errors import InputError, ModelError

FOLD = "Test50_50_Partitions4_2"


@pytest.fixture(scope="module")
def trunk():
    torch.manual_seed(3)
    return BNInception().state_dict()


@pytest.fixture(scope="module")
def linear():
    torch.manual_seed(4)
    layer = torch.nn.Linear(1024, 128)
    return {"weight": layer.weight.detach(), "bias": layer.bias.detach()}


@pytest.fixture
def save(tmp_path, trunk, linear):
    """Write a checkpoint, by default a valid one, and return the folder of its fold."""

    def write(name="arcface", trunk=trunk, embedder=None, fold=FOLD):
        folder = tmp_path / name / fold / "saved_models"
        folder.mkdir(parents=True)
        layers = ("net.0", "last_linear")
        embedder = embedder or {
            f"{la}.{key}": value for la in layers for key, value in linear.items()
        }
        torch.save(trunk, folder / "trunk_best.pth")
        torch.save(embedder, folder / "embedder_best.pth")
        return folder.parent

    return write


def test_checkpoint_gives_the_paper_s_network_and_preprocessing(save, trunk, linear):
    loaded = load_model(f"reality-check:{save()}")
    assert (loaded.loss, loaded.distance, loaded.dimensions) == (
        "arcface",
        "cosine_similarity",
        128,
    )
    assert loaded.id.startswith("arcface_2-")
    assert loaded.notes == ()
    red = loaded.preprocessing.to_tensor(Image.new("RGB", (300, 400), (255, 0, 0)))
    assert red.shape == (3, 227, 227)
    assert red[:, 0, 0].tolist() == [-104, -117, 127]
    trunk_network = BNInception().eval()
    trunk_network.load_state_dict(trunk)
    with torch.no_grad():
        expected = trunk_network(red[None]) @ linear["weight"].T + linear["bias"]
        torch.testing.assert_close(loaded.model(red[None]), expected)


def test_wrapped_names_and_missing_counters_are_the_same_model(save, trunk, linear):
    wrapped = {
        f"module.{name}": value
        for name, value in trunk.items()
        if not name.endswith("num_batches_tracked")
    }
    embedder = {f"module.net.0.{name}": value for name, value in linear.items()}
    plain = load_model(f"reality-check:{save()}")
    rewrapped = load_model(f"reality-check:{save('Arc-Face', wrapped, embedder)}")
    state = plain.model.state_dict()
    assert all(
        torch.equal(state[name], value) for name, value in rewrapped.model.state_dict().items()
    )
    assert rewrapped.loss == "arcface"


def test_fold_is_found_from_its_own_folder_and_from_the_one_above(save):
    folder = save("experiment")
    for place in (folder.parent, folder, folder / "saved_models"):
        loaded = load_model(f"reality-check:{place}", loss="triplet")
        assert loaded.id.startswith("experiment_2-")
        assert loaded.loss == "triplet"


def test_loss_that_the_folder_does_not_name_is_noted_unless_given(save):
    folder = save("experiment")
    (note,) = load_model(f"reality-check:{folder}").notes
    assert "'experiment'" in note
    assert "--loss" in note
    assert load_model(f"reality-check:{folder}", loss="margin").notes == ()


def test_several_folds_have_to_be_told_apart(save):
    folder = save(fold="Test50_50_Partitions4_0").parent
    save(fold="Test50_50_Partitions4_1")
    with pytest.raises(ModelError, match=r"holds 2 folds; valid: one of .*_0, .*_1"):
        load_model(f"reality-check:{folder}")


def test_missing_files_say_what_the_folder_should_hold(save, tmp_path):
    with pytest.raises(ModelError, match=r"no saved_models/trunk_best\.pth in it; valid: a folder"):
        load_model(f"reality-check:{tmp_path}")
    folder = save()
    (folder / "saved_models" / "embedder_best.pth").unlink()
    with pytest.raises(ModelError, match=r"embedder_best\.pth: no such file"):
        load_model(f"reality-check:{folder}")


def test_tensors_that_do_not_fit_are_named(save, trunk, linear):
    classifier = trunk | {"last_linear.weight": torch.zeros(1000, 1024)}
    with pytest.raises(ModelError, match=r"trunk_best\.pth: not a BN-Inception: .*'last_linear"):
        load_model(f"reality-check:{save('a', classifier)}")
    narrow = {"net.0.weight": torch.zeros(128, 512), "net.0.bias": torch.zeros(128)}
    with pytest.raises(
        ModelError, match=r"'net\.0\.weight' is \[128, 512\], expected \[128, 1024\]"
    ):
        load_model(f"reality-check:{save('b', embedder=narrow)}")
    deep = {f"net.{layer}.{key}": value for layer in (0, 2) for key, value in linear.items()}
    with pytest.raises(ModelError, match=r"not a linear embedder: .*'net\.2\.weight'"):
        load_model(f"reality-check:{save('c', embedder=deep)}")
    torn = {f"net.0.{key}": value for key, value in linear.items()}
    torn |= {"last_linear.weight": torch.zeros(128, 1024), "last_linear.bias": linear["bias"]}
    with pytest.raises(ModelError, match=r"last_linear differs from net\.0"):
        load_model(f"reality-check:{save('d', embedder=torn)}")


@pytest.mark.parametrize("file", ["trunk_best.pth", "embedder_best.pth"])
def test_pickle_in_a_checkpoint_is_refused_and_not_run(save, spring, file):
    folder = save()
    spring.save(folder / "saved_models" / file)
    with pytest.raises(ModelError, match=rf"{file}': not a file of tensors"):
        load_model(f"reality-check:{folder}", trust_pickle=True)
    spring.assert_not_sprung()


def test_truncated_checkpoint_is_named(save):
    file = save() / "saved_models" / "trunk_best.pth"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(ModelError, match=r"trunk_best\.pth': not a file of tensors"):
        load_model(f"reality-check:{file.parent}")


RELEASED = {
    "contrastive": "cars_contrastive50_reproduction0",
    "triplet": "cars_triplet50_reproduction0",
    "ntxent": "cars_ntxent50_reproduction0",
    "proxy_nca": "cars_proxy_nca50_reproduction0",
    "margin": "cars_margin50_reproduction0",
    "margin_class": "cars_margin_param_per_class_no_weight_decay13_reproduction0",
    "normalized_softmax": "cars_normalized_softmax50_reproduction0",
    "cosface": "cars_cosface50_reproduction0",
    "arcface": "cars_arcface33_reproduction0",
    "fastap": "cars_fastap50_reproduction0",
    "snr_contrastive": "cars_snr_contrastive50_reproduction0",
    "multi_similarity": "cars_multi_similarity50_reproduction0",
    "multi_similarity_miner": "cars_multi_similarity_with_ms_miner50_reproduction0",
    "soft_triple": "cars_soft_triple50_reproduction0",
}


@pytest.mark.parametrize("loss", RELEASED)
def test_the_loss_is_in_the_name_of_a_released_folder(loss, tmp_path, monkeypatch):
    from dmlbench.models.reality_check import fill_in_loss, loss_of

    assert loss_of(RELEASED[loss]) == loss
    for name in RELEASED.values():
        (tmp_path / name / "Test50_50_Partitions4_2").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    reference = fill_in_loss("reality-check:{loss}/Test50_50_Partitions4_{fold}", loss, 2)
    assert reference == f"reality-check:{RELEASED[loss]}/Test50_50_Partitions4_2"


def test_folders_of_one_loss_have_to_be_told_apart(tmp_path, monkeypatch):
    from dmlbench.models.reality_check import fill_in_loss

    for number in range(2):
        (tmp_path / f"cars_arcface33_reproduction{number}").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="several folders of 'arcface': cars_arcface33_repr"):
        fill_in_loss("reality-check:{loss}/x", "arcface", 0)
    reference = fill_in_loss("reality-check:cars_{loss}*1/x", "arcface", 0)
    assert reference == "reality-check:cars_arcface33_reproduction1/x"
