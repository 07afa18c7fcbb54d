"""The identity head of every method that trains: a classifier and the losses around it.

Which of its parts a method uses, the recipe says. No backbones and no optimisers.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from handid import given, loss

LEAST, LARGEST = 1e-6, 1_000_000  # of an option that is a number and not 0: nothing overflows


class IdentityHead(nn.Module):
    """A classifier behind a batch norm neck, and what else may pull features together by identity.

    Source: neck and its frozen bias Luo et al. 2019 (BNNeck); CLIP-FH describes which of the other
    parts it uses in sections 3.3.2 and 3.4. All that stands here acts on the loss, and all but
    the neck's bias learns: the centres by a rule of their own, the rest in the optimiser.

    Args:
        width: D of the features.
        n_identities: K classes.
        layers: what stands behind the neck, a linear layer with K outputs last; empty for that
            layer alone.
        neck: normalise over the batch before these layers.
        unit: scale features to length 1 first.
        label_smoothing: share that is spread over all identities, 0 to below 1.
        arcface_scale: 0 for a linear classifier; else ArcFace's scale.
        arcface_margin: of ArcFace, in radians, to below pi / 2.
        triplet_margin: of the batch-hard triplet loss before the neck; None for none.
        centre_rate: alpha of the centre loss, behind the neck, up to 1; 0 for no such loss. It
            sums over D numbers and needs a small weight: Luo et al. take 5e-4.
        contrastive_temperature: of the supervised contrastive loss among features before the neck;
            0 for none.

    Raises:
        ValueError: one sentence for an option out of range.
    """

    classifier: nn.Linear
    centres: Tensor | None

    def __init__(  # noqa: PLR0913 - one argument per hyper-parameter
        self,
        width: int,
        n_identities: int,
        layers: Sequence[nn.Module] = (),
        *,
        neck: bool = True,
        unit: bool = False,
        label_smoothing: float = 0.1,
        arcface_scale: float = 0.0,
        arcface_margin: float = 0.0,
        triplet_margin: float | None = None,
        centre_rate: float = 0.0,
        contrastive_temperature: float = 0.0,
    ):
        super().__init__()
        check_switches(neck=neck, unit=unit)
        check_numbers(arcface_scale=arcface_scale, contrastive_temperature=contrastive_temperature)
        check_numbers(1.0, centre_rate=centre_rate)
        check_numbers(math.pi / 2, False, arcface_margin=arcface_margin)
        check_numbers(1.0, False, label_smoothing=label_smoothing)
        if 0 < contrastive_temperature < LEAST:
            raise ValueError(f"contrastive_temperature must be 0, or at least {LEAST:g}.")
        if triplet_margin is not None:
            check_numbers(triplet_margin=triplet_margin)
        if arcface_margin and not arcface_scale:
            raise ValueError("arcface_margin without arcface_scale does nothing: give both.")
        self.unit, self.label_smoothing = unit, label_smoothing
        self.scale, self.arc_margin = arcface_scale, arcface_margin
        self.triplet_margin, self.temperature = triplet_margin, contrastive_temperature
        self.centre_rate = centre_rate
        self.neck = _neck(width) if neck else nn.Identity()
        *inner, last = layers or [nn.Linear(width, n_identities, bias=False)]
        self.classifier, self.inner = cast(nn.Linear, last), nn.Sequential(*inner)
        if arcface_scale:
            # ArcFace takes directions: tiny ones would turn round at every step.
            self.classifier.register_parameter("bias", None)
            nn.init.normal_(self.classifier.weight, std=self.classifier.in_features**-0.5)
        elif not layers:
            nn.init.normal_(self.classifier.weight, std=0.001)
        self.register_buffer("centres", torch.zeros(n_identities, width) if centre_rate else None)

    def scaled(self, features: Tensor) -> Tensor:
        """[B, D] features before the neck: as they come, or of length 1."""
        return functional.normalize(features.float(), dim=1) if self.unit else features

    def embed(self, features: Tensor) -> Tensor:
        """[B, D] features -> [B, D] behind the neck."""
        return self.neck(self.scaled(features))

    def logits(self, necked: Tensor, labels: Tensor) -> Tensor:
        """[B, D] behind the neck -> [B, K] scores; the label's own has ArcFace's margin."""
        reduced = self.inner(necked)
        if not self.scale:
            return self.classifier(reduced)
        directions = self.classifier.weight
        return loss.arcface_logits(reduced, directions, labels, self.scale, self.arc_margin)

    def losses(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`identity`, and as the options say `triplet`, `centre`, `contrastive`.

        Args:
            features: [B, D] before the neck.
            labels: [B] identity numbers.
        """
        before = self.scaled(features)
        necked = self.neck(before)
        scores = self.logits(necked, labels)
        parts = {
            "identity": loss.label_smoothed_cross_entropy(scores, labels, self.label_smoothing)
        }
        if self.triplet_margin is not None:
            parts["triplet"] = loss.batch_hard_triplet(before, labels, self.triplet_margin)
        if self.centres is not None:
            parts["centre"] = loss.centre(necked, self.centres, labels)
            if self.training:
                self._move_centres(self.centres, necked.detach().float(), labels)
        if self.temperature:
            parts["contrastive"] = loss.supervised_contrastive_within(
                before, labels, self.temperature
            )
        return parts

    @torch.no_grad()
    def _move_centres(self, centres: Tensor, necked: Tensor, labels: Tensor) -> None:
        """Each centre [K, D] towards its rows [B, D] of the batch: Wen et al. 2016, eq. 4.

        By this rule and not by the optimiser, where the small weight of the loss would hold them.
        """
        towards = torch.zeros_like(centres)
        towards.index_add_(0, labels, necked - centres[labels])
        counts = towards.new_zeros(len(towards)).index_add_(
            0, labels, towards.new_ones(len(labels))
        )
        centres += self.centre_rate * towards / (1 + counts)[:, None]


TOOLS = tuple(n for n, p in signature(IdentityHead).parameters.items() if p.kind == p.KEYWORD_ONLY)


def heads_by_name(heads: Mapping[str, IdentityHead]) -> dict[str, IdentityHead]:
    """Heads as torch must hold them to find their parameters (nn.ModuleDict), read like a dict."""
    return cast("dict[str, IdentityHead]", nn.ModuleDict(heads))


def heads_in_order(heads: Iterable[IdentityHead]) -> list[IdentityHead]:
    """Heads as torch must hold them to find their parameters (nn.ModuleList), read like a list."""
    return cast("list[IdentityHead]", nn.ModuleList(heads))


def level_names(parts: dict[str, Tensor], level: str) -> dict[str, Tensor]:
    """The losses of one of several heads: `triplet` becomes `triplet_feat`."""
    return {f"{name}_{level}": part for name, part in parts.items()}


def sum_of(parts: Sequence[Tensor]) -> Tensor:
    """The sum of at least one tensor, added in order."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def check_numbers(high: float = math.inf, reached: bool = True, **options: float) -> None:
    """Refuse options that are no finite numbers from 0 to `high`.

    Args:
        high: the largest value.
        reached: whether `high` itself is allowed.
        options: name -> value.

    Raises:
        ValueError: one sentence that names the option.
    """
    ends = f" {'to' if reached else 'to below'} {min(high, LARGEST):.4g}"
    for name, value in options.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        most = min(high, LARGEST)
        if not number or not 0 <= value <= most or (value == high and not reached):
            raise ValueError(f"{name} is {given.shown(value)}: give a number from 0{ends}.")


def check_switches(**options: bool) -> None:
    """Refuse options that are neither true nor false.

    Raises:
        ValueError: one sentence that names the option.
    """
    for name, value in options.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {given.shown(value)}: give true or false.")


def _neck(width: int) -> nn.BatchNorm1d:
    neck = nn.BatchNorm1d(width)
    neck.bias.requires_grad_(False)
    return neck
