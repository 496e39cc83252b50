"""Training: the losses of deep metric learning (protocol, section 6), and two controls.

`train` trains a model and writes its file, resuming an interrupted training; `train_first` trains
its first epochs alone. `read_training` reads from such a file how it was trained, and
`read_checkpoints` the models of some of its epochs.
"""

from dmlbench.models.torchvision_schemas import ensure_torchvision_imports

# Lightning imports torchvision while it is imported.
ensure_torchvision_imports()

from dmlbench.training.checkpoints import Checkpoint, read_checkpoints  # noqa: E402
from dmlbench.training.learner import DivergedError  # noqa: E402
from dmlbench.training.saved import read_training  # noqa: E402
from dmlbench.training.settings import TrainSettings  # noqa: E402
from dmlbench.training.train import train, train_first  # noqa: E402

__all__ = [
    "Checkpoint",
    "DivergedError",
    "TrainSettings",
    "read_checkpoints",
    "read_training",
    "train",
    "train_first",
]
