"""Drawn people in blocks: each made once, made anew when damaged, the same whoever makes it."""

import numpy as np
import pytest

from handid.study import crowd, network


@pytest.fixture(scope="module")
def embedder(lab, zero_shot):
    return network.Embedder(zero_shot, lab.photographs, lab.engine)


def test_a_crowd_is_cut_into_blocks_whose_first_people_ask():
    blocks = crowd.blocks(250, 120, 3)
    assert [tuple(one) for one in blocks] == [(0, 100, 100, 3), (100, 100, 20, 3), (200, 50, 0, 0)]
    assert blocks[2].name == "200-50" and blocks[1].name == "100-100-20x3"
    assert blocks[1].counts[119] == 4 and blocks[1].counts[120] == 1


def test_a_block_is_made_once_and_again_when_damaged(embedder, monkeypatch):
    block = crowd.Block(5000, 3, 1, 2)
    assert crowd.read(embedder, block) is None
    made = crowd.kept(embedder, block)
    assert made.gallery.shape[0] == 3 and made.queries.shape[0] == 2
    assert made.numbers.tolist() == [5000, 5001, 5002] and made.asked.tolist() == [5000, 5000]
    file = crowd._file(embedder, block)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert crowd.read(embedder, block) is None
    again = crowd.kept(embedder, block)
    assert (again.gallery == made.gallery).all()
    monkeypatch.setattr(network.Embedder, "fresh", None)  # nothing is embedded a third time
    assert (crowd.kept(embedder, block).queries == made.queries).all()


def test_a_person_is_embedded_alike_in_any_block(embedder):
    alone = crowd.kept(embedder, crowd.Block(5001, 1, 0, 0))
    beside = crowd.kept(embedder, crowd.Block(5000, 3, 1, 2))
    assert np.allclose(alone.gallery[0], beside.gallery[1], atol=1e-5)
