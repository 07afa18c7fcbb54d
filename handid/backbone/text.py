"""The text encoder of a CLIP: sentences, and sentences with vectors in the place of a word.

Where the encoder reads from left to right only a sentence's own tokens are computed; any other one
is run as open_clip runs it. No image is seen here.
"""

from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor, nn

from handid.backbone.libraries import open_clip
from handid.backbone.words import Vocabulary


class TextTower:
    """A CLIP's text encoder, whichever of open_clip's it is.

    Args:
        clip: open_clip's model.
        vocabulary: its tokens.
        name: of the backbone, for refusals.

    Attributes:
        token_width: width of a word embedding; 0 for an encoder of Hugging Face's, in whose
            sentences no vector can stand.
    """

    def __init__(self, clip: nn.Module, vocabulary: Vocabulary, name: str):
        self.clip, self.vocabulary, self.name = cast(Any, clip), vocabulary, name
        self.part = self.clip if isinstance(clip, open_clip.CLIP) else self.clip.text
        # torch.compile would look through the caches and read the prompt anew in each step. Not at
        # the import of this file: it loads the compiler, as the libraries of networks do.
        self._numbers = cast(Any, torch.compiler.disable(_numbers))
        self._prompt = cast(Any, torch.compiler.disable(_prompt))
        own = hasattr(self.part, "token_embedding")
        self.token_width = self.part.token_embedding.embedding_dim if own else 0
        pooling = getattr(self.part, "text_pool_type", getattr(self.part, "pool_type", ""))
        causal = getattr(self.part, "attn_mask", None) is not None
        with_class = getattr(self.part, "cls_emb", None) is not None
        self.reads_on = own and causal and pooling == "argmax" and not with_class

    def parameters_that_learn(self) -> list[nn.Parameter]:
        """All but the table of words and the temperature."""
        clip = self.clip
        left_out = [clip.logit_scale, getattr(clip, "logit_bias", None)]
        left_out += [self.part.token_embedding.weight] if self.token_width else []
        out = {id(parameter) for parameter in [*clip.visual.parameters(), *left_out]}
        return [parameter for parameter in clip.parameters() if id(parameter) not in out]

    def table(self) -> Tensor:
        """[V, token_width] embeddings of the vocabulary.

        Raises:
            ValueError: one sentence, for an encoder that takes no vectors for words.
        """
        if not self.token_width:
            raise ValueError(
                f"{self.name} reads text with an encoder of Hugging Face's, which takes no learned "
                "vector for a word: choose a method without text, or another backbone."
            )
        return self.part.token_embedding.weight

    def check(self) -> None:
        """Refuse a text encoder that no method can use: no words of its own, or no tokenizer here.

        Raises:
            ValueError: one sentence.
        """
        self.table()
        _ = self.vocabulary.tokeniser

    def sentences(self, texts: list[str]) -> Tensor:
        """[N, D] features of plain sentences, not normalised."""
        device = self.clip.logit_scale.device
        return self.words(self._numbers(self.vocabulary, tuple(texts), not self.reads_on, device))

    def words(self, numbers: Tensor) -> Tensor:
        """[N, L] token numbers, ended and padded as the vocabulary does -> [N, D]."""
        if not self.reads_on:
            return self.clip.encode_text(numbers)
        return self._read(self.part.token_embedding(numbers), numbers.argmax(dim=1))

    def prompt(self, vectors: Tensor, prompt: str) -> Tensor:
        """[B, T, token_width] vectors in the place of the prompt's {} -> [B, D].

        Raises:
            ValueError: if the prompt has no {} or several, or does not fit with the vectors.
        """
        table, count = self.table(), vectors.shape[1]
        numbers, place = self._prompt(self.vocabulary, prompt, not self.reads_on, table.device)
        embedded = self.part.token_embedding(numbers).expand(len(vectors), -1, -1)
        before, after = embedded[:, :place], embedded[:, place + 1 :]
        x = torch.cat([before, vectors.to(before.dtype), after], dim=1)
        if self.reads_on:  # the end token is the last one
            return self._read(x, torch.full((len(x),), x.shape[1] - 1, device=x.device))
        length = numbers.shape[1]  # padded: what the vectors take, the padding gives
        same = numbers[:, place : place + 1].expand(-1, count - 1)
        numbers = torch.cat([numbers[:, :place], same, numbers[:, place:]], dim=1)[:, :length]
        return self._with_words(x[:, :length], numbers.expand(len(x), -1))

    def _read(self, x: Tensor, last: Tensor) -> Tensor:
        """[N, L, W] embedded tokens through a causal encoder; the feature stands at `last`."""
        part, length = self.part, x.shape[1]
        x = x + part.positional_embedding[:length]
        x = part.transformer(x, attn_mask=part.attn_mask[:length, :length])
        x = part.ln_final(x[torch.arange(len(x), device=x.device), last])
        projection = part.text_projection
        return projection(x) if isinstance(projection, nn.Module) else x @ projection

    def _with_words(self, embedded: Tensor, numbers: Tensor) -> Tensor:
        """open_clip's own encoder, whose table of words gives these embeddings."""
        handle = self.part.token_embedding.register_forward_hook(
            lambda module, inputs, output: embedded
        )
        try:
            return self.clip.encode_text(numbers)
        finally:
            handle.remove()


# --- tokens on their device, sent there once: a copy in each step makes the CPU wait for a GPU ----


@lru_cache(maxsize=64)
def _numbers(
    vocabulary: Vocabulary, texts: tuple[str, ...], whole: bool, device: torch.device
) -> Tensor:
    with torch.inference_mode(False):
        return vocabulary.numbers(list(texts), whole).to(device)


@lru_cache(maxsize=64)
def _prompt(
    vocabulary: Vocabulary, prompt: str, whole: bool, device: torch.device
) -> tuple[Tensor, int]:
    with torch.inference_mode(False):
        numbers, place = vocabulary.prompt(prompt, whole)
        return numbers.to(device), place
