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

    class _Library:
        """A module that is imported when something of it is asked for.

        It stands not in sys.modules: what looks through all modules would run it half-way.
        """

        def __init__(self, name):
            self._name = name

        def __getattr__(self, attribute):
            return getattr(import_module(self._name), attribute)

    open_clip, timm, torchvision = map(_Library, ("open_clip", "timm", "torchvision"))

__all__ = ["open_clip", "timm", "torchvision"]
