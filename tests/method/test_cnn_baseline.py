"""The CNN baselines: GPA-Net's feature widths and classifier."""

import pytest
import torch

from handid import backbone


@pytest.mark.parametrize(("name", "width"), [("ResNet50", 2048), ("VGG19-bn", 4096)])
def test_a_baselines_feature_and_classifier_are_the_papers(
    name, width, batch, count_parameters, on_map
):
    with torch.device("meta"):  # shapes alone: the numbers take seconds to draw
        encoder = backbone.build(name, last_stride=1, image_size=32)
        net = on_map("cnn_baseline", encoder, n_identities=72).eval()
    assert net.embed(batch(2, 32)[0].to("meta")).shape == (2, width)
    assert count_parameters(net) - count_parameters(net.backbone) == 72 * (width + 1)
