"""People in any number: the same whoever is drawn beside them, and nobody of the other sets."""

import numpy as np
import pytest
from PIL import Image

from handid import data, synthetic
from handid.synthetic import crowd


def pixels(root):
    return {
        str(file.relative_to(root)): np.asarray(Image.open(file)) for file in root.glob("*/*.jpg")
    }


def test_a_person_is_the_same_whoever_is_drawn_beside(tmp_path):
    how = {"view": "palmar left", "size": 64, "workers": 1}
    both = pixels(synthetic.write_crowd(tmp_path / "both", {3: 2, 4: 1}, **how))
    one = pixels(synthetic.write_crowd(tmp_path / "one", {4: 1}, **how))
    assert sorted(both) == ["3/0.jpg", "3/1.jpg", "4/0.jpg"]
    assert (both["4/0.jpg"] == one["4/0.jpg"]).all()
    assert (both["3/0.jpg"] != both["3/1.jpg"]).any()
    person = synthetic.person(0, crowd.FIRST + 4)
    image, _ = synthetic.photograph(person, "palmar left", 0, size=64, seed=0, camera="11k")
    assert np.abs(image.astype(float) - one["4/0.jpg"]).mean() < 3  # JPEG


def test_a_crowd_is_a_folder_of_people_that_the_study_reads(tmp_path):
    root = synthetic.write_crowd(tmp_path / "c", {0: 2, 1: 1}, view="", size=64, workers=1)
    table = data.read(root)
    assert sorted(table["subject"]) == [0, 0, 1]


@pytest.mark.parametrize(("given", "word"), [({}, "nobody"), ({1: 0}, "0 photographs")])
def test_nobody_is_refused(given, word, tmp_path):
    with pytest.raises(ValueError, match=word):
        synthetic.write_crowd(tmp_path / "c", given, view="dorsal right")
