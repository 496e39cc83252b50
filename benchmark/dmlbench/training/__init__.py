"""Training: fourteen losses of deep metric learning (protocol, section 6), and two controls.

`train` takes settings to the file of a model and goes on where it was interrupted; `read_training`
gives what such a file says of its training.
"""

from dmlbench.models.torchvision_schemas import ensure_torchvision_imports

# Lightning imports torchvision while it is imported.
ensure_torchvision_imports()

from dmlbench.training.saved import read_training  # noqa: E402
from dmlbench.training.settings import TrainSettings  # noqa: E402
from dmlbench.training.train import train  # noqa: E402

__all__ = ["TrainSettings", "read_training", "train"]
