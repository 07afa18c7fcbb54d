"""The verbs that notebooks call: the only room that knows the others, and no science itself."""

import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import torch
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn
from torch.nn import functional

from handid import (
    backbone,
    caption,
    data,
    disk,
    embed,
    evidence,
    image,
    method,
    metric,
    protocol,
    recipes,
    record,
    saliency,
    synthetic,
    train,
    wording,
)

METRICS = ("rank1", "rank5", "rank10", "mAP", "mAP_trapezoid")
_TRAINING_ROOMS = (
    *("data.py", "protocol.py", "image.py", "backbone.py", "imagenet.py", "efficientnet.py"),
    *("method", "loss.py", "train.py", "embed.py", "metric.py", "recipes/__init__.py", "study.py"),
)
_EMBEDDING_ROOMS = (
    *("image.py", "backbone.py", "imagenet.py", "efficientnet.py", "method", "embed.py"),
    "study.py",
)
Count = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """What all notebooks have in common; every field is a parameter of theirs."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    work: str
    data_11k: str = "synthetic"
    data_hd: str = ""
    missing: Literal["error", "skip"] = "error"
    people: Annotated[int, Field(ge=4)] = 90
    images_per_view: Annotated[int, Field(ge=2)] = 6
    targets: Annotated[list[str], Field(min_length=1)] = ["11k dorsal right"]
    backbones: Annotated[list[str], Field(min_length=1)] = ["mini-ViT"]
    weights: str = "mini"
    runs: Count = 10
    seeds: Annotated[list[int], Field(min_length=1)] = [0]
    device: str = "auto"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    compile: bool = False


@dataclass(frozen=True)
class Experiment:
    """One trained (or untrained) method: what it is, and where its products lie."""

    title: str
    recipe: recipes.Recipe
    backbone: str
    target: str
    seed: int
    folder: Path

    @property
    def history(self) -> pd.DataFrame:
        """A row an epoch, as train.fit returns it; empty for a method that is not trained."""
        path = self.folder / "history.csv"
        return pd.read_csv(path) if path.exists() else pd.DataFrame()


@dataclass(frozen=True)
class Score:
    """What an experiment reached on one target.

    Attributes:
        rows: tidy rows as record.COLUMNS has them; value, low, high in percent.
        per_query: a row a query and run: run, path, subject, identity, first_hit, ap.
        cmc: [G] mean over the runs, fractions.
    """

    rows: pd.DataFrame
    per_query: pd.DataFrame
    cmc: np.ndarray


@dataclass(frozen=True)
class Matches:
    """Pictures of queries and of what the gallery answered.

    Attributes:
        queries: a picture a query.
        matches: for each query (picture, is_right, similarity) in order of rank.
        labels: a short name a query.
    """

    queries: list[np.ndarray]
    matches: list[list[tuple]]
    labels: list[str]

    @property
    def words(self) -> str:
        """The figure in words."""
        right = sum(found[0][1] for found in self.matches)
        return f"{len(self.matches)} queries with their best matches; {right} right at rank 1."


class Study:
    """Data, backbones and products of one run of the study.

    Args:
        parameters: the fields of Settings.

    Raises:
        ValueError: one sentence for an unknown or ill-typed parameter.
    """

    def __init__(self, **parameters):
        try:
            self.settings = Settings(**parameters)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"Parameter '{name}': {first['msg']}.") from None
        for name in self.settings.backbones:
            backbone.architecture(name)
        self.work = Path(self.settings.work)
        self.engine = train.Engine(
            device=train.device(self.settings.device),
            precision=self.settings.precision,
            compile=self.settings.compile,
        )
        self._tables: dict[tuple[str, bool], pd.DataFrame] = {}

    def having(self, **parameters) -> "Study":
        """The same study with other values of some parameters."""
        return Study(**self.settings.model_dump() | parameters)

    # --- data ---------------------------------------------------------------------------------

    @cached_property
    def targets(self) -> list[str]:
        """The targets for which there is data; says once which are left out."""
        absent = [t for t in self.settings.targets if not self._source(_set_of(t))]
        if absent:
            warnings.warn(
                f"No folder is given for {', '.join(absent)}: left out of every table and figure. "
                "Give it with --data hd=PATH.",
                stacklevel=2,
            )
        return [target for target in self.settings.targets if target not in absent]

    def is_synthetic(self, target: str) -> bool:
        """Whether a target's photographs are drawn by us."""
        return self._source(_set_of(target)) == "synthetic"

    @property
    def sets(self) -> list[str]:
        """The data sets of the targets: of "11k", "HD"."""
        return list(dict.fromkeys(_set_of(target) for target in self.targets))

    @property
    def name(self) -> str:
        """What titles start with: says 'synthetic' and the target, or how many there are."""
        kinds = [self.is_synthetic(target) for target in self.targets]
        shown = self.targets[0] if len(kinds) == 1 else f"{len(kinds)} sets"
        if all(kinds):
            return f"synthetic {shown}"
        return f"{shown} (partly synthetic)" if any(kinds) else shown

    def label(self, target: str) -> str:
        """A target's name for titles: says 'synthetic' wherever the photographs are."""
        return f"synthetic {target}" if self.is_synthetic(target) else target

    def which(self, made: Experiment) -> str:
        """One training for titles: target, said to be synthetic where it is, method, backbone."""
        seed = f", seed {made.seed}" if len(self.settings.seeds) > 1 else ""
        return f"{self.label(made.target)}: {made.title}, {made.backbone}{seed}"

    def _source(self, name: str) -> str:
        return {"11k": self.settings.data_11k, "HD": self.settings.data_hd}[name]

    def table(self, name: str, *, accessories: bool = False) -> pd.DataFrame:
        """The table of a data set ("11k" or "HD"): drawn first if synthetic, every file decoded.

        Args:
            name: of the set.
            accessories: True keeps hands with rings, watches and the like, which the papers'
                protocol leaves out of 11k; HD does not tell.

        Raises:
            ValueError: naming unreadable photographs, unless missing="skip" leaves them out.
        """
        key = (name, accessories)
        if key not in self._tables:
            self._tables[key] = self._usable(self._read(name, accessories))
        return self._tables[key]

    def _read(self, name: str, accessories: bool = False) -> pd.DataFrame:
        source = self._source(name)
        if not source:
            flag = {"11k": "11k", "HD": "hd"}[name]
            raise ValueError(f"No folder is given for {name}: use --data {flag}=PATH.")
        root = self._draw(name) if source == "synthetic" else Path(source)
        if name == "HD":
            return data.read_hd(root, missing=self.settings.missing)
        return data.read_11k(root, accessories=accessories, missing=self.settings.missing)

    def _draw(self, name: str) -> Path:
        people, images = self.settings.people, self.settings.images_per_view
        code = record.code_fingerprint("synthetic.py")
        root = self.work / "synthetic" / f"{name}-{people}x{images}-{code}"
        root.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(root.with_suffix(".lock")):
            if not root.exists() and name == "11k":
                synthetic.write_11k(root, subjects=people, images=images)
            elif not root.exists():
                extra = max(2, people // 2)
                synthetic.write_hd(root, subjects=people, distractors=extra, images=images)
        return root

    def _usable(self, table: pd.DataFrame) -> pd.DataFrame:
        sizes = {backbone.architecture(n).image_size for n in self.settings.backbones}
        wanted = {
            shape
            for size in sizes
            for shape in (("squash", size), ("crop", size), ("squash", _train_side(size)))
        }
        bad = image.cache(list(table["path"]), self._pixels, sorted(wanted))
        if not bad:
            return table
        sentence = image.describe(bad, len(table))
        if self.settings.missing == "error":
            raise ValueError(f"{sentence}. Mend or remove them, or set missing to 'skip'.")
        warnings.warn(f"{sentence}: left out, because missing is 'skip'.", stacklevel=3)
        return table[~table["path"].isin(bad)].reset_index(drop=True)

    @property
    def _pixels(self) -> Path:
        return self.work / "cache" / "pixels"

    # --- experiments --------------------------------------------------------------------------

    def experiment(
        self,
        recipe: str,
        backbone_name: str,
        target: str,
        *,
        seed: int = 0,
        changes: dict | None = None,
        control: str = "",
    ) -> Experiment:
        """Train a recipe on a target's training people, or find it trained.

        Args:
            recipe: a name in handid/recipes.
            backbone_name: a key of backbone.ARCHITECTURES.
            target: "11k <view>" or "HD".
            seed: of new layers, order and augmentation.
            changes: recipe values to replace.
            control: one of the recipe's named controls.

        Raises:
            ValueError: one sentence for whatever is unknown or does not fit.
        """
        family = backbone.architecture(backbone_name).family
        plan = recipes.load(recipe, family, changes, control)
        table = self.table(_set_of(target))
        content = {
            "recipe": plan.model_dump(exclude={"title"}),
            "backbone": backbone_name,
            "weights": _weights_id(backbone.weights_file(backbone_name, self._weights(plan))),
            "target": target,
            "data": record.table_fingerprint(table) if plan.stages else "",
            "seed": seed,
            "precision": self.settings.precision,
            "code": record.code_fingerprint(*_TRAINING_ROOMS),
        }
        name = f"{plan.name} {control} {backbone_name} {target} {seed}".replace("/", "")
        folder = self.work / "experiments" / f"{'-'.join(name.split())}-{record.digest(content)}"
        made = Experiment(plan.title, plan, backbone_name, target, seed, folder)
        with disk.whole(folder / "parameters.json") as part:
            part.write_text(json.dumps(content, indent=1))
        if plan.stages:
            self._train(made, table)
        return made

    def untrained(self, recipe: str, *, changes: dict | None = None) -> list[Experiment]:
        """A recipe's method before its first step: what training adds is measured against it.

        Same embedding, same images, same test; new layers as the seed drew them.
        """
        family = backbone.architecture(self.settings.backbones[0]).family
        title = recipes.load(recipe, family, changes).title
        none = {"stages": [], "title": f"{title} untrained"}
        return self.experiments(recipe, changes=(changes or {}) | none)

    def expect(self, *names: str, controls: Iterable[str] = (), changes: dict | None = None):
        """Refuse what cannot be built, loaded or fed with an image, before anything is trained.

        Args:
            names: recipes.
            controls: of each of them.
            changes: recipe values to replace.

        Raises:
            ValueError: one sentence.
        """
        encoder = cache(backbone.build)  # many recipes share one
        for name, recipe, control in product(self.settings.backbones, names, ("", *controls)):
            plan = recipes.load(recipe, backbone.architecture(name).family, changes, control)
            shape = {"last_stride": plan.last_stride, "image_size": plan.image_size}
            network = method.build(
                plan.method, encoder(name, self._weights(plan), **shape), 2, **plan.options
            )
            side = plan.image_size or backbone.architecture(name).image_size
            black = _prepared(plan)(torch.zeros(1, side, side, 3, dtype=torch.uint8))
            with torch.inference_mode():
                network.eval().embed(black)

    def experiments(
        self, recipe: str, *, changes: dict | None = None, control: str = ""
    ) -> list[Experiment]:
        """The recipe on every target, backbone and seed of the settings.

        A recipe without training has one experiment, whatever the number of seeds. A control that
        changes nothing here, because the study's own weights are random too, has none and says so.
        """
        plan = recipes.load(recipe, "vit", changes, control)
        if control and self._is_no_control(plan, recipes.load(recipe, "vit", changes)):
            warnings.warn(
                f"{plan.title} is left out: the study's own weights are random already.",
                stacklevel=2,
            )
            return []
        seeds = self.settings.seeds if plan.stages else self.settings.seeds[:1]
        return [
            self.experiment(recipe, name, target, seed=seed, changes=changes, control=control)
            for target in self.targets
            for name in self.settings.backbones
            for seed in seeds
        ]

    def _weights(self, plan: recipes.Recipe) -> str:
        """The weights that a recipe starts from: the study's, or random ones as a control."""
        return "random" if plan.weights == "random" else self.settings.weights

    def _is_no_control(self, control: recipes.Recipe, plain: recipes.Recipe) -> bool:
        """Whether a control is, with the study's weights, the very recipe that it controls."""
        update = {"title": plain.title, "weights": plain.weights}
        same = self._weights(control) == self._weights(plain)
        return same and control.model_copy(update=update) == plain

    def _train(self, made: Experiment, table: pd.DataFrame) -> None:
        products = [made.folder / name for name in ("weights.safetensors", "history.csv")]
        if all(product.exists() for product in products):
            return
        rows, held_out = protocol.validation(self._halves(made.target)[0], made.seed)
        codes = pd.factorize(rows["identity"], sort=True)[0]
        torch.manual_seed(made.seed)
        network = self._build(made, n_identities=int(codes.max()) + 1)
        batches = self._batches(made, network, rows, codes)
        validate = self._validation(made, rows, held_out)
        plan = made.recipe
        with FileLock(made.folder / "training.lock"):
            train.fit(network, plan, batches, validate, made.folder, self.engine, seed=made.seed)

    def _batches(self, made: Experiment, network: nn.Module, rows: pd.DataFrame, codes):
        """Where train.fit's batches come from: augmented images, or features if a stage says so."""
        plan, device, size = made.recipe, self.engine.device, _image_size(made)
        side = round(size * plan.augment.resize)
        source = image.pixels(rows["path"], self._pixels, (plan.geometry, side), progress=False)
        images = torch.from_numpy(source).to(device)
        labels = torch.from_numpy(codes).to(device)
        mean_std, extra = plan.train_mean_std or plan.mean_std, plan.augment
        augment = image.Augmentation(
            size, extra.flip, extra.jitter, extra.erasing, mean_std, plan.portrait
        )
        features = cache(lambda stage_name: self._features(made, network, rows, mean_std))

        def batches(stage, generator):
            for chosen in image.order(codes, stage, generator):
                chosen = chosen.to(device)
                if stage.encode_once:
                    yield features(stage.name)[chosen], labels[chosen]
                else:
                    yield augment(images[chosen], generator), labels[chosen]

        return batches

    def _features(self, made: Experiment, network: nn.Module, rows: pd.DataFrame, mean_std: str):
        """[rows, dims["proj"]] image features of photographs as they are, on the device."""
        found = embed.embed(
            method.build("clip_zero_shot", network.backbone, 0),
            self._load(made, rows),
            lambda batch: image.normalise(batch, mean_std, made.recipe.portrait),
            flip_average=False,
            autocast=self.engine.autocast,
        )
        return torch.from_numpy(found).to(self.engine.device)

    def _validation(self, made: Experiment, rows: pd.DataFrame, held_out: pd.DataFrame):
        """Rank the first training image of each training identity for its held-out one: mAP."""
        if held_out.empty:
            return None
        first = rows.groupby("identity", sort=True).head(1)
        query, gallery = self._load(made, held_out), self._load(made, first)

        def validate(network):
            q, g = (self._embed(made, network, images) for images in (query, gallery))
            return metric.evaluate(q, g, held_out["identity"], first["identity"]).mAP

        return validate

    def _halves(self, target: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        return protocol.halves(self.table(_set_of(target)), _view_of(target))

    def _build(self, made: Experiment, n_identities: int) -> nn.Module:
        base = backbone.build(
            made.backbone,
            self._weights(made.recipe),
            last_stride=made.recipe.last_stride,
            image_size=made.recipe.image_size,
        )
        return method.build(made.recipe.method, base, n_identities, **self._options(made))

    def _options(self, made: Experiment) -> dict:
        return _naming_the_view(made.recipe.options, _view_of(made.target))

    def load(self, made: Experiment) -> nn.Module:
        """The experiment's method with its weights, on the study's device."""
        n_identities = self._halves(made.target)[0]["identity"].nunique()
        torch.manual_seed(made.seed)  # of new layers that nothing trains
        network = self._build(made, n_identities)
        if made.recipe.stages:
            train.load_weights(network, made.folder / "weights.safetensors")
        return network.to(self.engine.device).eval()

    def _load(self, made: Experiment, rows: pd.DataFrame) -> np.ndarray:
        geometry = (made.recipe.geometry, _image_size(made))
        return image.pixels(rows["path"], self._pixels, geometry, progress=False)

    def _embed(self, made: Experiment, network: nn.Module, images: np.ndarray, **how):
        prepare = _prepared(made.recipe)
        settings = {"flip_average": made.recipe.flip_average, "autocast": self.engine.autocast}
        if not how:
            return embed.embed(network, images, prepare, **settings)
        return embed.embed_once(network, images, prepare, **how, **settings)

    # --- scores -------------------------------------------------------------------------------

    def scores(self, made: Iterable[Experiment]) -> list[Score]:
        """`score` of each experiment on its own target."""
        return [self.score(one) for one in made]

    def across(self, made: Iterable[Experiment]) -> list[Score]:
        """`score` of each experiment on every target, its own and the others.

        An experiment without training is the same whatever its target: it is scored on its own.
        Drawings and photographs are not crossed. Within one set, a person who trains in one view
        may test in another: said in a warning.
        """
        views = [_view_of(target) for target in self.targets if _set_of(target) == "11k"]
        if len(views) > 1:
            shared = protocol.person_overlap(self.table("11k")).loc[views, views]
            if shared.any(axis=None):
                warnings.warn(
                    f"Up to {shared.max(axis=None)} people train in one of these views and test in "
                    "another: what is trained in one view and tested in another looks too good.",
                    stacklevel=2,
                )
        return [
            self.score(one, target)
            for one in made
            for target in (self.targets if one.recipe.stages else [one.target])
            if self.is_synthetic(target) == self.is_synthetic(one.target)
        ]

    def score(self, made: Experiment, target: str | None = None) -> Score:
        """Evaluate an experiment on a target's test people, every image embedded once.

        Args:
            made: what to evaluate.
            target: where; the experiment's own target if None.
        """
        target = target or made.target
        table = self.table(_set_of(target))
        splits = list(protocol.monte_carlo(table, _view_of(target), runs=self.settings.runs))
        embeddings = self._test_embeddings(made, table, splits)
        parts, curves = [], []
        for run, (query, gallery) in enumerate(splits):
            result = metric.evaluate(
                embeddings[_positions(table, query)],
                embeddings[_positions(table, gallery)],
                query["identity"],
                gallery["identity"],
            )
            found = query[["path", "subject"]].reset_index(drop=True).assign(run=run)
            parts.append(pd.concat([found, result.per_query], axis=1))
            curves.append(result.cmc)
        per_query = pd.concat(parts, ignore_index=True)
        rows = self._rows(made, target, per_query, splits)
        return Score(rows, per_query, np.mean(curves, axis=0))

    def _test_embeddings(self, made: Experiment, table: pd.DataFrame, splits) -> np.ndarray:
        """[rows of the table, D]; rows that no split uses are NaN, so that a slip shows at once."""
        used = sorted({i for split in splits for frame in split for i in _positions(table, frame)})
        found = self._embed_rows(made, self.load(made), table.iloc[used])
        embeddings = np.full((len(table), found.shape[1]), np.nan, dtype=np.float32)
        embeddings[used] = found
        return embeddings

    def _embed_rows(self, made: Experiment, network: nn.Module, rows: pd.DataFrame) -> np.ndarray:
        """[rows, D] embeddings of photographs, from the cache where they are in it."""
        images = self._load(made, rows)
        plan, code = made.recipe, record.code_fingerprint(*_EMBEDDING_ROOMS)
        # The weights are in the cache's key by their content; a view in a prompt is not.
        how = [
            self._options(made),
            plan.mean_std,
            plan.portrait,
            plan.last_stride,
            self.settings.precision,
        ]
        salt = json.dumps([*how, code])
        folder = self.work / "cache" / "embeddings"
        return self._embed(made, network, images, folder=folder, salt=salt)

    def _rows(self, made: Experiment, target: str, per_query: pd.DataFrame, splits):
        first, people = per_query["first_hit"], per_query["subject"]
        values = {f"rank{k}": (first <= k).astype(float) for k in (1, 5, 10)}
        values |= {"mAP": per_query["ap"], "mAP_trapezoid": per_query["ap_trapezoid"]}
        common = {
            "method": made.title,
            "backbone": made.backbone,
            "train_set": made.target,
            "test_set": target,
            "n_queries": len(splits[0][0]),
            "n_gallery": len(splits[0][1]),
            "n_subjects": splits[0][0]["subject"].nunique(),
            "seed": made.seed,
            "synthetic": self.is_synthetic(target),
        }
        rows = []
        for name in METRICS:
            low, high = metric.bootstrap(values[name], people)
            figures = {"value": values[name].mean(), "low": low, "high": high}
            rows.append({**common, "metric": name, **{k: 100 * v for k, v in figures.items()}})
        return pd.DataFrame(rows)[record.COLUMNS]

    def record(self, scores: Iterable[Score], notebook: str) -> pd.DataFrame:
        """Write all scores' rows and CMC curves as the notebook's results; return the rows."""
        scores = list(scores)
        rows = pd.concat([score.rows for score in scores], ignore_index=True)
        record.write_results(rows, self.work, notebook)
        record.write_curves(
            [(score.rows.iloc[0], score.cmc) for score in scores], self.work, notebook
        )
        return rows

    def matches(
        self, made: Experiment, *, queries: int = 6, top: int = 5, show: bool = True
    ) -> "Matches":
        """Some queries of the first run with their best matches; half of them wrong at rank 1.

        Args:
            made: whose embeddings rank.
            queries: how many; more of one kind where there are fewer of the other.
            top: matches a query.
            show: False puts a grey square in the place of every photograph.
        """
        if queries < 1 or top < 1:
            raise ValueError(f"queries={queries} and top={top} must be at least 1.")
        query, gallery, *ranked = self._ranking(made)
        best, similarity, same = (part[:, :top] for part in ranked)
        mixed = np.random.default_rng(0).permutation(len(query))
        wrong, right = mixed[~same[mixed, 0]], mixed[same[mixed, 0]]
        n_right = min(len(right), queries - min(len(wrong), queries // 2))
        chosen = [*wrong[: queries - n_right], *right[:n_right]]
        pictures = [self.pictures(gallery["path"].iloc[best[q]], show) for q in chosen]
        return Matches(
            self.pictures(query["path"].iloc[chosen], show),
            [
                [*zip(shown, same[q].tolist(), similarity[q].tolist(), strict=True)]
                for q, shown in zip(chosen, pictures, strict=True)
            ],
            [f"query {n + 1} of {len(chosen)}" for n in range(len(chosen))],
        )

    def _ranking(self, made: Experiment) -> tuple:
        """The first run's queries and gallery; metric.ranking of them, and where it is right."""
        table = self.table(_set_of(made.target))
        splits = list(protocol.monte_carlo(table, _view_of(made.target), runs=1))
        embeddings = self._test_embeddings(made, table, splits)
        query, gallery = splits[0]
        best, similarity = metric.ranking(
            embeddings[_positions(table, query)],
            embeddings[_positions(table, gallery)],
            query["identity"],
            gallery["identity"],
        )
        same = gallery["identity"].to_numpy()[best] == query["identity"].to_numpy()[:, None]
        return query, gallery, best, similarity, same  # the last three [Q, G]

    def similarity_maps(
        self, made: Experiment, *, queries: int = 4, orders: int = 19, show: bool = True
    ) -> saliency.Maps:
        """Where the similarity of some queries of the first run to their best right match is.

        Queries that are answered right come first; see saliency.explain for maps and controls.

        Args:
            made: whose embeddings are compared.
            queries: how many.
            orders: random orders of removal, a query.
            show: False puts a grey square in the place of every photograph.
        """
        if queries < 1:
            raise ValueError(f"queries={queries} must be at least 1.")
        query, gallery, best, similarity, same = self._ranking(made)
        ranks = same.argmax(axis=1)  # of the best right match, from 0
        mixed = np.random.default_rng(0).permutation(len(query))
        chosen = mixed[np.argsort(ranks[mixed] > 0, kind="stable")][:queries]
        shown, answers = (
            self._load(made, rows)
            for rows in (query.iloc[chosen], gallery.iloc[best[chosen, ranks[chosen]]])
        )
        embeds = [partial(self._embed, made, network) for network in self._with_random(made)]
        found = [
            saliency.explain(*embeds, *pair, orders=orders, seed=number)
            for number, pair in enumerate(zip(shown, answers, strict=True))
        ]
        labels = [f"match, rank {ranks[q] + 1}  {similarity[q, ranks[q]]:.2f}" for q in chosen]
        if not show:
            shown, answers = (np.full_like(pictures, 200) for pictures in (shown, answers))
        return saliency.Maps(list(shown), list(answers), labels, found)

    def _with_random(self, made: Experiment) -> tuple[nn.Module, nn.Module]:
        """The experiment's method, and the same one with random weights throughout."""
        blank = replace(made, recipe=made.recipe.model_copy(update={"weights": "random"}))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(made.seed)
            untrained = self._build(blank, n_identities=2)  # no embedding knows how many
        return self.load(made), untrained.to(self.engine.device)

    def pictures(self, paths: Iterable[str], show: bool = True, size: int = 128):
        """Small pictures for a figure, [size, size, 3] uint8 each; grey squares if not `show`."""
        paths = list(paths)
        if not show:
            return [np.full((size, size, 3), 200, dtype=np.uint8)] * len(paths)
        return list(image.pixels(paths, self._pixels, ("squash", size), progress=False))

    # --- questions ----------------------------------------------------------------------------

    def ask(
        self,
        recipe: str = "clip_zero_shot",
        *,
        control: str = "",
        questions: Iterable[caption.Question] = caption.QUESTIONS,
    ) -> pd.DataFrame:
        """Ask every backbone zero-shot questions about every photograph of every set.

        Each answer is a mean of sentences' features, and a photograph's answer the one with the
        largest cosine. Photographs with accessories are asked about too; nothing is mirrored, for a
        mirrored right hand looks like a left one. Answers that no photograph shows are not offered;
        a question with fewer than two left is left out, and said so.

        Args:
            recipe: an untrained CLIP's: gives the preprocessing.
            control: one of its controls.
            questions: as caption.QUESTIONS.

        Returns:
            A row a backbone, set, question and photograph: backbone, weights, set, synthetic,
            question, column, offered (number of answers), subject, truth, answer.

        Raises:
            ValueError: if the recipe is not that of an untrained CLIP.
        """
        columns = [*evidence.ASKED, "column", "offered", "subject", "truth", "answer"]
        chosen, parts = list(questions), [pd.DataFrame(columns=columns)]
        for target in {_set_of(target): target for target in self.targets}.values():
            table = self.table(_set_of(target), accessories=True)
            asked = _asked(chosen, table, _set_of(target))
            for name in self.settings.backbones if asked else []:
                plain = {"flip_average": False}
                made = self.experiment(recipe, name, target, changes=plain, control=control)
                parts += self._answers(made, table, asked)
        return pd.concat(parts[1:] or parts, ignore_index=True)[columns]

    def _answers(self, made: Experiment, table: pd.DataFrame, asked: list) -> list[pd.DataFrame]:
        """One backbone's answers to each question, a row a photograph."""
        if made.recipe.method != "clip_zero_shot":
            raise ValueError(f"{made.title} has no text to compare with: ask a zero-shot recipe.")
        network = self.load(made)
        photographs = self._embed_rows(made, network, table)
        given = {
            "backbone": made.backbone,
            "weights": Path(self._weights(made.recipe)).name,
            "set": _set_of(made.target),
            "synthetic": self.is_synthetic(made.target),
        }
        parts = []
        for question, rows in asked:
            texts = _text_features(network.backbone, list(question.answers.values()))
            best = (photographs[_positions(table, rows)] @ texts.T).argmax(axis=1)
            asked_of = {"question": question.name, "column": question.column, "offered": len(texts)}
            part = rows[["subject"]].assign(**given, **asked_of, truth=rows[question.column])
            parts.append(part.assign(answer=[list(question.answers)[i] for i in best]))
        return parts

    def wording(self, made: Experiment, shown: int = 4, top: int = 3) -> wording.Wording:
        """What the texts of a method with a text branch know of its training people.

        The texts are of one training photograph an identity, or of the identity itself; they are
        to find the held-out photograph of the same hand.

        Args:
            made: its method has `spoken`.
            shown: identities whose words are looked up.
            top: nearest words a learned word.
        """
        network = self.load(made)
        rows, held_out = protocol.validation(self._halves(made.target)[0], made.seed)
        held_out = held_out.sort_values("identity")
        first = rows[rows["identity"].isin(held_out["identity"])]
        first = first.groupby("identity").head(1).sort_values("identity")
        labels = np.searchsorted(np.unique(rows["identity"]), first["identity"])
        device = self.engine.device
        with torch.inference_mode():
            images, answers = (
                _prepared(made.recipe)(torch.from_numpy(self._load(made, part)).to(device))
                for part in (first, held_out)
            )
            words, texts = network.spoken(images, torch.from_numpy(labels).to(device))
            found = network.backbone(answers)["proj"]
        nearest = [
            {"method": made.title, "identity": who, "word": place, "nearest": _listed(candidates)}
            for who, one in zip(held_out["identity"][:shown], words[:shown], strict=True)
            for place, candidates in enumerate(network.backbone.nearest_words(one, top), start=1)
        ]
        texts, found = texts.float().cpu().numpy(), found.float().cpu().numpy()
        people = held_out["subject"].tolist()
        nearest = pd.DataFrame(nearest)
        return wording.examine(texts, found, held_out["identity"].tolist(), people, nearest)

    # --- words --------------------------------------------------------------------------------

    def preface(self) -> str:
        """What this run stands on, in Markdown: data, weights, hardware; says what is synthetic."""
        lines = []
        for name in self.sets:
            table, drawn = self.table(name), self._source(name) == "synthetic"
            people = table["subject"].nunique()
            kind = "**synthetic hands drawn by this package**" if drawn else "real photographs"
            lines.append(f"- {name}: {len(table):,} {kind} of {people} people")
        names = ", ".join(self.settings.backbones)
        if self.settings.weights == "random":
            lines.append(
                f"- {names}: **random weights**. What is called zero-shot below is an untrained "
                "network's floor, not what a pre-trained CLIP can do."
            )
        elif self.settings.weights == "mini":
            lines.append(
                f"- {names}: **this package's own small CLIP**, pre-trained on captioned synthetic "
                "hands of people who are not in this study (see MODEL_CARD.md); not OpenAI's."
            )
        else:
            lines.append(f"- {names}: weights `{Path(self.settings.weights).name}`")
        machine = record.environment(self.engine.device)
        lines.append("- " + ", ".join(f"{key} {value}" for key, value in machine.items()))
        return "\n".join(lines)

    # --- audit --------------------------------------------------------------------------------

    def audit(self, name: str) -> pd.DataFrame:
        """Counts a view, as the protocol cuts the set: a row a view, columns as the papers'."""
        table, rows = self.table(name), []
        for view in _views(table):
            trains, tests = protocol.halves(table, view)
            kept, held_out = protocol.validation(trains, seed=0)
            query, gallery = next(protocol.monte_carlo(table, view, runs=1))
            identities = {"train identities": trains, "test identities": tests}
            images = {"train images": kept, "validation images": held_out}
            rows.append(
                {"set": name, "view": view}
                | {key: rows["identity"].nunique() for key, rows in identities.items()}
                | {key: len(rows) for key, rows in images.items()}
                | {"queries": len(query), "gallery": len(gallery)}
            )
        return pd.DataFrame(rows)

    def images_per_person(self, name: str) -> pd.DataFrame:
        """A row a person and view: view, subject, images."""
        people = self.table(name).query("role == 'subject'")
        return people.groupby(["view", "subject"]).size().rename("images").reset_index()

    def overlap(self, name: str) -> pd.DataFrame:
        """People who train in one view and are test people in another, by pair of views."""
        return protocol.person_overlap(self.table(name))

    def problems(self, name: str) -> pd.DataFrame:
        """Files that cannot be read in full, or that are there twice: path (its name), problem."""
        found = data.check_images(self._read(name))
        return found.assign(path=found["path"].map(lambda path: Path(path).name))

    def sample(self, name: str, people: int = 6, show: bool = True) -> tuple[list, list[str]]:
        """Photographs of a few people, a view a row and a person a column.

        Returns:
            Pictures (white where a person has none) and the view of each.
        """
        table = self.table(name).query("role == 'subject'")
        seen = table.groupby("subject")["view"].nunique()
        chosen = seen.sort_values(ascending=False, kind="stable").index[:people]
        first = table[table["subject"].isin(chosen)].drop_duplicates(["subject", "view"])
        grid = first.pivot(index="view", columns="subject", values="path")
        pictures = dict(zip(first["path"], self.pictures(first["path"], show), strict=True))
        white = np.full_like(next(iter(pictures.values())), 255)
        labels = [view for view in grid.index for _ in grid.columns]
        return [pictures.get(path, white) for path in grid.to_numpy().ravel()], labels


def _listed(candidates: list[tuple[str, float]]) -> str:
    return ", ".join(f"{word} {cosine:.2f}" for word, cosine in candidates)


def _views(table: pd.DataFrame) -> list[str]:
    return sorted(table.loc[table["role"] == "subject", "view"].unique())


def preface(*labs: Study) -> str:
    """The prefaces of several studies; what they have in common is said once."""
    lines = [line for lab in labs for line in lab.preface().splitlines()]
    return "\n".join(dict.fromkeys(lines))


def histories(made: Iterable[Experiment]) -> dict[str, pd.DataFrame]:
    """Training tables by a name that says what differs: title, backbone, target, seed."""
    made = list(made)
    fields = [
        f
        for f in ("title", "backbone", "target", "seed")
        if f == "title" or len({getattr(one, f) for one in made}) > 1
    ]
    return {", ".join(str(getattr(one, f)) for f in fields): one.history for one in made}


def _asked(chosen: list[caption.Question], table: pd.DataFrame, name: str) -> list[tuple]:
    """The questions that a set's photographs can be asked, each with its rows; says which not."""
    found, reasons = [], []
    for question in chosen:
        if question.column not in table:
            reasons.append(f"'{question.name}' (the table has no column {question.column})")
            continue
        there = table["view"].str.contains(question.where, regex=False)
        rows = table[there & table[question.column].isin(list(question.answers))]
        shown = {a: s for a, s in question.answers.items() if (rows[question.column] == a).any()}
        if len(shown) < 2:
            reasons.append(f"'{question.name}' (the photographs show {len(shown)} of its answers)")
        else:
            found.append((replace(question, answers=shown), rows))
    if reasons:
        warnings.warn(f"{name} is not asked: {', '.join(reasons)}.", stacklevel=3)
    return found


def _text_features(network: backbone.Backbone, answers: list[Iterable[str]]) -> np.ndarray:
    """[answers, D] unit features: of each answer the mean of its sentences' unit features."""
    sentences = [sentence for answer in answers for sentence in answer]
    with torch.inference_mode():
        each = functional.normalize(network.encode_text(sentences).float(), dim=1)
        parts = each.split([len(answer) for answer in answers])
        means = torch.stack([part.mean(dim=0) for part in parts])
        return functional.normalize(means, dim=1).cpu().numpy()


def _set_of(target: str) -> str:
    name = target.split(" ", 1)[0]
    if name not in ("11k", "HD"):
        raise ValueError(f"Unknown target '{target}': use '11k <view>' or 'HD'.")
    return name


def _view_of(target: str) -> str:
    return "dorsal" if target == "HD" else target.split(" ", 1)[-1]


def _naming_the_view(options: dict, view: str) -> dict:
    """A method's options, "{view}" in its prompts replaced by the target's view."""
    prompts = options.get("prompts")
    if not isinstance(prompts, list | tuple):
        return options
    return {**options, "prompts": [str(prompt).replace("{view}", view) for prompt in prompts]}


def _positions(table: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    return table.index.get_indexer(rows.index)


def _prepared(plan: recipes.Recipe):
    """Pixels of a batch -> what the recipe's network sees at test."""
    return partial(image.normalise, mean_std=plan.mean_std, portrait=plan.portrait)


def _image_size(made: Experiment) -> int:
    return made.recipe.image_size or backbone.architecture(made.backbone).image_size


def _train_side(image_size: int) -> int:
    return round(image_size * 256 / 224)


def _weights_id(weights: str) -> str:
    path = Path(weights)
    if not path.is_file():
        return weights
    return f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}"
