"""Settings of all tests, and what tests of several packages use."""

import pytest
from hypothesis import settings

# No test asserts a time, so none fails for being slow on a busy machine either.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of two nodes, of one CPU each."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    made = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()
