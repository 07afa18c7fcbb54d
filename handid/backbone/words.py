"""Sentences and prompts become CLIP's token numbers, and vectors become words. No network."""

import open_clip
from torch import Tensor
from torch.nn import functional

PROMPT = "A photo of a {} hand"
_START = 49406  # the vocabulary's tokens from here on begin and end a text
_PLACEHOLDER = "x"  # any word that is one token; its embedding is always replaced


def tokenise(texts: list[str]) -> Tensor:
    """[N, L] token numbers of sentences; L is the longest sentence's, without further padding."""
    words = open_clip.tokenize(texts)
    return words[:, : int(words.argmax(dim=1).max()) + 1]


def tokenise_prompt(prompt: str) -> tuple[Tensor, int]:
    """Token numbers of a prompt, and where its pseudo-token goes.

    Args:
        prompt: a text with one {}.

    Returns:
        [1, L] token numbers up to the end token, and the index of the placeholder.

    Raises:
        ValueError: if the text has no {} or several.
    """
    if prompt.count("{}") != 1:
        raise ValueError(f"The prompt '{prompt}' needs exactly one {{}} for the pseudo-token.")
    words = open_clip.tokenize([prompt.format(_PLACEHOLDER)])
    start = open_clip.tokenize([prompt.split("{}")[0]])
    place = int(start.argmax())  # the end token has the largest number
    return words[:, : int(words.argmax()) + 1], place


def nearest(vectors: Tensor, table: Tensor, top: int) -> list[list[tuple[str, float]]]:
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
    learned = learned[learned < _START]
    unit, rows = (functional.normalize(x.float(), dim=1) for x in (vectors, table[learned]))
    cosines, best = (unit @ rows.T).topk(top, dim=1)
    return [
        [
            (open_clip.tokenizer.decode(learned[i : i + 1]).strip(), float(cosine))
            for i, cosine in zip(row, values, strict=True)
        ]
        for row, values in zip(best.tolist(), cosines.tolist(), strict=True)
    ]
