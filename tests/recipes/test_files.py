"""A recipe's file that is none is refused in one sentence."""

import pytest

from handid import recipes
from handid.recipes import files

BAD_FILES = {
    "no mapping": b"[1, 2]",
    "empty": b"",
    "a number": b"3",
    "not UTF-8": b"title: \xff\xfe",
    "not YAML": b"title: [",
    "a value of no kind": b"a: !!int x",
    "a date that is none": b"a: 2001-99-99",
    "numbers for names": b"1: 2",
    "nested too deeply": b"a: " + b"[" * 2000,
    "no title": b"method: clip_ft",
    "controls that are a list": b"title: x\nmethod: clip_ft\ncontrols: []\n",
    "a control that changes nothing": b"title: x\nmethod: clip_ft\ncontrols: {a: null}\n",
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_recipe_is_refused_in_one_sentence(tmp_path, monkeypatch, content):
    (tmp_path / "bad.yaml").write_bytes(content)
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match="Recipe 'bad': ") as error:
        recipes.load("bad", "vit")
    assert "\n" not in str(error.value)
