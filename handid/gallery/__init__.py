"""A gallery of embeddings on disk, of any size, and the most similar ones in it, by FAISS.

Up to a million are all compared; of more, a compressed index names some, and those are compared
with the embeddings themselves. Either way a similarity is the cosine, so that thresholds and
likelihood ratios hold for it. It knows nothing of people. No torch.
"""

from handid.gallery.build import compress, write
from handid.gallery.nearest import Gallery, Nearest

__all__ = ["Gallery", "Nearest", "compress", "write"]
