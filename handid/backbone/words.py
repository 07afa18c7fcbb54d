"""Sentences and prompts become token numbers, vectors become words: each model's own vocabulary.

CLIP's comes with open_clip; others (SigLIP's) are fetched once, or stand beside a file of weights.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from handid.backbone import fetch
from handid.backbone.libraries import open_clip

PROMPT = "A photo of a {} hand"
_START = 49406  # CLIP's tokens from here on begin and end a text
_PLACEHOLDERS = ("x", "y")  # any two words that are one token each; their embeddings are replaced


def tokenise(texts: list[str], longest: int = 77) -> Tensor:
    """[N, L] CLIP's token numbers of sentences; L is the longest's, without further padding."""
    words = open_clip.tokenize(texts, context_length=longest)
    return words[:, : int(words.argmax(dim=1).max()) + 1]


def tokenise_prompt(prompt: str) -> tuple[Tensor, int]:
    """CLIP's token numbers of a prompt, and where its pseudo-token goes.

    Args:
        prompt: a text with one {}.

    Returns:
        [1, L] token numbers up to the end token, and the index of the placeholder.

    Raises:
        ValueError: if the text has no {} or several.
    """
    check_prompt(prompt)
    words = open_clip.tokenize([prompt.format(_PLACEHOLDERS[0])])
    start = open_clip.tokenize([prompt.split("{}")[0]])
    place = int(start.argmax())  # the end token has the largest number
    return words[:, : int(words.argmax()) + 1], place


def check_prompt(prompt: str) -> None:
    """Refuse a prompt without exactly one {}.

    Raises:
        ValueError: one sentence.
    """
    if prompt.count("{}") != 1:
        raise ValueError(f"The prompt '{prompt}' needs exactly one {{}} for the pseudo-token.")


class Vocabulary:
    """The tokens of one model of open_clip.

    Args:
        model: open_clip's name of the architecture; "" for CLIP's own tokens.
        text: its `text_cfg`.
        folder: of the file of weights, where a tokenizer may stand too; "" for none.
    """

    def __init__(self, model: str = "", text: dict[str, Any] | None = None, folder: str = ""):
        self.model, self.text, self.folder = model, text or {}, folder
        self.is_clips = not self.text.get("hf_tokenizer_name")
        self.length: int = self.text.get("context_length", 77)
        self._loaded: Any = None

    @property
    def tokeniser(self) -> Any:
        """open_clip's tokenizer of the model, fetched when it is first needed.

        Raises:
            ValueError: one sentence, if it can be neither found nor fetched.
        """
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def _load(self) -> Any:
        if self.is_clips:
            return open_clip.get_tokenizer(self.model) if self.model else open_clip.tokenize
        name = self.text["hf_tokenizer_name"]
        beside = Path(self.folder) / "tokenizer.json" if self.folder else None
        place = str(beside.parent) if beside and beside.is_file() else name
        how = {"context_length": self.length, "tokenizer_mode": self.text.get("tokenizer_mode")}
        how |= self.text.get("tokenizer_kwargs", {})
        try:
            with suppress(OSError):
                return open_clip.tokenizer.HFTokenizer(place, local_files_only=True, **how)
            fetch.check_reachable(fetch.HUB)
            return open_clip.tokenizer.HFTokenizer(place, **how)
        except (OSError, ValueError, ImportError) as error:
            raise ValueError(
                f"The tokenizer of {self.model} cannot be fetched ({fetch.first_line(error)}): put "
                f"{name}'s tokenizer.json beside a file of weights and give that with --weights."
            ) from None

    def numbers(self, texts: list[str], whole: bool = False) -> Tensor:
        """[N, L] token numbers of sentences.

        Args:
            texts: N sentences.
            whole: padded to the model's full length; otherwise to the longest sentence's.
        """
        if self.is_clips and not whole:
            return tokenise(texts, self.length)
        return self.tokeniser(texts)

    def prompt(self, prompt: str, whole: bool = False) -> tuple[Tensor, int]:
        """[1, L] token numbers of a prompt, and the place of its {}, see `tokenise_prompt`.

        Raises:
            ValueError: if the text has no {} or several, or no single token stands there.
        """
        if self.is_clips and not whole:
            return tokenise_prompt(prompt)
        check_prompt(prompt)
        one, two = (self.tokeniser([prompt.format(word)]) for word in _PLACEHOLDERS)
        places = (one != two).nonzero()[:, 1].tolist()
        if len(places) != 1:
            raise ValueError(
                f"The tokens of {self.model} leave no single place for the prompt's {{}}."
            )
        return one, places[0]

    def nearest(self, vectors: Tensor, table: Tensor, top: int) -> list[list[tuple[str, float]]]:
        """The vocabulary's words nearest to vectors in the space of word embeddings.

        Words that pre-training never met share one embedding (see mini.save) and are left out.

        Args:
            vectors: [N, W].
            table: [V, W] embeddings of the vocabulary.
            top: how many words per vector.

        Returns:
            For each vector (word, cosine), nearest first.
        """
        _, copies, counts = table.unique(dim=0, return_inverse=True, return_counts=True)
        learned = (counts[copies] == 1).nonzero().flatten()
        if self.is_clips:
            learned = learned[learned < _START]
        unit, rows = (functional.normalize(x.float(), dim=1) for x in (vectors, table[learned]))
        cosines, best = (unit @ rows.T).topk(top, dim=1)
        return [
            [
                (self._word(int(learned[i])), float(cosine))
                for i, cosine in zip(row, values, strict=True)
            ]
            for row, values in zip(best.tolist(), cosines.tolist(), strict=True)
        ]

    def _word(self, number: int) -> str:
        if self.is_clips:
            return open_clip.tokenizer.decode(torch.tensor([number])).strip()
        return self.tokeniser.tokenizer.decode([number]).strip()
