"""The minis' small files, and the weights that this package brings."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from handid import backbone, synthetic
from handid.backbone import mini
from handid.image import augment, decode
from handid.synthetic import caption

MINIS = ("mini-ViT", "mini-RN", "mini-Lite0")
GOLDEN = Path(__file__).parent / "golden_mini.json"


@pytest.fixture(scope="module")
def shipped_vit():
    return backbone.build("mini-ViT", "mini")


def test_saved_small_and_read_again_a_mini_answers_the_same(tmp_path, minis):
    net, text = minis["mini-ViT"], ["a photo of a right hand"]
    images = torch.randn(4, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    words = backbone.tokenise(text).unique()
    digest = backbone.save(net, words, tmp_path / "small.safetensors")
    again = backbone.build("mini-ViT", str(tmp_path / "small.safetensors"))
    assert digest == hashlib.sha256((tmp_path / "small.safetensors").read_bytes()).hexdigest()
    assert (tmp_path / "small.safetensors").stat().st_size < 9_000_000
    pairs = [
        (net(images)["proj"], again(images)["proj"]),
        (net.encode_text(text), again.encode_text(text)),
    ]
    for ours, read in pairs:  # float16 on disk
        assert not torch.equal(ours, read)
        assert torch.cosine_similarity(ours, read).min() > 0.9999


def test_a_word_that_a_mini_never_saw_gets_the_mean_of_those_it_knows(tmp_path, minis):
    words = torch.tensor([5, 7, 49406])
    backbone.save(minis["mini-ViT"], words, tmp_path / "small.safetensors")
    table = backbone.build("mini-ViT", str(tmp_path / "small.safetensors")).clip.token_embedding
    known = minis["mini-ViT"].clip.token_embedding.weight[words].half().float()
    assert torch.equal(table.weight[words], known)
    assert torch.allclose(table.weight[1234], known.mean(0))


def test_what_does_not_ship_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="No weights 'mini' of RN50 ship with this package, only"):
        backbone.build("RN50", "mini")


def test_a_shipped_file_that_was_changed_is_refused(tmp_path, monkeypatch, minis):
    monkeypatch.setattr(mini, "SHIPPED_FOLDER", tmp_path)
    words = backbone.tokenise(["a hand"]).unique()
    digest = backbone.save(minis["mini-ViT"], words, tmp_path / "mini-ViT.safetensors")
    (tmp_path / "mini-ViT.json").write_text(json.dumps({"sha256": digest}))
    assert backbone.build("mini-ViT", "mini").name == "mini-ViT"
    (tmp_path / "mini-ViT.json").write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(ValueError, match="differs from the file that was shipped: install again"):
        backbone.build("mini-ViT", "mini")


@pytest.mark.parametrize("name", MINIS)
def test_what_ships_is_small_and_comes_with_its_card(name):
    file, card = backbone.SHIPPED_FOLDER / f"{name}.safetensors", backbone.shipped()[name]
    assert file.stat().st_size <= 16_000_000
    assert card["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert {"people", "pictures", "seed", "images_seen", "training_hours", "on"} <= card.keys()
    history = pd.read_csv(file.with_suffix(".csv"))
    assert len(history) == card["epochs"]
    assert history["total"].iloc[-1] < history["total"][history["stage"] == "captions"].iloc[0]


@pytest.mark.parametrize("name", MINIS)
def test_the_shipped_weights_give_the_golden_vectors(name):
    golden = json.loads(GOLDEN.read_text())[name]
    net = backbone.build(name, "mini", last_stride=2)
    ramp = torch.linspace(-2, 2, 3 * 128 * 128).reshape(1, 3, 128, 128)
    with torch.inference_mode():
        picture = net(ramp)["proj"][0, :8]
        sentence = net.encode_text(["a photo of the back of a right hand with long fingers"])[0, :8]
    assert picture.tolist() == pytest.approx(golden["picture"], abs=2e-3)
    assert sentence.tolist() == pytest.approx(golden["sentence"], abs=2e-3)


@pytest.mark.parametrize(("name", "colours"), [("mini-ViT", "clip"), ("mini-Lite0", "half")])
def test_the_shipped_mini_tells_the_view_of_strangers_hands_in_words(name, colours):
    net = backbone.build(name, "mini", last_stride=2)
    size, views = net.image_size, list(caption.CHOICES["view"])
    photographs = [
        synthetic.photograph(synthetic.person(77, subject), view, 0)[0]
        for subject in range(4)
        for view in synthetic.VIEWS
    ]
    pictures = [decode.fit(Image.fromarray(pixels), ("squash", size)) for pixels in photographs]
    with torch.inference_mode():
        images = augment.normalise(torch.from_numpy(np.stack(pictures)), colours)
        sentences = torch.nn.functional.normalize(net.encode_text(views), dim=1)
        answers = (net(images)["proj"] @ sentences.T).argmax(dim=1)
    assert (answers == torch.arange(4).repeat(4)).float().mean() >= 0.8


def test_the_nearest_word_to_a_words_own_vector_is_that_word(shipped_vit):
    net = shipped_vit
    numbers = backbone.tokenise(["ring nail"])[0, 1:3]
    vectors = 3 * net.clip.token_embedding.weight[numbers].detach()
    first, second = net.nearest_words(vectors, top=2)
    assert (first[0][0], second[0][0]) == ("ring", "nail")
    assert first[0][1] == pytest.approx(1) and first[1][1] < 1


def test_words_that_pre_training_never_met_are_nobodys_nearest(shipped_vit):
    net = shipped_vit
    unknown = backbone.tokenise(["xylophone"])[0, 1:2]
    vector = net.clip.token_embedding.weight[unknown].detach()
    ((word, cosine),) = net.nearest_words(vector, top=1)[0]
    assert "xyl" not in word and cosine < 0.999
