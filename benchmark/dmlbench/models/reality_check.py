"""`reality-check:FOLDER`: BN-Inception with a linear embedder, as saved by the authors' code.

Source: Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020); the layout and the
preprocessing are in the protocol, section 6.
"""

from __future__ import annotations

from pathlib import Path, PurePath

import torch
from torch import Tensor, nn

from dmlbench.losses import LOSSES
from dmlbench.models.bn_inception import FEATURES, BNInception
from dmlbench.models.contract import LoadedModel, make_id
from dmlbench.models.network import EmbeddingNetwork
from dmlbench.models.options import ModelOptions
from dmlbench.models.preprocessing import Preprocessing
from dmlbench.models.weights import difference, fits, hash_tensors, read_weights
from dmldata.common.errors import InputError, ModelError

PREPROCESSING = Preprocessing(
    input_size=(227, 227),
    resize=(256, 256),
    mean=(104.0, 117.0, 128.0),
    std=(1.0, 1.0, 1.0),
    bgr=True,
    scale=255,
)
SCHEME = "reality-check:"
TRUNK, EMBEDDER = "trunk_best.pth", "embedder_best.pth"
_FOLDER = "saved_models"
_WRAPPER = "module."
_COUNTERS = ".num_batches_tracked"
_OTHER_NAMES = {
    "snr": "snr_contrastive",
    "normsoftmax": "normalized_softmax",
    "normalizedsoftmax": "normalized_softmax",
    "softtriplet": "soft_triple",
    "marginperclass": "margin_class",
    "classmargin": "margin_class",
    "marginparamperclass": "margin_class",
}


def load(reference: str, options: ModelOptions) -> LoadedModel:
    """Load the network of `reality-check:FOLDER`, in eval mode.

    FOLDER is `Test50_50_Partitions4_<fold>`, its `saved_models`, or a folder with one fold in it.
    If the folder above the fold is named after a loss (`arcface`, `MultiSimilarity`), that is the
    model's loss.

    Raises:
        ModelError: a file is missing, cannot be read without running code, or does not fit.
    """
    folder = _saved_models(Path(reference.removeprefix("reality-check:")), reference)
    network = EmbeddingNetwork(_read_trunk(folder / TRUNK), _read_embedder(folder / EMBEDDER))
    fold = folder.absolute().parent
    preprocessing = options.apply(PREPROCESSING)
    loss, distance = options.explained_by(loss_of(fold.parent.name), "")
    note = f"the loss is not in the name '{fold.parent.name}'; --loss says it"
    return LoadedModel(
        model=network.eval(),
        preprocessing=preprocessing,
        reference=reference,
        id=make_id(
            f"{fold.parent.name}_{fold.name.removeprefix('Test50_50_Partitions4_')}",
            hash_tensors(network.state_dict()),
            preprocessing,
        ),
        loss=loss,
        distance=distance,
        notes=() if loss is not None else (note,),
    )


def _saved_models(folder: Path, reference: str) -> Path:
    if (folder / TRUNK).is_file():
        return folder
    folds = sorted(path.parent for path in folder.glob(f"*/{_FOLDER}"))
    folders = [folder] if (folder / _FOLDER).is_dir() else folds
    if len(folders) > 1:
        names = ", ".join(path.name for path in folders)
        raise ModelError(f"{reference}: holds {len(folders)} folds; valid: one of {names}")
    if not folders:
        raise ModelError(
            f"{reference}: no {_FOLDER}/{TRUNK} in it; valid: a folder "
            f"Test50_50_Partitions4_<fold> with {_FOLDER}/{TRUNK} and {_FOLDER}/{EMBEDDER}"
        )
    return folders[0] / _FOLDER


def _read_trunk(path: Path) -> BNInception:
    trunk = BNInception()
    expected, state = trunk.state_dict(), _read(path)
    # Files of PyTorch before 0.4.1 lack these counters; in eval mode they are not used.
    counters = {name: value for name, value in expected.items() if name.endswith(_COUNTERS)}
    if not counters.keys() & state.keys():
        state |= counters
    if not fits(expected, state):
        raise ModelError(f"{path}: not a BN-Inception: {difference(expected, state)}")
    trunk.load_state_dict(state)
    return trunk


def _read_embedder(path: Path) -> nn.Linear:
    state = _read(path)
    weight = state.get("net.0.weight")
    dimensions = weight.shape[0] if weight is not None and weight.ndim == 2 else 128
    linear = nn.Linear(FEATURES, dimensions)
    expected = {f"net.0.{name}": value for name, value in linear.state_dict().items()}
    for name in expected:
        # The authors' embedder stores its last layer under two names.
        again = state.pop(name.replace("net.0", "last_linear"), None)
        if again is not None and name in state and not torch.equal(again, state[name]):
            raise ModelError(f"{path}: last_linear differs from net.0; valid: one linear layer")
    if not fits(expected, state):
        raise ModelError(f"{path}: not a linear embedder: {difference(expected, state)}")
    linear.load_state_dict({name.removeprefix("net.0."): state[name] for name in expected})
    return linear


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    return {name.removeprefix(_WRAPPER): value for name, value in read_weights(path).items()}


def fill_in_loss(template: str, loss: str, fold: int) -> str:
    """Return the reference of a loss and fold, from a template with {loss} and {fold} in it.

    If no folder has exactly the name of the loss, the folder whose name contains it is used, such
    as `cars_arcface33_reproduction0` for `{loss}`.

    Raises:
        InputError: the names of several folders contain the loss.
    """
    filled = template.format(loss=loss, fold=fold)
    if not template.startswith(SCHEME) or Path(filled.removeprefix(SCHEME)).exists():
        return filled
    parts = PurePath(template.removeprefix(SCHEME)).parts
    place = next(number for number, part in enumerate(parts) if "{loss}" in part)
    above = Path(*(part.format(loss=loss, fold=fold) for part in parts[:place]))
    pattern = parts[place].replace("{loss}", "*").replace("{fold}", str(fold))
    pattern = pattern.replace("**", "*")
    folders = sorted(path.name for path in above.glob(pattern) if loss_of(path.name) == loss)
    if len(folders) > 1:
        raise InputError(f"{template}: several folders of '{loss}': {', '.join(folders)}")
    if not folders:
        return filled
    below = (part.format(loss=folders[0], fold=fold) for part in parts[place + 1 :])
    return SCHEME + str(above.joinpath(folders[0], *below))


def loss_of(name: str) -> str | None:
    """Return the loss that a folder's name contains, the longest if there are several, or None.

    >>> loss_of("cars_arcface33_reproduction0"), loss_of("Multi-Similarity"), loss_of("run7")
    ('arcface', 'multi_similarity', None)
    """
    letters = _letters(name)
    if letters in _SPELLED:
        return _SPELLED[letters]
    trained = {spelled: key for spelled, key in _SPELLED.items() if LOSSES[key].group != "control"}
    contained = [spelled for spelled in trained if spelled in letters]
    if "multisimilarity" in letters and "miner" in letters:
        return "multi_similarity_miner"
    return trained[max(contained, key=len)] if contained else None


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


_SPELLED = {_letters(key): key for key in LOSSES} | _OTHER_NAMES
