"""CLIP's own pre-training: match each image with its caption among those of the batch.

Few images teach more if the loss also asks about every single fact: which of five sentences about
the thumb is true? Asked in words, that is the same loss against sentences that differ in one word.
But the text encoder also starts from random weights, and sentences that look alike to it teach the
image encoder little. So a linear head, which is not kept, asks the same without words; in a stage
named "facts" it is the only one that asks, and no text is read.

A vision transformer learns shape and texture from few images slowly, a convolutional network fast
(Touvron et al. 2021 distil the one into the other). So there may be a teacher: a pre-trained
encoder, whose similarities between images the network learns to reproduce.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from handid import loss
from handid.backbone import Backbone, ImageEncoder
from handid.method import Method
from handid.recipes import Stage

_SHARPEST = math.log(100)  # logit scales beyond 100 make training unstable (Radford et al., 2.5)


class ClipPretrain(Method):
    """Both encoders and the temperature, trained with the symmetric contrastive loss.

    Source of the first two losses: Radford et al. 2021, Learning Transferable Visual Models From
    Natural Language Supervision, section 2.3 and figure 3. The others are ours.

    Args:
        backbone: a CLIP; its whole text encoder trains, which no other method does.
        n_identities: not used: there are no classes.
        choices: C lists of token numbers [n, L], two or more or none: sentences of which one is
            true of an image. The first list, about what is easiest to see, weighs as much as all
            others together.
        teacher: a frozen backbone of the same image size to learn from, or None.
        locked: the image encoder stays as it is, and `losses` takes its projected features instead
            of images (Zhai et al. 2022, LiT). Then nothing is asked without words, and no teacher.
        choice_scale: the logit scale of a stage named "choices"; 0 for the learned one, which ends
            at 100. Features that lie close together are told apart by long weights only.
    """

    needs = "clip"
    words: Tensor

    def __init__(
        self,
        backbone: Backbone,
        n_identities: int,
        *,
        choices: Sequence[Tensor] = (),
        teacher: ImageEncoder | None = None,
        locked: bool = False,
        choice_scale: float = 0.0,
    ):
        super().__init__()
        self.backbone = backbone
        self.sizes = [len(sentences) for sentences in choices]
        longest = max((sentences.shape[1] for sentences in choices), default=0)
        padded = [
            functional.pad(sentences, (0, longest - sentences.shape[1])) for sentences in choices
        ]
        words = torch.cat(padded) if padded else torch.empty(0, 0, dtype=torch.long)
        self.register_buffer("words", words, persistent=False)
        self.reads, self.captions, self.locked = True, True, locked
        self.choice_scale = choice_scale
        width, asks = backbone.dims["proj"], self.sizes and not locked
        self.head = nn.Linear(width, sum(self.sizes)) if asks else nn.Identity()
        for parameter in backbone.parameters():
            parameter.requires_grad_(True)
        for parameter in backbone.image_parameters() if locked else ():
            parameter.requires_grad_(False)
        # In a list, so that the teacher's weights are not among this module's parameters.
        self._teacher = [teacher.requires_grad_(False).eval()] if teacher else []

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The contrastive pair, `choice` and `fact`, and with a teacher `likeness`.

        `image_to_text` and `text_to_image` are means over the batch, `choice` and `fact` over each
        fact, `likeness` over pairs of images. In a stage named "facts", only `fact` and `likeness`;
        with a locked image encoder neither of these. In one named "choices" no caption is read.

        Args:
            images: [B, 3, H, W], normalised; [B, dims["proj"]] features if locked.
            labels: [B, C + L]: the true sentence of each choice, -1 for none, then the tokens of
                the caption.
        """
        true, words = labels[:, : len(self.sizes)], labels[:, len(self.sizes) :]
        if self.locked:
            return self._in_words(images, true, words)
        features = self.backbone(images)["proj"]
        scaled = functional.normalize(features.float(), dim=1) * features.shape[1] ** 0.5
        losses = {"fact": self._answers(self.head(scaled), true)} if self.sizes else {}
        for teacher in self._teacher:
            with torch.no_grad():
                wanted = teacher(images)["feat"]
            losses["likeness"] = loss.likeness(features, wanted)
        return losses | self._in_words(features, true, words) if self.reads else losses

    def _in_words(self, features: Tensor, true: Tensor, words: Tensor) -> dict[str, Tensor]:
        """Captions against images, and the facts asked in words."""
        temperature = torch.exp(-self.backbone.clip.logit_scale.clamp(max=_SHARPEST))
        losses = self._captions(features, words, temperature) if self.captions else {}
        if self.sizes:
            asked = functional.normalize(self.backbone.encode_words(self.words).float(), dim=1)
            own = self.choice_scale if not self.captions else 0.0
            scores = functional.normalize(features.float(), dim=1) @ asked.T
            scores = scores * own if own else scores / temperature
            losses["choice"] = self._answers(scores, true)
        return losses

    def _captions(self, features: Tensor, words: Tensor, temperature: Tensor) -> dict[str, Tensor]:
        sentences = self.backbone.encode_words(words)
        pairs = torch.arange(len(features), device=features.device), temperature
        return {
            "image_to_text": loss.supervised_contrastive(features, sentences, *pairs) / 2,
            "text_to_image": loss.supervised_contrastive(sentences, features, *pairs) / 2,
        }

    def _answers(self, scores: Tensor, true: Tensor) -> Tensor:
        """Cross-entropy between the sentences of the first fact, plus the mean of the others'."""
        parts = [
            functional.cross_entropy(part.float(), answer, ignore_index=-1, reduction="sum")
            / (answer >= 0).sum().clamp(min=1)
            for part, answer in zip(scores.split(self.sizes, dim=1), true.T, strict=True)
        ]
        return parts[0] + torch.stack(parts[1:]).mean()

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, dims["proj"]]."""
        return self.backbone(images)["proj"]

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """Image encoder and the rest, each at its rate; only matrices decay (CLIP, section 2.5).

        Matrices inside transformer blocks are marked: Muon treats them differently.
        """
        self.reads, self.captions = stage.name != "facts", stage.name != "choices"
        image = {id(parameter) for parameter in self.backbone.image_parameters()}
        rates, groups = stage.learning_rate, {}
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad:
                continue
            decays = parameter.ndim > 1
            kind = id(parameter) in image, decays, decays and ".resblocks." in name
            groups.setdefault(kind, []).append(parameter)
        return [
            {"params": parameters, "lr": rates.backbone if inside else rates.new, "matrix": matrix}
            | ({} if decays else {"weight_decay": 0.0})
            for (inside, decays, matrix), parameters in groups.items()
        ]
