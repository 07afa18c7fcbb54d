"""CLIP-ReID for hands: first words for each identity, then an image encoder trained with them.

Stage 1 (the recipe's `encode_once`) learns a few words per identity against frozen encoders; stage
2 trains the image encoder with the texts fixed. CLIP-FH's second stage is the same with other heads
and losses, so this method covers it too.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from handid import given, loss
from handid.backbone import Backbone
from handid.method._head import IdentityHead, heads_by_name, level_names
from handid.method._prompts import cleaned, mean_text
from handid.method._reid import ReidMethod, rate_groups
from handid.recipes import Stage

LEVELS = ("early", "feat", "proj")
_CHOICES = {
    "similarity": ("cosine", "dot"),
    "text": ("learned", "constant"),
    "text_loss": ("cross_entropy", "contrastive"),
}


class ClipReID(ReidMethod):
    """Learned prompts and an image encoder under identity, triplet and image-to-text losses.

    Source: Li et al. 2023 (CLIP-ReID) and its public code (Syliz517/CLIP-ReID at eb1898b); CLIP-FH,
    sections 3.2.2 and 3.3.2.

    Args:
        backbone: a CLIP.
        n_identities: K classes, each with words of its own.
        prompts: texts with one {} for the learned words; several give the mean of their features.
        tokens: learned words per identity.
        temperature: of the similarity between image and text, > 0.
        similarity: "dot" or "cosine".
        text: "learned", or "constant" as a control: in stage 2 all identities have the same text.
        text_loss: of stage 2: "cross_entropy" of an image over all K texts, or "contrastive",
            symmetric within the batch.
        train_text: the text encoder learns too in stage 1, at the backbone's rate.
        levels: of "early", "feat", "proj": where the losses act; "early" has a triplet loss only
            and is not part of the embedding.
        label_smoothing: of the identity loss and of the image-to-text cross-entropy.
        unit: see IdentityHead, also for triplet_margin and tools; "early" takes only `unit` and
            `triplet_margin`.
        unfreeze_blocks: see ReidMethod, and so is lora_rank.
        add_text: the embedding is the mean of unit `proj` and the unit constant text, as in
            CLIP-FH's code; with text "constant" only, because any other text gives the identity
            away.

    Raises:
        ValueError: one sentence for an option that is unknown or out of range.
    """

    needs = "clip"
    backbone: Backbone

    def __init__(  # noqa: PLR0913 - one argument per hyper-parameter
        self,
        backbone: Backbone,
        n_identities: int,
        *,
        prompts: tuple[str, ...] = ("A photo of a {} hand.",),
        tokens: int = 4,
        temperature: float = 1.0,
        similarity: str = "dot",
        text: str = "learned",
        text_loss: str = "cross_entropy",
        train_text: bool = False,
        levels: tuple[str, ...] = LEVELS,
        label_smoothing: float = 0.1,
        unit: bool = False,
        triplet_margin: float | None = 0.3,
        unfreeze_blocks: int | None = None,
        lora_rank: int = 0,
        add_text: bool = False,
        **tools,
    ):
        super().__init__(backbone, unfreeze_blocks, lora_rank)
        _check(levels, add_text, similarity=similarity, text=text, text_loss=text_loss)
        _check_numbers(tokens, temperature)
        self.levels, self.add_text, self.prompts = tuple(levels), add_text, cleaned(prompts)
        self.temperature, self.similarity = temperature, similarity
        self.text, self.text_loss, self.train_text = text, text_loss, train_text
        self.label_smoothing, self.triplet_margin, self.unit = label_smoothing, triplet_margin, unit
        # N(0, 0.02^2), the initial distribution of CLIP's own words
        self.tokens = nn.Parameter(0.02 * torch.randn(n_identities, tokens, backbone.token_width))
        own = {"label_smoothing": label_smoothing, "triplet_margin": triplet_margin, "unit": unit}
        widths = [(level, backbone.dims[level]) for level in self.levels if level != "early"]
        self.heads = heads_by_name(
            {level: IdentityHead(width, n_identities, **own, **tools) for level, width in widths}
        )
        self.learns_words = False
        self._texts: Tensor | None = None
        for parameter in backbone.text_parameters() if train_text else []:
            parameter.requires_grad_(True)

    def train(self, mode: bool = True) -> "ClipReID":
        """As torch's; in stage 1 the backbone stays in evaluation mode."""
        super().train(mode)
        if self.learns_words:
            self.backbone.eval()
        return self

    def encode_words(self, words: Tensor) -> Tensor:
        """[N, tokens, token_width] -> [N, dims["proj"]] text features, mean over the prompts."""
        return mean_text(self.backbone, words, self.prompts)

    def texts(self) -> Tensor:
        """[K, dims["proj"]] text features of all identities, once per stage, without gradient."""
        if self._texts is None:
            # Validation runs in inference mode, and its tensors could not be trained with.
            with torch.inference_mode(False), torch.no_grad():
                constant = self.text == "constant"
                words = torch.zeros_like(self.tokens) if constant else self.tokens
                self._texts = torch.cat([self.encode_words(part) for part in words.split(64)])
        return self._texts

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Stage 1: `image_to_text`, `text_to_image`. Stage 2: also the levels' losses.

        Args:
            images: [B, 3, H, W], normalised; in stage 1 [B, dims["proj"]] features.
            labels: [B] identity numbers.
        """
        if self.learns_words:
            return self._contrast(images, self._own_texts(labels), labels)
        features = self.backbone.levels(images)
        parts = {}
        for level in self.levels:
            parts |= level_names(self._level_losses(level, features[level], labels), level)
        if self.text_loss == "contrastive":
            return parts | self._contrast(features["proj"], self.texts()[labels], labels)
        return parts | {"image_to_text": self._classify(features["proj"], labels)}

    def _own_texts(self, labels: Tensor) -> Tensor:
        """[B] -> [B, dims["proj"]] text features of each image's identity.

        On the CPU each identity of the batch is encoded once; a GPU would have to be asked how many
        there are, and encodes all of them or one per image, whichever is less.
        """
        if labels.is_cpu:
            people, rows = labels.unique(return_inverse=True)
            return self.encode_words(self.tokens[people])[rows]
        if len(self.tokens) <= len(labels):
            return self.encode_words(self.tokens)[labels]
        return self.encode_words(self.tokens[labels])

    def _level_losses(self, level: str, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        if level in self.heads:
            return self.heads[level].losses(features, labels)
        if self.triplet_margin is None:
            return {}
        if self.unit:
            features = functional.normalize(features.float(), dim=1)
        return {"triplet": loss.batch_hard_triplet(features, labels, self.triplet_margin)}

    def _contrast(self, image: Tensor, text: Tensor, labels: Tensor) -> dict[str, Tensor]:
        settings = (labels, self.temperature, self.similarity)
        return {
            "image_to_text": loss.supervised_contrastive(image, text, *settings),
            "text_to_image": loss.supervised_contrastive(text, image, *settings),
        }

    def _classify(self, image: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of images [B, dims["proj"]] over the texts of all identities."""
        with torch.autocast(image.device.type, enabled=False):
            image, texts = image.float(), self.texts().float()
            if self.similarity == "cosine":
                image = functional.normalize(image, dim=1)
                texts = functional.normalize(texts, dim=1)
            scores = image @ texts.T / self.temperature  # [B, K]
        return loss.label_smoothed_cross_entropy(scores, labels, self.label_smoothing)

    def spoken(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The words [B, tokens, token_width] and text features [B, D] of training identities.

        Args:
            images: not used: the words belong to an identity.
            labels: [B] identity numbers.
        """
        words = torch.zeros_like(self.tokens) if self.text == "constant" else self.tokens
        return words[labels], self.texts()[labels]

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, D]: those of `feat` and `proj` that `levels` names, before the necks.

        With `unit` both weigh the same; otherwise the longer one outweighs the other.
        """
        features = self.backbone(images)
        if not self.add_text:
            return torch.cat([head.scaled(features[k]) for k, head in self.heads.items()], dim=1)
        text = functional.normalize(self.texts()[:1].float(), dim=1)
        return (functional.normalize(features["proj"].float(), dim=1) + text) / 2

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """Stage 1: the words, and the text encoder if it learns. Stage 2: everything else.

        Args:
            stage: with `encode_once` it is stage 1.
        """
        self.learns_words, self._texts = stage.encode_once, None
        rates = stage.learning_rate
        if not self.learns_words:
            return rate_groups(self, rates, [self.tokens])
        text = self.backbone.text_parameters() if self.train_text else []
        return [{"params": [self.tokens], "lr": rates.new}, {"params": text, "lr": rates.backbone}]


def _check(levels: tuple[str, ...], add_text: bool, **choices: str) -> None:
    for name, value in choices.items():
        if value not in _CHOICES[name]:
            raise ValueError(
                f"Unknown {name} '{value}': choose one of {', '.join(_CHOICES[name])}."
            )
    are_known = isinstance(levels, list | tuple) and all(level in LEVELS for level in levels)
    if not are_known or not set(levels) - {"early"}:
        raise ValueError(
            f"levels are {given.shown(levels)}: choose of {', '.join(LEVELS)}, not early alone."
        )
    if add_text and (choices["text"], tuple(levels)) != ("constant", ("proj",)):
        raise ValueError("add_text needs text 'constant' and levels ['proj'].")


def _check_numbers(tokens: int, temperature: float) -> None:
    if not isinstance(tokens, int) or tokens < 1:
        raise ValueError(f"tokens is {tokens!r}: give a whole number from 1.")
    if not isinstance(temperature, int | float) or not temperature > 0:
        raise ValueError(f"temperature is {temperature!r}: give a number above 0.")
