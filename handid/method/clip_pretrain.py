"""CLIP's own pre-training: a picture and its caption find each other among those of a batch.

Few pictures teach much if each is also asked about every single fact: which of five sentences about
its thumb is true? Asked in words, that is the same loss against sentences that differ in one word.
But the text encoder too begins from nothing, and sentences that look alike to it teach a picture
little: so a linear head, thrown away later, asks the same without words; in a stage named "facts"
it asks alone, and no text is read.

A vision transformer learns shape and texture from few pictures slowly, a convolutional network fast
(Touvron et al. 2021 let the one learn from the other). So it may have a teacher: an encoder already
pre-trained, whose judgement of which pictures are alike it learns to share.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from handid import loss
from handid.method import Method

_SHARPEST = math.log(100)  # logit scales beyond 100 make training unstable (Radford et al., 2.5)


class ClipPretrain(Method):
    """Both encoders and the temperature, trained with the symmetric contrastive loss.

    Source of the first two losses: Radford et al. 2021, Learning Transferable Visual Models From
    Natural Language Supervision, section 2.3 and figure 3. The others are ours.

    Args:
        backbone: a CLIP; its text encoder trains here, as nowhere else.
        n_identities: not used, there are no classes.
        choices: C lists of token numbers [n, L]: sentences of which one is true of a picture. The
            first weighs as much as all others together: what is most plainly to be seen.
        teacher: a frozen backbone of the same image size to learn from, or None.
    """

    def __init__(
        self,
        backbone: nn.Module,
        n_identities: int,
        *,
        choices: list[Tensor] = (),
        teacher: nn.Module | None = None,
    ):
        super().__init__()
        self.backbone = backbone
        self.sizes = [len(sentences) for sentences in choices]
        longest = max((sentences.shape[1] for sentences in choices), default=0)
        padded = [functional.pad(one, (0, longest - one.shape[1])) for one in choices]
        words = torch.cat(padded) if padded else torch.empty(0, 0, dtype=torch.long)
        self.register_buffer("words", words, persistent=False)
        self.reads = True
        width = backbone.dims["proj"]
        self.head = nn.Linear(width, sum(self.sizes)) if self.sizes else nn.Identity()
        for parameter in backbone.parameters():
            parameter.requires_grad_(True)
        self._teacher = [teacher.requires_grad_(False).eval()] if teacher else []  # no part of us

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The contrastive pair, `choice` and `fact`, and with a teacher `likeness`.

        `image_to_text` and `text_to_image` are means over the batch, `choice` and `fact` over each
        fact, `likeness` over pairs of pictures. In a stage named "facts", only the last two.

        Args:
            images: [B, 3, H, W], normalised.
            labels: [B, C + L]: the true sentence of each choice, -1 for none, then the tokens of
                the caption.
        """
        true, words = labels[:, : len(self.sizes)], labels[:, len(self.sizes) :]
        pictures = self.backbone(images)["proj"]
        plain = functional.normalize(pictures.float(), dim=1) * pictures.shape[1] ** 0.5
        losses = {"fact": self._answers(self.head(plain), true)} if self.sizes else {}
        for teacher in self._teacher:
            with torch.no_grad():
                wanted = teacher(images)["feat"]
            losses["likeness"] = loss.likeness(pictures, wanted)
        return losses | self._in_words(pictures, true, words) if self.reads else losses

    def _in_words(self, pictures: Tensor, true: Tensor, words: Tensor) -> dict[str, Tensor]:
        """Captions against pictures, and the facts asked in words."""
        temperature = torch.exp(-self.backbone.clip.logit_scale.clamp(max=_SHARPEST))
        sentences = self.backbone.encode_words(words)
        own = torch.arange(len(pictures), device=pictures.device)
        losses = {
            "image_to_text": loss.supervised_contrastive(pictures, sentences, own, temperature) / 2,
            "text_to_image": loss.supervised_contrastive(sentences, pictures, own, temperature) / 2,
        }
        if self.sizes:
            asked = functional.normalize(self.backbone.encode_words(self.words).float(), dim=1)
            scores = functional.normalize(pictures.float(), dim=1) @ asked.T / temperature
            losses["choice"] = self._answers(scores, true)
        return losses

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

    def parameter_groups(self, recipe) -> list[dict]:
        """Image encoder and the rest, each at its rate; only matrices decay (CLIP, section 2.5).

        Matrices inside transformer blocks are marked: an optimiser may treat them otherwise.
        """
        self.reads = recipe.name != "facts"
        image = {id(parameter) for parameter in self.backbone.image_parameters()}
        rates, groups = recipe.learning_rate, {}
        for name, parameter in self.named_parameters():
            decays = parameter.ndim > 1
            kind = id(parameter) in image, decays, decays and ".resblocks." in name
            groups.setdefault(kind, []).append(parameter)
        return [
            {"params": parameters, "lr": rates.backbone if inside else rates.new, "matrix": matrix}
            | ({} if decays else {"weight_decay": 0.0})
            for (inside, decays, matrix), parameters in groups.items()
        ]
