"""What the tests of the study share: one tiny drawn study, and what is trained in it once."""

from itertools import product

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from handid import backbone
from handid.image import decode
from handid.study import Study, hands, pretrain, training
from handid.study.compare import Part

PLAIN = {"people": 4, "images_per_view": 3, "runs": 2, "device": "cpu", "weights": "random"}
TARGET, ONE_EPOCH = "11k dorsal right", {"epochs": 1}


@pytest.fixture(scope="session")
def open_study():
    """Open a tiny study with random weights: open_study(work, **parameters)."""

    def opened(work, **parameters):
        return Study(work=str(work), **(PLAIN | parameters))

    return opened


@pytest.fixture(scope="session")
def lab(open_study, tmp_path_factory):
    """Four drawn people: two train, two test. Nobody changes it; its folder is shared."""
    return open_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def hd(lab):
    """The same study on a drawn HD of four people, with two who are only in the gallery."""
    return lab.having(data={"HD": "synthetic"}, targets=["HD"], images_per_view=2)


@pytest.fixture
def make_folders(tmp_path):
    """Write a folder per person of noise: make_folders({view: (people, images)}) -> the folder."""

    def write(views):
        noise = np.random.default_rng(0)
        for view, (people, images) in views.items():
            for person, image in product(range(people), range(images)):
                file = tmp_path / "mine" / f"p{person + 1}" / view / f"{view}{person}{image}.jpg"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(noise.integers(0, 256, (48, 64, 3)).astype(np.uint8)).save(file)
        return tmp_path / "mine"

    return write


@pytest.fixture
def own(open_study, tmp_path):
    """A study of a folder under the name "mine": own(folder, **parameters)."""

    def opened(root, **parameters):
        given = {"data": {"mine": str(root)}, "targets": ["mine"]}
        return open_study(tmp_path / "work", **given | parameters)

    return opened


@pytest.fixture(scope="session")
def weighted(lab, tmp_path_factory):
    """The same study with weights of its own: another draw, in a file."""
    file = tmp_path_factory.mktemp("weights") / "own.safetensors"
    save_file(backbone.build("mini-ViT", seed=1).clip.state_dict(), file)
    return lab.having(weights=str(file))


@pytest.fixture(scope="session")
def tuned(lab):
    """CLIP-FT after one epoch."""
    return lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH)


@pytest.fixture(scope="session")
def zero_shot(lab):
    """CLIP as it is, with random weights."""
    return lab.experiment("clip_zero_shot", "mini-ViT", TARGET)


@pytest.fixture(scope="session")
def tuned_score(lab, tuned):
    """What CLIP-FT reached."""
    return lab.score(tuned)


@pytest.fixture(scope="session")
def zero_shot_score(lab, zero_shot):
    """What CLIP as it is reached."""
    return lab.score(zero_shot)


@pytest.fixture
def no_training(monkeypatch):
    """Experiments get their folders, and nothing is trained."""
    monkeypatch.setattr(training, "train_experiment", lambda *given: None)


@pytest.fixture(scope="session")
def squares():
    """Pictures of files as [N, 128, 128, 3] uint8, straight from them: squares(paths, kind)."""

    def decoded(paths, kind="squash"):
        return np.stack([decode.fit(decode.decode(path), (kind, 128)) for path in paths])

    return decoded


@pytest.fixture
def part():
    """Made-up photographs: part(rng, people, images of each, in so many bursts, noise)."""

    def make(rng, people, images, bursts=1, noise=0.75):
        who = np.repeat(np.arange(people), images)
        centres = np.random.default_rng(5).standard_normal((people, 16))
        vectors = centres[who] + noise * rng.standard_normal((len(who), 16))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return Part(vectors, who, np.tile(np.arange(images) % bursts, people))

    return make


class InProcess:
    """In the place of a pool of processes, which would not see what a test changed."""

    def __init__(self, workers, mp_context):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def submit(self, job, *arguments):
        job(*arguments)
        return self

    def result(self):
        return None


@pytest.fixture(scope="module")
def few_hands():
    """Two people per shard of hands to pre-train on, drawn in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for place in (hands, pretrain):
            patch.setattr(place, "SHARD_PEOPLE", 2)
        patch.setattr(hands, "ProcessPoolExecutor", InProcess)
        yield
