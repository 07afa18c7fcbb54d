"""ABD-Net: attention over channels and positions in each part, and features kept orthogonal."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from handid import given, loss
from handid.backbone import ImageNetBackbone
from handid.method._attention import ChannelAttention, PositionAttention
from handid.method._cnn import CnnMethod
from handid.method._head import IdentityHead, heads_in_order, sum_of
from handid.method._reid import rate_groups
from handid.recipes import Stage


class AttentionHead(nn.Sequential):
    """[B, C, h, w] -> [B, C, h, w] through half as many channels, attention in the middle."""

    def __init__(self, channels: int, attention: nn.Module):
        half = channels // 2
        super().__init__(
            *(nn.Conv2d(channels, half, 3, padding=1, bias=False), nn.BatchNorm2d(half), nn.ReLU()),
            attention,
            *(nn.Conv2d(half, half, 3, padding=1, bias=False), nn.BatchNorm2d(half), nn.ReLU()),
            *(nn.Dropout2d(0.1), nn.Conv2d(half, channels, 1)),
        )


class AbdNet(CnnMethod):
    """A global branch, and a branch of horizontal parts with three attention heads summed.

    Source: Chen et al. 2019 as in its public code (VITA-Group/ABD-Net at 502305e). There, by
    mistake, the orthogonality of weights reaches the first convolution alone; here it reaches all,
    as its README says, and the mistake is the control `public_code`.

    Args:
        backbone: with `stages`; the last one is copied, so that each branch trains its own.
        n_identities: classes.
        parts: horizontal stripes of the map.
        width: of every feature.
        triplet_margin: of the triplet loss, in the unit of the features; None for none.
        orthogonal_convs: "all", or "first".
        neck: a batch norm before each classifier, and in the embedding.
        unfreeze_blocks: see CnnMethod; the copy of the last stage trains if the last one does.
        tools: of every head, see IdentityHead.

    Raises:
        ValueError: one sentence for parts that do not divide the map, an unknown option, or a
            backbone without stages.
    """

    needs = "stages"
    backbone: ImageNetBackbone

    def __init__(  # noqa: PLR0913 - one argument per hyper-parameter
        self,
        backbone: ImageNetBackbone,
        n_identities: int,
        *,
        parts: int = 2,
        width: int = 1024,
        triplet_margin: float | None = 1.2,
        orthogonal_convs: str = "all",
        neck: bool = False,
        unfreeze_blocks: int | None = None,
        **tools,
    ):
        super().__init__(backbone, unfreeze_blocks)
        given.whole("width", width, 2)  # half of it in the middle of an attention head
        side = backbone.sides[-1]
        if not isinstance(parts, int) or parts < 1 or side % parts:
            raise ValueError(
                f"{backbone.name}'s map of {side} x {side} cells cannot be cut into {parts} equal "
                f"stripes: use a divisor of {side} or another image size."
            )
        if orthogonal_convs not in ("all", "first"):
            raise ValueError(f"Unknown orthogonal_convs '{orthogonal_convs}': choose all, first.")
        self.parts, self.convs = parts, orthogonal_convs
        tools |= {"neck": neck, "triplet_margin": triplet_margin}
        self.add_layers(width, n_identities, tools)
        self.apply_initial_weights()
        self.last_stage = deepcopy(backbone.stages[3])
        self._trunk_rests = False

    def add_layers(self, width: int, n_identities: int, tools: dict) -> None:
        """What is new: the shallow attention, both branches and their classifiers."""
        inside = self.backbone.channels
        self.shallow = ChannelAttention()
        self.global_neck = nn.Sequential(
            nn.Linear(inside, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.5)
        )
        reduce = nn.Conv2d(inside, width, 1, bias=False)
        self.reduce = nn.Sequential(reduce, nn.BatchNorm2d(width), nn.ReLU())
        attentions = {
            "before": nn.Identity(),
            "channel": ChannelAttention(),
            "position": PositionAttention(width // 2),
        }
        self.attend = nn.ModuleDict(
            {name: AttentionHead(width, attention) for name, attention in attentions.items()}
        )
        self.merge = nn.Sequential(nn.Dropout2d(0.1), nn.Conv2d(width, width, 1))
        self.heads = heads_in_order(
            IdentityHead(width, n_identities, [nn.Linear(width, n_identities)], **tools)
            for _ in range(1 + self.parts)
        )

    def apply_initial_weights(self) -> None:
        """The public code's start of what is new; ArcFace's directions have one of their own."""
        directions = [head.classifier for head in self.heads if head.scale]
        for name, module in self.named_modules():
            if name.startswith("backbone.") or module in directions:
                continue
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)
            bias = getattr(module, "bias", None)
            if bias is not None:
                nn.init.zeros_(bias)

    def features(self, images: Tensor) -> tuple[list[Tensor], dict[str, list[Tensor]]]:
        """[B, 3, H, W] -> 1 + parts features [B, width]; and the maps that are kept diverse."""
        first, second, third, last = self.backbone.stages
        grid = self.shallow(first(images))
        maps = {"shallow": [grid], **{name: [] for name in (*self.attend, "after")}}
        grid = third(second(grid))
        features = [self.global_neck(last(grid).mean((2, 3)))]
        for stripe in self.reduce(self.last_stage(grid)).chunk(self.parts, dim=2):
            attended = {name: head(stripe) for name, head in self.attend.items()}
            attended["after"] = self.merge(sum(attended.values()))
            features.append(attended["after"].mean((2, 3)))
            for name, part_map in attended.items():
                maps[name].append(part_map)
        return features, maps

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`identity` and `triplet`, means over the features; `orthogonal_features`, `_weights`."""
        features, maps = self.features(images)
        parts = [
            head.losses(feature, labels) for head, feature in zip(self.heads, features, strict=True)
        ]
        total = {name: sum_of([part[name] for part in parts]) for name in parts[0]}
        return {name: value / len(parts) for name, value in total.items()} | {
            "orthogonal_features": self.feature_gaps(maps),
            "orthogonal_weights": self.weight_gaps(),
        }

    def feature_gaps(self, maps: dict[str, list[Tensor]]) -> Tensor:
        """Spectral gaps of channels, mean over images and parts, summed over the kinds of map."""
        gaps = []
        for name, parts in maps.items():
            kind = [loss.spectral_gap(part_map.flatten(2)).mean() for part_map in parts]
            weight = 0.01 if name == "shallow" else 1.0  # as in the public code
            gaps.append(weight * sum_of(kind) / len(kind))
        return sum_of(gaps)

    def weight_gaps(self) -> Tensor:
        """Squared spectral gaps of the filters, summed over the convolutions."""
        convs = [module for module in self.modules() if isinstance(module, nn.Conv2d)]
        convs = convs if self.convs == "all" else convs[:1]
        return sum_of([loss.spectral_gap(conv.weight.flatten(1)).square() for conv in convs])

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, (1 + parts) * width]: 3072."""
        features, _ = self.features(images)
        pairs = zip(self.heads, features, strict=True)
        return torch.cat([head.embed(feature) for head, feature in pairs], dim=1)

    def pretrained(self) -> list[nn.Parameter]:
        """Both last stages are pre-trained."""
        return [*super().pretrained(), *self.last_stage.parameters()]

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """All; in the stage `fixbase` the pre-trained layers rest."""
        self._trunk_rests = stage.name == "fixbase"
        resting = self.pretrained() if self._trunk_rests else []
        return rate_groups(self, stage.learning_rate, resting)

    def train(self, mode: bool = True) -> "AbdNet":
        """As of any module; a resting trunk keeps its batch norms' statistics, as in the code."""
        super().train(mode)
        if mode and self._trunk_rests:
            self.backbone.eval()
            self.last_stage.eval()
        return self
