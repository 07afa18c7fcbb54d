"""Images become embeddings in their order, each image once per model, whatever it is called."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from handid import embed
from handid.image import cache


class Toy(nn.Module):
    """A linear encoder with a batch-norm neck that counts the images it is shown."""

    def __init__(self, seed=0, side=4, width=5):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(3 * side * side, width, generator=generator))
        self.neck = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.5)
        self.seen = 0

    def embed(self, images):
        self.seen += len(images)
        return self.drop(self.neck(images.flatten(1) @ self.weight))


class Other(Toy):
    """The same weights under another class."""


def prepare(batch):
    return batch.permute(0, 3, 1, 2).float() / 255


def one_by_one(network, images, flip_average):
    """The slow oracle: a loop over images and pixels' columns."""
    network.eval()
    embeddings = []
    for picture in images:
        x = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            vector = network.embed(x)[0]
            if flip_average:
                columns = [x[..., c] for c in reversed(range(x.shape[-1]))]
                vector = vector + network.embed(torch.stack(columns, dim=-1))[0]
        embeddings.append(vector.numpy())
    return np.stack(embeddings)


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (7, 4, 4, 3), dtype=np.uint8)


# --- embeddings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("flip_average", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_embeddings_are_those_of_a_plain_loop_in_the_order_of_the_images(
    images, flip_average, batch_size
):
    network = Toy()
    how = {"flip_average": flip_average, "batch_size": batch_size}
    embeddings = embed.embed(network, images, prepare, **how)
    assert embeddings.shape == (7, 5) and embeddings.dtype == np.float32
    assert np.allclose(embeddings, one_by_one(Toy(), images, flip_average), atol=1e-5)
    assert network.seen == 7 * (1 + flip_average)


def test_flip_averaging_adds_the_embedding_of_the_mirror_image(images):
    plain, mirrored = (
        embed.embed(Toy(), some, prepare, flip_average=False)
        for some in (images, np.ascontiguousarray(images[:, :, ::-1]))
    )
    both = embed.embed(Toy(), images, prepare, flip_average=True)
    assert np.allclose(both, plain + mirrored, atol=1e-5)
    assert np.abs(both - plain).max() > 0.1


def test_a_batch_never_changes_the_model_nor_an_image_its_neighbours(images):
    network = Toy().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    whole = embed.embed(network, images, prepare, flip_average=True)
    part = embed.embed(network, images[2:4], prepare, flip_average=True)
    assert np.allclose(whole[2:4], part, atol=1e-6)
    assert all(torch.equal(network.state_dict()[name], before[name]) for name in before)


def test_the_forward_pass_runs_in_the_given_context_and_gives_single_precision(images):
    def half():
        return torch.autocast("cpu", torch.bfloat16)

    exact = embed.embed(Toy(), images, prepare, flip_average=False)
    rough = embed.embed(Toy(), images, prepare, flip_average=False, autocast=half)
    assert rough.dtype == np.float32
    assert 1e-4 < np.abs(rough - exact).max() < 0.1


# --- once ---------------------------------------------------------------------------------------


def counted(network, images, folder, salt="s", **how):
    """(embeddings, images that this call showed to the network)."""
    before = network.seen
    settings = {"folder": folder, "salt": salt, "flip_average": False, **how}
    embeddings = embed.embed_once(network, images, prepare, **settings)
    return embeddings, network.seen - before


def test_the_cache_gives_what_computing_gives(images, tmp_path):
    expected = embed.embed(Toy(), images, prepare, flip_average=True, batch_size=3)
    for _ in range(2):
        embeddings, _ = counted(Toy(), images, tmp_path, flip_average=True, batch_size=3)
        assert np.array_equal(embeddings, expected)


def test_each_image_is_embedded_once_per_model(images, tmp_path):
    network = Toy()
    assert counted(network, images[:6], tmp_path)[1] == 6
    assert counted(network, images[:6], tmp_path)[1] == 0
    embeddings, computed = counted(network, images, tmp_path)
    assert computed == 1
    assert np.allclose(embeddings, one_by_one(Toy(), images, False), atol=1e-5)
    assert counted(Toy(), images, tmp_path)[1] == 0  # another process with the same weights
    assert len([*tmp_path.iterdir()]) == 2  # what was there is not written again


def test_what_another_process_embeds_meanwhile_is_known_afterwards(images, tmp_path, monkeypatch):
    counted(Toy(), images[:4], tmp_path)
    (file,) = tmp_path.iterdir()
    away, plain = tmp_path / "away", embed.embed
    file.rename(away)
    monkeypatch.setattr(embed, "_RECENT", {})  # as the second process has it

    def meanwhile(*given, **how):
        away.rename(file)
        return plain(*given, **how)

    with monkeypatch.context() as patch:
        patch.setattr(embed, "embed", meanwhile)
        assert counted(Toy(), images[4:], tmp_path)[1] == 3
    assert counted(Toy(), images, tmp_path)[1] == 0


def test_a_cache_is_read_again_only_where_another_wrote_it(images, tmp_path, monkeypatch):
    reads, read = [], embed._rows
    monkeypatch.setattr(embed, "_rows", lambda file: reads.append(file) or read(file))
    for some in (images[:3], images[:5], images[2:5]):
        counted(Toy(), some, tmp_path)
    assert reads == []
    file, _ = sorted(tmp_path.iterdir())
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)
    assert counted(Toy(), images[:5], tmp_path)[1] == 0
    assert reads == [file]


def test_the_order_of_a_call_is_kept_whatever_the_order_in_the_cache(images, tmp_path):
    network, order = Toy(), [3, 0, 6, 2]
    counted(network, images, tmp_path)
    embeddings, computed = counted(network, images[order], tmp_path)
    assert computed == 0
    assert np.allclose(embeddings, one_by_one(Toy(), images[order], False), atol=1e-5)


def test_duplicates_in_one_call_are_embedded_once_and_all_answered(images, tmp_path):
    order = [0, 1, 0, 2, 1, 0]
    embeddings, computed = counted(Toy(), images[order], tmp_path)
    assert computed == 3
    assert np.allclose(embeddings, one_by_one(Toy(), images[order], False), atol=1e-5)


def test_the_same_pixels_under_another_name_are_known(images, tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(images[0]).resize((8, 8)).save(tmp_path / name)
    network, seen = Toy(), []
    for name in ("a.png", "b.png"):
        pixels = cache.pixels([str(tmp_path / name)], tmp_path / "c", ("squash", 4), progress=False)
        seen.append(counted(network, pixels, tmp_path / "e")[1])
    assert seen == [1, 0]


def test_one_changed_pixel_under_the_same_name_is_another_image(images, tmp_path):
    network = Toy()
    counted(network, images, tmp_path)
    images[2, 1, 1, 0] ^= 1
    assert counted(network, images, tmp_path)[1] == 1


def with_changed_weight(network):
    network.weight.data[0, 0] += 1e-6
    return network


def with_changed_statistics(network):
    network.neck.running_mean[0] += 1e-3
    return network


def with_another_class(network):
    other = Other()
    other.load_state_dict(network.state_dict())
    return other


@pytest.mark.parametrize(
    "change", [with_changed_weight, with_changed_statistics, with_another_class]
)
def test_a_changed_model_has_a_cache_of_its_own(images, tmp_path, change):
    network = Toy()
    counted(network, images, tmp_path)
    changed = change(network)
    assert counted(changed, images, tmp_path)[1] == 7
    assert counted(Toy(), images, tmp_path)[1] == 0


@pytest.mark.parametrize("how", [{"salt": "t"}, {"flip_average": True}])
def test_another_preprocessing_has_a_cache_of_its_own(images, tmp_path, how):
    network = Toy()
    counted(network, images, tmp_path)
    assert counted(network, images, tmp_path, **how)[1] == 7 * (1 + how.get("flip_average", 0))
    assert counted(network, images, tmp_path)[1] == 0


def test_a_killed_write_leaves_no_half_file_and_the_next_call_goes_on(
    images, tmp_path, monkeypatch
):
    def killed(tensors, path, metadata):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    network = Toy()
    counted(network, images[:4], tmp_path)
    (old,) = tmp_path.iterdir()
    content = old.read_bytes()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(embed, "save_file", killed)
        counted(network, images, tmp_path)
    assert [*tmp_path.iterdir()] == [old]
    assert old.read_bytes() == content
    assert counted(network, images, tmp_path)[1] == 3
    assert counted(network, images, tmp_path)[1] == 0


def test_a_killed_first_write_leaves_nothing(images, tmp_path, monkeypatch):
    def killed(tensors, path, metadata):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(embed, "save_file", killed)
    with pytest.raises(KeyboardInterrupt):
        counted(Toy(), images, tmp_path)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("how", ["cut", "empty", "noise", "one bit", "another model's"])
def test_a_damaged_cache_is_set_aside_and_made_anew(images, tmp_path, how):
    other = Toy()
    other.weight.data += 1.0
    expected, _ = counted(Toy(), images, tmp_path)
    (file,) = tmp_path.iterdir()
    counted(other, images, tmp_path)
    (foreign,) = set(tmp_path.iterdir()) - {file}
    content = file.read_bytes()
    spoilt = {
        "cut": content[:-5],
        "empty": b"",
        "noise": bytes(reversed(content)),
        "one bit": content[:-5] + bytes([content[-5] ^ 64]) + content[-4:],
        "another model's": foreign.read_bytes(),
    }
    file.write_bytes(spoilt[how])
    embeddings, computed = counted(Toy(), images, tmp_path)
    assert computed == 7 and np.array_equal(embeddings, expected)
    assert file.read_bytes() == content
    assert file.with_name(f"{file.name}.damaged").read_bytes() == spoilt[how]


def test_the_fingerprint_reads_the_content_and_not_the_device_or_the_layout():
    a, b = Toy(), Toy()
    b.weight.data = b.weight.data.T.contiguous().T  # the same numbers, laid out by columns
    assert not b.weight.is_contiguous()
    assert embed.fingerprint(a, "s") == embed.fingerprint(b, "s")
    assert embed.fingerprint(a, "s") != embed.fingerprint(a, "t")
