"""What a notebook will ask for, counted before it runs: its cells with stand-ins for the study.

A notebook holds no logic, so that its calls of the study follow from its parameters. Nothing is
imported, read, drawn or trained; what a stand-in does not know gives back something unknown.
"""

import ast
import builtins
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import Any, NamedTuple

from handid import recipes
from handid.runner import notebook
from handid.runner.notebook import Notebook
from handid.runner.unknown import Unknown

CALLS = "dict enumerate len list max min range set sorted str sum tuple zip"
ASKING = "experiment experiments untrained score scores across survey worth growth"
UNFOLLOWED = "trials pretrain told panel"  # these train or embed in ways of their own
WHOLE = "whole"


class Experiment(NamedTuple):
    """One network on one target.

    Attributes:
        recipe: its name.
        control: of it, or "".
        trained: whether it trains at all.
        backbone: as parameters name it, and so is the target.
        changes: of the recipe, as JSON.
        drawn: people of a drawn set, and photographs of each per view; 0 of both for a real one.
    """

    recipe: str
    control: str
    trained: bool
    backbone: str
    target: str
    seed: int
    changes: str
    drawn: tuple[int, int] = (0, 0)


class Asked:
    """What a notebook asks for.

    Attributes:
        calls: experiments that train, those of each call of the study together.
        embeddings: experiments with an image of the photographs that they embed, each once.
        evaluations: tables of ranks, one per experiment, target, task and image.
        whole: whether every statement that asks for something could be followed.
    """

    def __init__(self) -> None:
        self.calls: list[list[Experiment]] = []
        self.embeddings: dict[tuple[Experiment, str, str], None] = {}
        self.evaluations = 0
        self.whole = True

    @property
    def trainings(self) -> list[Experiment]:
        """Experiments that train, each once."""
        return list(dict.fromkeys(one for call in self.calls for one in call))

    def evaluate(
        self, experiments: Iterable[Any], images: Sequence[str] = (WHOLE,), tasks: int = 1
    ) -> None:
        """Note that experiments are tested on their own targets."""
        for one in known(experiments):
            self.evaluations += tasks * len(images)
            self.embeddings |= dict.fromkeys((one, one.target, image) for image in images)


def rehearse(book: Notebook, parameters: Mapping[str, Any]) -> Asked:
    """Follow a notebook's cells.

    Args:
        book: a notebook.
        parameters: all of them, as it would have them.
    """
    asked = Asked()
    scope = {"__builtins__": _allowed(asked)} | dict(parameters)
    for cell in notebook.read(book.path)["cells"]:
        if cell["cell_type"] == "code" and "parameters" not in notebook.tags(cell):
            for statement in ast.parse(cell["source"]).body:
                _follow(statement, scope, asked)
    return asked


def _follow(statement: ast.stmt, scope: dict[str, Any], asked: Asked) -> None:
    """Execute a statement with nothing but stand-ins; what fails is noted where it asks."""
    code = compile(ast.Module([statement], type_ignores=[]), "a notebook", "exec")
    names = {node.attr for node in ast.walk(statement) if isinstance(node, ast.Attribute)}
    asked.whole &= names.isdisjoint(UNFOLLOWED.split())
    try:
        exec(code, scope)
    except Exception:  # whatever the things of which nothing is known could not do
        asked.whole &= names.isdisjoint(ASKING.split())


def known(experiments: Iterable[Any]) -> list[Experiment]:
    """The experiments among things, of which some are unknown."""
    return [one for one in experiments if isinstance(one, _Found)]


# --- stand-ins ------------------------------------------------------------------------------------


def _allowed(asked: Asked) -> dict[str, Any]:
    """The few built-in functions that a notebook needs, and an import that imports nothing."""
    study = _Study(asked)

    def imported(name: str, *_: Any) -> Any:
        return {"handid": SimpleNamespace(study=study), "handid.study": study}.get(name, Unknown())

    names = {name: getattr(builtins, name) for name in CALLS.split()}
    return names | {"__import__": imported}


class _Found(Experiment):
    """An experiment whose other attributes are unknown."""

    def __getattr__(self, _: str) -> Any:
        return Unknown()


class _Study:
    """Stands in for handid.study."""

    def __init__(self, asked: Asked):
        self._asked = asked

    def __getattr__(self, name: str) -> Unknown:
        return Unknown()

    def Study(self, **settings: Any) -> "_Lab":
        return _Lab(self._asked, settings)

    def asked(self, tasks: Sequence[str], images: Sequence[str]) -> dict[str, Sequence[str]]:
        return {"tasks": tasks, "images": images}

    def survey(
        self, lab: "_Lab", experiments: Any, *, tasks: Sequence[str], images: Sequence[str]
    ) -> SimpleNamespace:
        self._asked.evaluate(experiments, list(dict.fromkeys(images)), len(tasks))
        return SimpleNamespace(scores=Unknown(), asked=Unknown())

    @property
    def degraded(self) -> SimpleNamespace:
        return SimpleNamespace(steps=_steps, pictures=Unknown())


def _steps(severities: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
    """Each severity of each degradation, of queries alone and of both."""
    names = [
        f"{kind} {value}".strip() for kind, values in severities.items() for value in values or [""]
    ]
    return {"image": [*(f"{name} against whole" for name in names), *names]}


class _Lab:
    """Stands in for a Study."""

    def __init__(self, asked: Asked, settings: Mapping[str, Any]):
        self._asked, self._settings = asked, dict(settings)

    def __getattr__(self, name: str) -> Any:
        return Unknown()

    @property
    def targets(self) -> list[str]:
        """Those of whose set there is data."""
        data = self._settings.get("data", {})
        named = self._settings.get("targets", [])
        return [name for name in named if data.get(name.split(" ")[0], "")]

    def having(self, *groups: Any, **changes: Any) -> "_Lab":
        for group in groups:
            changes |= group
        return _Lab(self._asked, self._settings | changes)

    def experiments(
        self,
        *names: str,
        controls: Sequence[str] = ("",),
        changes: dict | None = None,
        trained: bool = True,
    ) -> list[Experiment]:
        """As Study.experiments."""
        made, values = [], json.dumps(changes or {}, sort_keys=True)
        backbones = self._settings.get("backbones", ["mini-ViT"])
        for recipe, control in product(names, controls):
            found = _loaded(recipe, family(backbones[0]), values, control)
            self._asked.whole &= found is not None or os.sep in recipe  # a model's folder
            stages = found is not None and bool(found.stages)
            seeds: list[int] = self._settings.get("seeds", [0])[: None if stages else 1]
            for (target, base), seed in product(product(self.targets, backbones), seeds):
                if (type(target), type(base), type(seed)) != (str, str, int):
                    self._asked.whole = False  # the notebook refuses it
                    continue
                made.append(
                    _Found(
                        recipe=recipe,
                        control=control,
                        trained=trained and stages,
                        backbone=base,
                        target=target,
                        seed=seed,
                        changes=values,
                        drawn=self._drawn(target),
                    )
                )
        self._asked.calls.append([one for one in made if one.trained])
        return made

    def untrained(self, *names: str, changes: dict | None = None) -> list[Experiment]:
        return self.experiments(*names, changes=changes, trained=False)

    def experiment(
        self, recipe: str, base: str, target: Any, *, seed: int = 0, **how: Any
    ) -> Experiment:
        own = {"backbones": [base], "targets": [target], "seeds": [seed]}
        controls = [how.pop("control", "")]
        return self.having(**own).experiments(recipe, controls=controls, **how)[0]

    def scores(self, experiments: Iterable[Any]) -> Unknown:
        self._asked.evaluate(experiments)
        return Unknown()

    def score(self, experiment: Any, *_: Any, **__: Any) -> Unknown:
        return self.scores([experiment])

    def across(self, experiments: Iterable[Any]) -> Unknown:
        for one in known(experiments):
            targets = self.targets if loaded(one.recipe, one.backbone) else [one.target]
            self._asked.evaluations += len(targets)
            self._asked.embeddings |= dict.fromkeys((one, target, WHOLE) for target in targets)
        return Unknown()

    def worth(self, experiments: Iterable[Any], tasks: Sequence[str], *_: Any) -> Unknown:
        self._asked.evaluate(experiments, tasks=len(tasks))
        return Unknown()

    def growth(self, experiments: Iterable[Any], *_: Any, **__: Any) -> Unknown:
        self._asked.evaluate(experiments)
        return Unknown()

    def _drawn(self, target: str) -> tuple[int, int]:
        synthetic = self._settings.get("data", {}).get(target.split(" ")[0]) == "synthetic"
        own = {"people": 90, "images_per_view": 6} | self._settings
        return (own["people"], own["images_per_view"]) if synthetic else (0, 0)


def loaded(
    recipe: str, base: str, changes: dict | None = None, control: str = ""
) -> recipes.Recipe | None:
    """The recipe of a method that trains; None for one that does not, or is no recipe."""
    found = _loaded(recipe, family(base), json.dumps(changes or {}), control)
    return found if found and found.stages else None


@cache
def _loaded(recipe: str, family: str, changes: str, control: str) -> recipes.Recipe | None:
    try:
        return recipes.load(recipe, family, json.loads(changes), control)
    except ValueError:
        return None


def family(base: str) -> str:
    """The family of a backbone by its name: "vit", "resnet" or "cnn"."""
    if "ViT" in base:
        return "vit"
    return "resnet" if base.startswith(("mini-", "RN")) else "cnn"
