"""CLIP's two encoders behind one face: image features at two levels, prompts with a pseudo-token.

`build` makes ImageNet's encoders too; those stand in handid.imagenet.

The architectures are open_clip's; what the hand papers change in them (RN50's last stride, the
features they take, a learned vector in the place of a word) stands here. No training, no losses.
"""

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
from open_clip.pretrained import get_pretrained_url
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from handid import disk
from handid.backbone import imagenet

PROMPT = "A photo of a {} hand"
SHIPPED_FOLDER = Path(__file__).parents[1] / "weights"
_TABLE, _WORDS = "token_embedding.weight", "token_embedding.known"
_START = 49406  # tokens from here on begin and end a text
_PLACEHOLDER = "x"  # any word that is one token; its embedding is always replaced

_MINI_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 4, "layers": 4}
_MINI_VIT = {"image_size": 128, "patch_size": 16, "width": 192, "head_width": 32, "layers": 6}
_MINI_RN = {"image_size": 128, "width": 24, "layers": [1, 1, 2, 1]}


@dataclass(frozen=True)
class Architecture:
    """What identifies a backbone: its open_clip configuration and the family the recipes name."""

    family: str  # "vit" or "resnet"
    config: dict
    openai_tag: str | None = None

    @property
    def image_size(self) -> int:
        """Side of the square input, pixels."""
        return self.config["vision_cfg"]["image_size"]


def _open_clip_config(name: str) -> dict:
    # OpenAI's weights were trained with QuickGELU; open_clip checks that for its own tags only,
    # never for a local file, so it is forced for every source.
    config = open_clip.get_model_config(name)
    return {**config, "quick_gelu": True}


def _mini(vision: dict) -> dict:
    return {"embed_dim": 128, "vision_cfg": vision, "text_cfg": _MINI_TEXT, "quick_gelu": True}


ARCHITECTURES = {
    "ViT-B/16": Architecture("vit", _open_clip_config("ViT-B-16"), "ViT-B-16"),
    "RN50": Architecture("resnet", _open_clip_config("RN50"), "RN50"),
    "mini-ViT": Architecture("vit", _mini(_MINI_VIT)),
    "mini-RN": Architecture("resnet", _mini(_MINI_RN)),
}


def architecture(name: str) -> Architecture | imagenet.Architecture:
    """The architecture of that name, CLIP's or ImageNet's.

    Raises:
        ValueError: listing the known names.
    """
    known = {**ARCHITECTURES, **imagenet.ARCHITECTURES}
    if name not in known:
        raise ValueError(f"Unknown backbone '{name}': choose one of {', '.join(known)}.")
    return known[name]


class Backbone(nn.Module):
    """One CLIP: an image encoder that may be trained and a text encoder that is frozen.

    Attributes:
        name: a key of ARCHITECTURES.
        family: "vit" or "resnet".
        image_size: side of the square input, pixels.
        dims: width of each image feature: `feat` (before the projection) and `proj` (after it).
        token_width: width of a word embedding, which is what a pseudo-token must have.
        channels: of the map that a ResNet gives; 0 for a ViT, which gives none.
        sides: its side in cells, as the only number of a list; empty for a ViT.
    """

    def __init__(self, name: str, last_stride: int = 1):
        super().__init__()
        self.name, self.family = name, architecture(name).family
        config = architecture(name).config
        self.clip = open_clip.CLIP(**config)
        self.image_size = architecture(name).image_size
        if self.family == "resnet" and last_stride == 1:
            _keep_last_resolution(self.clip.visual)
        width = config["vision_cfg"]["width"]
        feat = width if self.family == "vit" else 32 * width
        self.dims = {"feat": feat, "proj": config["embed_dim"]}
        self.channels = 0 if self.family == "vit" else feat
        side = self.image_size // (32 if last_stride == 2 else 16)
        self.sides = [] if self.family == "vit" else [side]
        self.token_width = config["text_cfg"]["width"]
        for parameter in self._text_parameters():
            parameter.requires_grad_(False)

    def _text_parameters(self) -> list[nn.Parameter]:
        image = {id(p) for p in self.clip.visual.parameters()}
        return [p for p in self.clip.parameters() if id(p) not in image]

    def image_parameters(self) -> list[nn.Parameter]:
        """What a method may train: the image encoder's parameters."""
        return list(self.clip.visual.parameters())

    def blocks(self) -> list[nn.Module]:
        """The image encoder's blocks in order: a ViT's transformer blocks, a ResNet's 4 layers."""
        visual = self.clip.visual
        if self.family == "vit":
            return list(visual.transformer.resblocks)
        return [visual.layer1, visual.layer2, visual.layer3, visual.layer4]

    def text_parameters(self) -> list[nn.Parameter]:
        """What a method may thaw of the text encoder: all that a prompt goes through but its words.

        The table of words stays as it is: a prompt would move its own few rows and weight decay
        would shrink the others.
        """
        clip = self.clip
        own = {id(clip.token_embedding.weight), id(clip.logit_scale)}
        return [p for p in self._text_parameters() if id(p) not in own]

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Image features at the two levels that the hand papers use.

        Args:
            images: [B, 3, image_size, image_size], normalised.

        Returns:
            `feat` [B, dims["feat"]]: ViT: CLS after ln_post; ResNet: average of layer 4.
            `proj` [B, dims["proj"]]: the same CLS projected; ResNet: the attention pool's output.
        """
        levels = self.levels(images)
        return {"feat": levels["feat"], "proj": levels["proj"]}

    def levels(self, images: Tensor) -> dict[str, Tensor]:
        """`forward`'s two features, and before them the one that CLIP-ReID takes a block earlier.

        Args:
            images: [B, 3, image_size, image_size], normalised.

        Returns:
            `early` [B, E]: ViT: CLS before the last block; ResNet: average of layer 3, which is
            half as wide as `feat`. Then `feat` and `proj`.
        """
        return self._levels(*self._last_two(images))

    def tokens(self, images: Tensor) -> dict[str, Tensor]:
        """The three `levels`, and what each place of the image says in the joint space.

        A ViT's patches are projected as its CLS is. A ResNet's cells take the attention pool's way
        for values, so that `proj` is a weighted mean of them and of their average (MaskCLIP, Zhou
        et al. 2022); as queries of the pool they would all say nearly the same.

        Args:
            images: [B, 3, H, W], normalised, H and W multiples of 32: the learned positions are
                stretched to another shape than the own square.

        Returns:
            `early`, `feat` and `proj` as `levels` gives them; `patches` [B, N, dims["proj"]], row
            by row from the top left: N is 196 for ViT-B/16 and for RN50 with stride 1.
        """
        early, last = self._last_two(images)
        visual = self.clip.visual
        if self.family == "vit":
            patches = visual._pool(last)[1] @ visual.proj
        else:
            patches = _values(visual.attnpool, last)
        return self._levels(early, last) | {"patches": patches}

    def _levels(self, early: Tensor, last: Tensor) -> dict[str, Tensor]:
        visual = self.clip.visual
        if self.family == "vit":
            feat, _ = visual._pool(last)
            return {"early": early[:, 0], "feat": feat, "proj": feat @ visual.proj}
        found = {"early": early.mean((2, 3)), "feat": last.mean((2, 3))}
        return found | {"proj": _pooled(visual.attnpool, last)}

    def _last_two(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What the last block gets and what it gives: tokens of a ViT, maps of a ResNet."""
        visual, (*first, last) = self.clip.visual, self.blocks()
        x = _embedded(visual, images) if self.family == "vit" else visual.stem(images)
        for block in first:
            x = block(x)
        return x, last(x)

    def map(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, channels, h, w]: a ResNet's last layer."""
        visual = self.clip.visual
        grid = visual.stem(images)
        for layer in self.blocks():
            grid = layer(grid)
        return grid

    def map_parameters(self) -> list[nn.Parameter]:
        """What a ResNet's `map` is computed from: the image encoder without its attention pool."""
        pool = {id(parameter) for parameter in self.clip.visual.attnpool.parameters()}
        return [p for p in self.image_parameters() if id(p) not in pool]

    def encode_prompt(self, pseudo_tokens: Tensor, prompt: str = PROMPT) -> Tensor:
        """Text features of a prompt in which a vector takes the place of one word, or several.

        The vector goes through the whole text encoder, and so does its gradient. The encoder is
        causal, hence what follows the end token cannot change the feature there: only the prompt's
        own tokens are computed (8 of 77), which gives the same result.

        Args:
            pseudo_tokens: [B, token_width] vectors in the space of word embeddings, or
                [B, T, token_width], T of them in a row.
            prompt: a text with one {} where they go.

        Returns:
            [B, dims["proj"]] text features, not normalised.
        """
        clip = self.clip
        if pseudo_tokens.ndim == 2:
            pseudo_tokens = pseudo_tokens[:, None]
        words, place = _tokenise_prompt(prompt)
        embedded = clip.token_embedding(words.to(pseudo_tokens.device))
        embedded = embedded.expand(len(pseudo_tokens), -1, -1)
        before, after = embedded[:, :place], embedded[:, place + 1 :]
        x = torch.cat([before, pseudo_tokens.to(before.dtype), after], dim=1)
        length = x.shape[1]
        x = x + clip.positional_embedding[:length]
        x = clip.transformer(x, attn_mask=clip.attn_mask[:length, :length])
        return clip.ln_final(x[:, -1]) @ clip.text_projection

    def nearest_words(self, vectors: Tensor, top: int = 3) -> list[list[tuple[str, float]]]:
        """The vocabulary's words nearest to vectors in the space of word embeddings.

        Words that pre-training never met share one embedding (see `save`) and are left out.

        Args:
            vectors: [N, token_width].
            top: how many words a vector.

        Returns:
            For each vector (word, cosine), nearest first.
        """
        table = self.clip.token_embedding.weight.detach()
        _, copies, counts = table.unique(dim=0, return_inverse=True, return_counts=True)
        known = (counts[copies] == 1).nonzero().flatten()
        known = known[known < _START]
        unit, words = (functional.normalize(x.float(), dim=1) for x in (vectors, table[known]))
        cosine, best = (unit @ words.T).topk(top, dim=1)
        return [
            [
                (open_clip.tokenizer.decode(known[i : i + 1]).strip(), float(c))
                for i, c in zip(row, values, strict=True)
            ]
            for row, values in zip(best.tolist(), cosine.tolist(), strict=True)
        ]

    def encode_text(self, texts: list[str]) -> Tensor:
        """[N, dims["proj"]] text features of plain sentences, not normalised."""
        return self.encode_words(tokenise(texts).to(self.clip.positional_embedding.device))

    def encode_words(self, words: Tensor) -> Tensor:
        """[N, L] token numbers, ended and padded as `tokenise` does -> [N, dims["proj"]]."""
        clip, length = self.clip, words.shape[1]
        x = clip.token_embedding(words) + clip.positional_embedding[:length]
        x = clip.transformer(x, attn_mask=clip.attn_mask[:length, :length])
        last = words.argmax(dim=1)  # the end token has the largest number
        return clip.ln_final(x[torch.arange(len(x)), last]) @ clip.text_projection


def tokenise(texts: list[str]) -> Tensor:
    """[N, L] token numbers of sentences, L that of the longest: the padding beyond is not made."""
    words = open_clip.tokenize(texts)
    return words[:, : int(words.argmax(dim=1).max()) + 1]


def _tokenise_prompt(prompt: str) -> tuple[Tensor, int]:
    """[1, L] token numbers up to the end token, and the index of the placeholder."""
    if prompt.count("{}") != 1:
        raise ValueError(f"The prompt '{prompt}' needs exactly one {{}} for the pseudo-token.")
    words = open_clip.tokenize([prompt.format(_PLACEHOLDER)])
    start = open_clip.tokenize([prompt.split("{}")[0]])
    place = int(start.argmax())  # the end token has the largest number
    return words[:, : int(words.argmax()) + 1], place


def _embedded(visual: nn.Module, images: Tensor) -> Tensor:
    """[B, 3, H, W] -> [B, 1 + N, width]: what enters a ViT's first block.

    As `visual._embeds`, but the positions follow the image's shape.
    """
    cells = visual.conv1(images)  # [B, width, h, w]
    first = visual.class_embedding.expand(len(images), 1, -1)
    x = torch.cat([first, cells.flatten(2).mT], dim=1)
    return visual.ln_pre(x + _positions(visual.positional_embedding, cells))


def _pooled(pool: nn.Module, grid: Tensor) -> Tensor:
    """[B, C, h, w] -> [B, D] through CLIP's attention pool, whose positions follow the grid."""
    table = {"positional_embedding": _positions(pool.positional_embedding, grid)}
    return torch.func.functional_call(pool, table, (grid,))


def _values(pool: nn.Module, grid: Tensor) -> Tensor:
    """What each cell puts into CLIP's attention pool: [B, C, h, w] -> [B, h*w, D]."""
    cells = grid.flatten(2).mT + _positions(pool.positional_embedding, grid)[1:]  # [B, h*w, C]
    return pool.c_proj(pool.v_proj(cells))


def _positions(table: Tensor, grid: Tensor) -> Tensor:
    """[1 + n*n, D] positions for a grid [B, D, h, w] -> [1 + h*w, D]; the first row stays."""
    shape, side = grid.shape[2:], round((len(table) - 1) ** 0.5)
    return table if shape == (side, side) else _resize_grid(table, shape)


def _keep_last_resolution(visual: nn.Module) -> None:
    """Give layer 4 stride 1, as the hand papers do: twice the resolution, no new parameters."""
    block = visual.layer4[0]
    block.avgpool = nn.Identity()
    block.downsample[0] = nn.Identity()
    table = visual.attnpool.positional_embedding.data
    visual.attnpool.positional_embedding = nn.Parameter(_doubled(table))


def _doubled(table: Tensor) -> Tensor:
    """[1 + n*n, D] positions -> [1 + 4*n*n, D]."""
    side = 2 * round((len(table) - 1) ** 0.5)
    return _resize_grid(table, (side, side))


def _resize_grid(table: Tensor, shape: tuple[int, int]) -> Tensor:
    """[1 + n*n, D] positions -> [1 + h*w, D], bilinear; the first row is the average's."""
    side = round((len(table) - 1) ** 0.5)
    grid = table[1:].T.reshape(1, -1, side, side)
    grid = functional.interpolate(grid, size=shape, mode="bilinear", align_corners=False)
    return torch.cat([table[:1], grid.flatten(2)[0].T])


def build(
    name: str,
    weights: str = "random",
    *,
    last_stride: int = 1,
    image_size: int = 0,
    seed: int = 0,
) -> Backbone | imagenet.ImageNetBackbone:
    """A backbone with its weights.

    Args:
        name: a key of ARCHITECTURES, or of imagenet.ARCHITECTURES.
        weights: "random" (drawn from `seed`), "mini" (this package's own, see MODEL_CARD.md; of the
            minis only), "openai" (fetched and checked by open_clip), or a
            file: a safetensors state dict of open_clip's CLIP, or OpenAI's own .pt archive; or a
            folder with such a file for each backbone, named ViT-B-16 or RN50. For ImageNet's
            encoders see imagenet.read_state.
        last_stride: stride of a ResNet's last layer: 1 as in the papers' fine-tuned models, 2 as
            OpenAI trained it and as the papers' zero-shot rows keep it.
        image_size: side of the square input, pixels; 0 for the backbone's own, and nothing else for
            CLIP, whose positions are learned.
        seed: of the random weights.

    Raises:
        ValueError: unknown name or weights, a file that holds another architecture, or another
            image size than CLIP's own.
    """
    own = architecture(name).image_size
    if name in ARCHITECTURES and image_size not in (0, own):
        raise ValueError(f"{name} takes images of {own} pixels, not {image_size}.")
    weights = weights_file(name, weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name in imagenet.ARCHITECTURES:
            backbone = imagenet.ImageNetBackbone(name, last_stride, image_size)
        else:
            backbone = Backbone(name, last_stride=last_stride)
    if weights != "random":
        _load(backbone, weights, last_stride)
    return backbone.eval()


def _load(backbone: Backbone | imagenet.ImageNetBackbone, weights: str, last_stride: int) -> None:
    if backbone.family == "cnn":
        network, state = backbone.net, imagenet.read_state(backbone, weights)
    else:
        network, state = backbone.clip, _read_state(backbone.name, weights)
    grid = "visual.attnpool.positional_embedding"
    if backbone.family == "resnet" and last_stride == 1 and grid in state:
        state[grid] = _doubled(state[grid])
    _check_fits(state, network.state_dict(), f"{backbone.name} (weights '{weights}')")
    network.load_state_dict(state)


def _read_state(name: str, weights: str) -> dict[str, Tensor]:
    """[name -> float32 tensor] from a tag or a file; never through an unchecked pickle."""
    tag = architecture(name).openai_tag
    path = Path(weights)
    if weights == "openai":
        if tag is None:
            raise ValueError(f"OpenAI published no weights for {name}: use 'random' or a file.")
        path = Path(open_clip.download_pretrained(open_clip.get_pretrained_cfg(tag, "openai")))
    elif not path.is_file():
        raise ValueError(f"Unknown weights '{weights}': use 'random', 'openai' or a weights file.")
    if path.suffix == ".safetensors":
        state = _read_safetensors(path)
        if path.parent == SHIPPED_FOLDER and _sha256(path) != shipped()[name]["sha256"]:
            raise ValueError(f"{path} differs from the file that was shipped: install again.")
    elif zipfile.is_zipfile(path) and tag and _sha256(path).startswith(_published_sha256(tag)):
        state = torch.jit.load(path, map_location="cpu").state_dict()
    else:
        raise ValueError(
            f"{path.name} is neither a safetensors file nor OpenAI's archive of {name} (its sha256 "
            "differs): save the state dict of open_clip's model with safetensors."
        )
    skip = {"input_resolution", "context_length", "vocab_size", "attn_mask"}
    return _all_words({key: value for key, value in state.items() if key not in skip})


def _all_words(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state in float32, with a full table of words; see `save` for the short one."""
    state = {key: value if key == _WORDS else value.float() for key, value in state.items()}
    if _WORDS in state:
        known, rows = state.pop(_WORDS), state[_TABLE]
        table = rows.mean(0).repeat(_MINI_TEXT["vocab_size"], 1)
        table[known] = rows
        state[_TABLE] = table
    return state


def save(backbone: Backbone, words: Tensor, path: str | Path) -> str:
    """Write a mini's weights small: float16, and of the table of words only those that it knows.

    Read again, a word that it has never seen gets the mean of the known ones.

    Args:
        backbone: with the stride it was pre-trained with.
        words: [W] numbers of the tokens that occurred in its training.
        path: a safetensors file.

    Returns:
        The file's sha256.
    """
    state = {key: value.detach().cpu().half() for key, value in backbone.clip.state_dict().items()}
    state[_TABLE] = state[_TABLE][words]
    with disk.whole(path) as part:
        save_file({**{k: value.contiguous() for k, value in state.items()}, _WORDS: words}, part)
    return _sha256(Path(path))


def shipped() -> dict[str, dict]:
    """What ships with this package: backbone -> its card (sha256, data, steps, hardware)."""
    files = sorted(SHIPPED_FOLDER.glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError:
        raise ValueError(f"{path.name} is no safetensors file, or is damaged.") from None


def weights_file(name: str, weights: str) -> str:
    """The weights of one backbone: in a folder, the file named after it (ViT-B-16, RN50).

    Raises:
        ValueError: if there is none for this backbone.
    """
    if weights == "mini":
        if name not in shipped():
            known = ", ".join(shipped()) or "none"
            raise ValueError(f"No weights 'mini' of {name} ship with this package, only {known}.")
        return str(SHIPPED_FOLDER / f"{name}.safetensors")
    folder, stem = Path(weights), name.replace("/", "-")
    if not folder.is_dir():
        return weights
    ends = (".safetensors", ".pt", ".pth")
    found = [path for end in ends if (path := folder / (stem + end)).is_file()]
    if not found:
        raise ValueError(f"The weights folder {folder} has no {stem}.safetensors and no {stem}.pt.")
    return str(found[0])


def _published_sha256(tag: str) -> str:
    return get_pretrained_url(tag, "openai").split("/")[-2]


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_fits(state: dict[str, Tensor], own: dict[str, Tensor], what: str) -> None:
    for key in sorted(own.keys() | state.keys()):
        if key not in state or key not in own:
            where = "lacks" if key not in state else "has an unknown"
            raise ValueError(f"These weights are not those of {what}: the file {where} '{key}'.")
        if state[key].shape != own[key].shape:
            raise ValueError(
                f"These weights are not those of {what}: '{key}' is {tuple(state[key].shape)} in "
                f"the file, {tuple(own[key].shape)} in the model."
            )
