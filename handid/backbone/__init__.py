"""Image encoders, with a text encoder where they have one, behind one face."""

from handid.backbone.clip import (
    ARCHITECTURES,
    PROMPT,
    SHIPPED_FOLDER,
    Backbone,
    architecture,
    build,
    save,
    shipped,
    tokenise,
    weights_file,
)

__all__ = [
    *("ARCHITECTURES", "PROMPT", "SHIPPED_FOLDER", "Backbone", "architecture", "build", "save"),
    *("shipped", "tokenise", "weights_file"),
]
