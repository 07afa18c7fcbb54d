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
    from importlib import import_module

    import lazy_loader

    class _AfterOpenClip:
        """timm, whose import looks into every module there is, and so runs open_clip's half-way.

        open_clip would then take timm for missing: it comes first, and imports timm itself.
        """

        def __getattr__(self, name):
            _ = open_clip.CLIP
            return getattr(import_module("timm"), name)

    open_clip = lazy_loader.load("open_clip")
    timm = _AfterOpenClip()
    torchvision = lazy_loader.load("torchvision")

__all__ = ["open_clip", "timm", "torchvision"]
