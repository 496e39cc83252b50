"""Training: fourteen losses of deep metric learning (protocol, section 6), and two controls.

`train` trains a model and writes its file, resuming an interrupted training; `read_training` reads
from such a file how it was trained.
"""

from dmlbench.models.torchvision_schemas import ensure_torchvision_imports

# Lightning imports torchvision while it is imported.
ensure_torchvision_imports()

from dmlbench.training.saved import read_training  # noqa: E402
from dmlbench.training.settings import TrainSettings  # noqa: E402
from dmlbench.training.train import train  # noqa: E402

__all__ = ["TrainSettings", "read_training", "train"]
