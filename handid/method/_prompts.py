"""Sentences with one place for learned words, and the mean of what several of them say."""

from collections.abc import Sequence

import torch
from torch import Tensor

from handid import given
from handid.backbone import Backbone


def cleaned(prompts: Sequence[str]) -> list[str]:
    """The prompts; a "{view}" that nobody filled in is left out.

    Raises:
        ValueError: one sentence, unless it is a list of texts with one {} each.
    """
    texts = isinstance(prompts, list | tuple) and all(isinstance(text, str) for text in prompts)
    if not texts or not prompts or any(text.count("{}") != 1 for text in prompts):
        raise ValueError(
            f"prompts is {given.shown(prompts)}: give a list of texts, each with one {{}}."
        )
    return [" ".join(text.replace("{view}", "").split()) for text in prompts]


def mean_text(backbone: Backbone, words: Tensor, prompts: Sequence[str]) -> Tensor:
    """Mean over the prompts of the text features of words put in their place, lengths as they come.

    Args:
        backbone: a CLIP.
        words: [N, token_width] or [N, T, token_width].
        prompts: texts with one {} each.

    Returns:
        [N, dims["proj"]], not normalised.
    """
    return torch.stack([backbone.encode_prompt(words, prompt) for prompt in prompts]).mean(0)
