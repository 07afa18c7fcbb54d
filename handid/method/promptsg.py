"""PromptSG for hands: a prompt with a word inverted from the image decides where to look at it.

CLIP-FH's version of it could not work (babupallam/CLIP-FH at d0f5b4b): its text attended to a
single image token, so that no text could change the result, and the word never went through the
text encoder. Here the text attends to all patches, and the word goes through the text encoder; what
CLIP-FH ran is the control `single_token`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from handid import given, loss
from handid.backbone import PROMPT, Backbone
from handid.method._head import IdentityHead, check_numbers
from handid.method._interaction import Interaction, InversionMLP
from handid.method._prompts import cleaned
from handid.method._reid import ReidMethod

_CHOICES = {
    "control": ("none", "constant_text", "single_token"),
    "test_prompt": ("composed", "fixed"),
    "test_embedding": ("neck", "module", "both"),
}


class PromptSG(ReidMethod):
    """Identity and triplet losses on text-guided embeddings, contrastive loss on text and image.

    Source: Yang et al. 2024 (PromptSG), sections 4 and 5.1, for hands; options beyond it from
    CLIP-FH's versions (its tables 5.5 and 5.6) and unofficial code (NTDuckk/PromptSG_2 at c484419).

    Args:
        backbone: a CLIP with `tokens`, `encode_prompt`, `encode_text` and `token_width`.
        n_identities: classes.
        label_smoothing: share that is spread over all identities, 0 to below 1.
        temperature: tau of eq. 5 and 6, > 0.
        triplet_margin: of the batch-hard triplet losses; None for none.
        image_triplets: triplet losses on the image features too, as in CLIP-ReID.
        neck: a batch norm before the classifier.
        reduction: width of a linear layer between the module and the neck; 0 for none.
        unit: scale the module's output to length 1.
        dropout: probability, on the module's output in training.
        two_heads: a second neck and classifier, on the image feature before the projection.
        inversion_layers: fully connected layers of the inversion network, at least 2.
        inversion_width: of its inner layers.
        attention_heads: of the interaction module.
        blocks: of self-attention in it.
        context: what these blocks attend to, see Interaction.
        unfreeze_blocks: see ReidMethod, and so is lora_rank.
        prompts: texts with one {} each for the word; the first one trains, the text features of
            all are averaged at test. A "{view}" that was not filled in is left out.
        fixed_prompt: a sentence without a place for a word.
        test_prompt: "composed", or "fixed": the text encoder is not needed at test.
        test_embedding: the "module"'s output, what stands behind its "neck", or "both" necks'.
        control: "none", "constant_text" (the fixed prompt for every image, in training too) or
            "single_token" (the text attends to the image feature alone, and can change nothing).
        tools: of the head on the module's output, see IdentityHead; the second head has none.

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
        label_smoothing: float = 0.1,
        temperature: float = 0.07,
        triplet_margin: float | None = 0.3,
        image_triplets: bool = True,
        neck: bool = True,
        reduction: int = 0,
        unit: bool = False,
        dropout: float = 0.0,
        two_heads: bool = False,
        inversion_layers: int = 3,
        inversion_width: int = 512,
        attention_heads: int = 8,
        blocks: int = 2,
        context: str = "patches",
        unfreeze_blocks: int | None = None,
        lora_rank: int = 0,
        prompts: tuple[str, ...] = (PROMPT,),
        fixed_prompt: str = "A photo of a hand",
        test_prompt: str = "composed",
        test_embedding: str = "neck",
        control: str = "none",
        **tools,
    ):
        super().__init__(backbone, unfreeze_blocks, lora_rank)
        _check(two_heads, control=control, test_prompt=test_prompt, test_embedding=test_embedding)
        _check_numbers(temperature, triplet_margin, inversion_layers, blocks)
        self.temperature, self.margin, self.unit = temperature, triplet_margin, unit
        self.image_triplets, self.dropout = image_triplets, nn.Dropout(dropout)
        self.prompts, self.fixed_prompt = cleaned(prompts), fixed_prompt
        self.test_prompt, self.test_embedding, self.control = test_prompt, test_embedding, control
        width, word = backbone.dims["proj"], backbone.token_width
        given.whole("inversion_width", inversion_width, 1)
        self.inversion = InversionMLP(width, inversion_width, word, inversion_layers)
        self.inversion.requires_grad_(control != "constant_text")
        self.interaction = Interaction(width, attention_heads, blocks, context)
        own = {"neck": neck, "label_smoothing": label_smoothing}
        self._add_heads(n_identities, reduction, two_heads, own, tools)

    def _add_heads(
        self, n_identities: int, reduction: int, two_heads: bool, own: dict, tools: dict
    ) -> None:
        """The head on the reduced output, and one on the image feature, which has no tools."""
        width = self.backbone.dims["proj"]
        self.reduction = nn.Linear(width, reduction) if reduction else nn.Identity()
        self.head = IdentityHead(reduction or width, n_identities, **own, **tools)
        self.image_head: IdentityHead | None = None
        if two_heads:
            self.image_head = IdentityHead(self.backbone.dims["feat"], n_identities, **own)

    def text(self, projected: Tensor) -> Tensor:
        """[B, dims["proj"]] image features -> [B, dims["proj"]] text features, not normalised."""
        at_test = not self.training
        if self.control == "constant_text" or (at_test and self.test_prompt == "fixed"):
            return self.backbone.encode_text([self.fixed_prompt]).expand(len(projected), -1)
        words = self.inversion(projected)
        if not at_test or len(self.prompts) == 1:
            return self.backbone.encode_prompt(words, self.prompts[0])
        texts = [self.backbone.encode_prompt(words, prompt) for prompt in self.prompts]
        return torch.stack([functional.normalize(text, dim=1) for text in texts]).mean(0)

    def spoken(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The words [B, 1, token_width] and text features [B, D] of photographs.

        Args:
            images: [B, 3, H, W], normalised.
            labels: [B], not used: the word comes from the image.
        """
        projected = self.backbone.tokens(images)["proj"]
        return self.inversion(projected)[:, None], self.text(projected)

    def guided(self, tokens: dict[str, Tensor], text: Tensor) -> Tensor:
        """What `backbone.tokens` gives, and [B, D] text features -> [B, D] embeddings."""
        single = self.control == "single_token"
        attended = tokens["proj"][:, None] if single else tokens["patches"]
        embeddings = self.interaction(text, attended)
        return functional.normalize(embeddings.float(), dim=1) if self.unit else embeddings

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The parts of eq. 10; eq. 4's two directions each with its own weight.

        `identity` and `triplet` on the module's output, `triplet_early`, `triplet_feat` and
        `triplet_proj` on the image features, `image_to_text` (eq. 5), `text_to_image` (eq. 6);
        with two heads `identity_feat` on the image feature too, and the losses of further tools.
        """
        tokens = self.backbone.tokens(images)
        image = tokens["proj"]
        text = self.text(image)
        embeddings = self.dropout(self.guided(tokens, text))
        parts = self.head.losses(self.reduction(embeddings), labels)
        if self.image_head is not None:
            parts["identity_feat"] = self.image_head.losses(tokens["feat"], labels)["identity"]
        if self.margin is not None:
            compared = {"triplet": embeddings}
            if self.image_triplets:
                levels = ("early", "feat", "proj")
                compared |= {f"triplet_{level}": tokens[level] for level in levels}
            for name, features in compared.items():
                parts[name] = loss.batch_hard_triplet(features, labels, self.margin)
        settings = (labels, self.temperature)
        parts["image_to_text"] = loss.supervised_contrastive(image, text, *settings)
        parts["text_to_image"] = loss.supervised_contrastive(text, image, *settings)
        return parts

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, D], D as `test_embedding` and `reduction` say."""
        tokens = self.backbone.tokens(images)
        embeddings = self.guided(tokens, self.text(tokens["proj"]))
        if self.test_embedding == "module":
            return embeddings
        necked = self.head.embed(self.reduction(embeddings))
        if self.test_embedding == "neck" or self.image_head is None:
            return necked
        return torch.cat([self.image_head.embed(tokens["feat"]), necked], dim=1)


def _check(two_heads: bool, **choices: str) -> None:
    for name, value in choices.items():
        if value not in _CHOICES[name]:
            raise ValueError(
                f"Unknown {name} '{value}': choose one of {', '.join(_CHOICES[name])}."
            )
    if choices["test_embedding"] == "both" and not two_heads:
        raise ValueError("test_embedding 'both' needs two_heads: there is one neck only.")


def _check_numbers(
    temperature: float, triplet_margin: float | None, inversion_layers: int, blocks: int
) -> None:
    if triplet_margin is not None:
        check_numbers(triplet_margin=triplet_margin)
    if not isinstance(temperature, int | float) or not temperature > 0:
        raise ValueError(f"temperature is {temperature!r}: give a number above 0.")
    for name, value, low in (("inversion_layers", inversion_layers, 2), ("blocks", blocks, 0)):
        if not isinstance(value, int) or value < low:
            raise ValueError(f"{name} is {value!r}: give a whole number from {low}.")
