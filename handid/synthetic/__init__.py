"""Synthetic hands: the embedded data set, laid out on disk exactly as 11k Hands and PolyU HD are.

A person is a set of numbers (bones, breadths, creases, veins, moles); a photograph adds what does
not belong to the person: pose, place, light, camera. This is not a model of real people, and no
evidence about them: results on these hands show that a study runs, not how well a method
identifies anyone.

How a hand is drawn: `person` draws the numbers of a person, `scene` those of a photograph; `form`
poses the bones and unites capsules along them into a signed distance and a height; `skin` lays what
belongs to the skin (`strokes` and more) on an atlas of `charts`, one for the palm and one for each
digit, which move with the bones; `light` turns heights into normals and normals into light;
`photograph` adds background and camera; `facts` says what is seen, `caption` puts it into
sentences, `folder` writes whole data sets, `crowd` people in any number. No torch.
"""

from collections.abc import Mapping

from handid import given
from handid.synthetic.crowd import write_crowd as _write_crowd
from handid.synthetic.facts import mirrored
from handid.synthetic.folder import write_11k as _write_11k
from handid.synthetic.folder import write_hd as _write_hd
from handid.synthetic.person import VIEWS, person
from handid.synthetic.photograph import mask, photograph

# Here and not there: what is drawn has the code of its file in its key.
_refusing = given.guarded(
    {
        str: "a text",
        int: "a whole number",
        Mapping: "a mapping of people's numbers to how many photographs",
    }
)
write_11k, write_hd = _refusing(_write_11k), _refusing(_write_hd)
write_crowd = _refusing(_write_crowd)

__all__ = [
    "VIEWS",
    "mask",
    "mirrored",
    "person",
    "photograph",
    "write_11k",
    "write_crowd",
    "write_hd",
]
