"""Which experiments a study has: recipes, controls, backbones, targets and seeds."""

import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product
from pathlib import Path

import torch

from handid import backbone, fingerprint, given, method, recipes, train
from handid.data.sets import Target
from handid.image import augment
from handid.recipes import Recipe, System
from handid.study import jobs, model, network
from handid.study.experiment import (
    Experiment,
    architecture_key,
    embedding_code,
    training_code,
    weights_key,
)
from handid.study.photographs import Photographs
from handid.study.settings import Settings
from handid.study.texts import SpeakingMethod


def _feed(plan: Recipe, base: backbone.ImageEncoder) -> None:
    """Build a recipe's method, and let it see a black image and say its words, if it has any."""
    built = method.build(plan.method, base, 2, **plan.options).eval()
    side = plan.image_size or base.image_size
    black = network.prepared(plan)(torch.zeros(1, side, side, 3, dtype=torch.uint8))
    with torch.inference_mode():
        built.embed(black)
        if isinstance(built, SpeakingMethod):
            built.spoken(black, torch.zeros(1, dtype=torch.long))


class Experiments:
    """The experiments of a study.

    Args:
        settings: of the study.
        photographs: of the study.
        engine: device and precision.
    """

    def __init__(self, settings: Settings, photographs: Photographs, engine: train.Engine):
        self.settings, self.photographs, self.engine = settings, photographs, engine

    def one(
        self,
        system: System,
        backbone_name: str,
        target: str | Target,
        *,
        seed: int = 0,
        changes: dict | None = None,
    ) -> Experiment:
        """Train a system on a target's training people, or find it trained, see `described`."""
        experiment = self.described(system, backbone_name, target, seed=seed, changes=changes)
        jobs.train_all([experiment], self.photographs, self.engine)
        return experiment

    def described(
        self,
        system: System,
        backbone_name: str,
        target: str | Target,
        *,
        seed: int = 0,
        changes: dict | None = None,
    ) -> Experiment:
        """What a system on a target's training people is, its folder made; nothing is trained.

        Args:
            system: recipe and control; an untrained one is the method before its first step: same
                embedding, same images, new layers as the seed draws them. The folder of an exported
                model in the recipe's place brings its own backbone, seed and values.
            backbone_name: of an image encoder.
            target: a view of a data set.
            seed: of new layers, order and augmentation.
            changes: recipe values to replace.

        Raises:
            ValueError: one sentence for whatever is unknown or does not fit.
        """
        place = self.photographs.target(target)
        if model.is_model(system.recipe):
            return model.opened(system.recipe, place, self.photographs.view(place))
        plan = self._plan(system, backbone_name, changes)
        key = self._key(plan, backbone_name, place, seed)
        label = backbone.label(backbone_name)
        name = f"{system.recipe} {label} {place} {seed}".replace("/", "").replace(":", "-")
        folder = f"{'-'.join(name.split())}-{fingerprint.digest(key)}"
        experiment = Experiment(
            system,
            plan.title,
            plan,
            backbone_name,
            self._weights(plan, backbone_name),
            place,
            self.photographs.view(place),
            int(self.photographs.halves(place)[0]["identity"].nunique()),
            seed,
            Path(self.settings.work) / "experiments" / folder,
            embedding_code(plan, backbone_name),
        )
        experiment.write(key)
        return experiment

    def all(
        self,
        *names: str,
        controls: Sequence[str] = ("",),
        changes: dict | None = None,
        trained: bool = True,
    ) -> list[Experiment]:
        """Recipes, with each of some controls, on every target, backbone and seed of the settings.

        A recipe without training has one experiment, whatever the number of seeds. A control that
        changes nothing here, because the study's own weights are random too, has none: a warning
        says so.

        Args:
            names: recipes.
            controls: of each of them; "" is the recipe as it is.
            changes: recipe values to replace.
            trained: False for the methods before their first step.
        """
        experiments = []
        for recipe, control in product(names, controls):
            if model.is_model(recipe):  # it brings its backbone and seed, and has no controls
                own = System(recipe), self.settings.backbones[0]
                targets = self.photographs.targets if not control else ()
                experiments += [self.described(*own, target) for target in targets]
                continue
            system = System(recipe, control, trained)
            plan = self._plan(system, self.settings.backbones[0], changes)
            if control and self._is_no_control(plan, recipe, changes):
                warnings.warn(
                    f"{plan.title} is left out: the study's own weights are random already.",
                    stacklevel=4,
                )
                continue
            seeds = self.settings.seeds if plan.stages else self.settings.seeds[:1]
            experiments += [
                self.described(system, name, target, seed=seed, changes=changes)
                for target, name, seed in product(
                    self.photographs.targets, self.settings.backbones, seeds
                )
            ]
        jobs.train_all(experiments, self.photographs, self.engine)
        return experiments

    def expect(
        self, *names: str, controls: Iterable[str] = (), changes: dict | None = None
    ) -> None:
        """Refuse what cannot be built, loaded or fed with an image, before anything is trained.

        Args:
            names: recipes.
            controls: of each of them.
            changes: recipe values to replace.

        Raises:
            ValueError: one sentence.
        """
        shared = cache(backbone.build)  # of many recipes; LoRA changes the one that it gets
        for name, recipe, control in product(self.settings.backbones, names, ("", *controls)):
            if model.is_model(recipe):
                model.opened(recipe)
                continue
            plan = self._plan(System(recipe, control), name, changes)
            shape = {"last_stride": plan.last_stride, "image_size": plan.image_size}
            encoder = backbone.build if plan.options.get("lora_rank") else shared
            base = encoder(name, self._weights(plan, name), **shape)
            try:
                _feed(plan, base)
            except (AssertionError, LookupError, RuntimeError, TypeError) as error:
                if "alloc" in str(error):  # the runner says what helps where memory is wanted
                    raise
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                raise ValueError(
                    f"{plan.title} on {backbone.label(name)} cannot be built or fed with these "
                    f"options ({given.shorter(reason)}): correct the recipe's changes."
                ) from None

    def _key(
        self, plan: Recipe, backbone_name: str, target: Target, seed: int
    ) -> dict[str, object]:
        """Everything that decides what a training gives."""
        weights = backbone.weights_file(backbone_name, self._weights(plan, backbone_name))
        trains = bool(plan.stages)
        return {
            "recipe": plan.model_dump(exclude=recipes.NAMES),
            "backbone": backbone.label(backbone_name),
            "architecture": architecture_key(backbone_name),
            "weights": weights_key(weights),
            "target": target.set,
            "view": self.photographs.view(target),
            "data": self.photographs.key(target.set) if trains else "",
            "seed": seed,
            "precision": self.engine.precision,
            "threads": self._threads() if trains else 0,
            "code": training_code(plan, backbone_name) if trains else "",
        }

    def _threads(self) -> int:
        """Threads of a training on the CPU: sums of other parts differ in their last digits."""
        return torch.get_num_threads() if self.engine.device == "cpu" else 0

    def _plan(self, system: System, backbone_name: str, changes: dict | None) -> Recipe:
        """The values of a system's recipe; of an untrained one without its stages."""
        shape = backbone.architecture(backbone_name)
        plan = recipes.load(system.recipe, shape.family, changes, system.control)
        if changes:
            recipes.check_kinds(system.recipe, shape.family, changes, system.control)
        if plan.mean_std == "own":
            plan = plan.model_copy(update={"mean_std": augment.named(shape.colours)})
        untrained = {"stages": [], "title": f"{plan.title} untrained"}
        return plan if system.trained else plan.model_copy(update=untrained)

    def _weights(self, plan: Recipe, backbone_name: str) -> str:
        """The weights that a recipe starts from: the study's, or random ones as a control."""
        if plan.weights == "random":
            return "random"
        return self.settings.weights or backbone.own_weights(backbone_name)

    def _is_no_control(self, control: Recipe, recipe: str, changes: dict | None) -> bool:
        """Whether a control of other weights has, in this study, those of the recipe itself."""
        names = self.settings.backbones
        plain = self._plan(System(recipe), names[0], changes)
        differ = any(self._weights(control, n) != self._weights(plain, n) for n in names)
        if control.weights == plain.weights or differ:
            return False
        return control.model_copy(update={"title": plain.title, "weights": plain.weights}) == plain
