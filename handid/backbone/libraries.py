"""The libraries of networks, imported when the first network is built: they take four seconds.

Reading a table, checking a parameter and drawing a figure need none of them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import open_clip
    import open_clip.coca_model
    import open_clip.convert
    import open_clip.modified_resnet
    import open_clip.timm_model
    import timm
    import torchvision
else:
    import lazy_loader

    open_clip = lazy_loader.load("open_clip")
    timm = lazy_loader.load("timm")
    torchvision = lazy_loader.load("torchvision")

__all__ = ["open_clip", "timm", "torchvision"]
