"""The two small CLIPs with random weights, built once."""

import pytest

from handid import backbone


@pytest.fixture(scope="session")
def minis():
    """mini-ViT and mini-RN by name; no test may change them."""
    return {name: backbone.build(name) for name in ("mini-ViT", "mini-RN")}
