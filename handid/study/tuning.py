"""Tuning: as many trials for every system, on people who are in no study, chosen by validation.

Trials are drawn at random within what a recipe's `search` says, so that the expected best by number
of trials (statistics.expected_best) means what it says. They lie in one SQLite file per system and
backbone; a stopped call goes on.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lazy_loader
import pandas as pd

from handid import backbone, disk, embed, fingerprint, given, recipes, statistics
from handid.recipes import System
from handid.study import network as networks
from handid.study.experiment import training_code
from handid.study.strangers import strangers
from handid.study.study import Study

if TYPE_CHECKING:
    import optuna
else:
    optuna = lazy_loader.load("optuna")

COLUMNS = ["system", "method", "backbone", "people", "trial", "validation", "diverged", "changes"]
_RECORDED = fingerprint.PACKAGE / "study" / "recorded_trials.csv"
_WORST = 0.0  # the validation of a trial that diverged: no ranking is worse


def trials(
    lab: Study,
    systems: Mapping[str, Sequence[str]],
    number: int,
    *,
    seed: int = 0,
    changes: dict[str, Any] | None = None,
) -> pd.DataFrame:
    """Give each system on each backbone the same number of trials, or show the recorded ones.

    The first trial has the recipe's own values; the others are drawn. A trial is judged by the mAP
    of people whom it was not trained on, and who are in no study: see `strangers`.

    Args:
        lab: the study to tune for; its first target is tuned on.
        systems: backbone -> keys of systems (recipe, or recipe:control) with a `search`.
        number: of trials of each; 0 for those that were recorded with this package.
        seed: of the draws and of each training.
        changes: values of every recipe to replace, the same for all.

    Returns:
        One row per trial with COLUMNS: `people` are those of the tuning, half of whom train,
        `validation` is in percent, `changes` a dict that `Study.experiment` takes, those of all
        included.

    Raises:
        ValueError: one sentence: nobody to validate on, a range outside the recipe's bounds, trials
            of other code or data, no system, a number below 0, or Optuna is not installed.
    """
    if type(number) is not int or number < 0:
        raise ValueError(f"trials={number!r}: give a whole number, 0 for the recorded ones.")
    if not isinstance(systems, Mapping) or not all(
        isinstance(keys, list | tuple) for keys in systems.values()
    ):
        raise ValueError(
            f"Systems to tune are {given.shown(systems)}: name backbones with lists of recipes."
        )
    pairs = [(name, System.parse(key)) for name, keys in systems.items() for key in keys]
    if not pairs:
        raise ValueError("No system is named to be tuned: write a backbone and its recipes.")
    if not number:
        return recorded()
    if find_spec("optuna") is None:
        raise ValueError("Trials are stored with Optuna: pip install '.[tuning]'.")
    apart = strangers(lab.having(backbones=list(systems)))
    folder = Path(lab.settings.work) / "tuning"
    same = changes or {}
    wanted = [_Tuning(apart, system, name, folder, seed, same) for name, system in pairs]
    for done in range(1, number):  # in rounds: whenever it is stopped, all have had as many
        for one in wanted:
            one.run(done)
    return pd.concat([one.run(number) for one in wanted], ignore_index=True)


def recorded() -> pd.DataFrame:
    """The trials that were recorded with this package, see benchmarks/README.md."""
    return pd.read_csv(_RECORDED, keep_default_na=False, converters={"changes": json.loads})


def title(lab: Study, done: pd.DataFrame, number: int) -> str:
    """Of a figure of trials: says on whose hands, on how many people, and if they were recorded."""
    people = int(done["people"].iloc[0])
    if not number:
        return f"synthetic 11k dorsal right: recorded trials on {people} people who are in no study"
    return f"{lab.label(lab.targets[0])}: trials on {people} people who are in no study"


def chosen(trials: pd.DataFrame) -> pd.DataFrame:
    """The trial of the best validation of each system and backbone; of equal ones the first."""
    groups = trials.groupby(["system", "backbone"], sort=False)["validation"]
    return trials.loc[groups.idxmax()].reset_index(drop=True)


def expected(trials: pd.DataFrame) -> pd.DataFrame:
    """Expected best validation by number of drawn trials, which the first of each is not.

    Returns:
        One row per system, backbone and number: system, method, backbone, trials, best (percent).
    """
    drawn, rows = trials[trials["trial"] > 0], []
    for (system, method, name), part in drawn.groupby(["system", "method", "backbone"], sort=False):
        for number, best in enumerate(statistics.expected_best(part["validation"]), start=1):
            rows.append((system, method, name, number, best))
    return pd.DataFrame(rows, columns=["system", "method", "backbone", "trials", "best"])


class _Tuning:
    """The trials of one system on one backbone.

    Args:
        lab: of strangers.
        system: recipe and control.
        name: of the backbone.
        folder: of all trials.
        seed: of the draws and of each training.
        same: values of the recipe to replace in every trial.
    """

    def __init__(
        self,
        lab: Study,
        system: System,
        name: str,
        folder: Path,
        seed: int,
        same: dict[str, Any],
    ):
        self.lab, self.system, self.name, self.seed, self.same = lab, system, name, seed, same
        family = backbone.architecture(name).family
        self.search = recipes.searched(system.recipe, family, system.control)
        self.plan = recipes.load(system.recipe, family, same, system.control)
        label = f"{system.key} {backbone.label(name)}".replace("/", "").replace(":", "-")
        self.file = folder / f"{'-'.join(label.split())}.sqlite"

    def run(self, trials: int) -> pd.DataFrame:
        """The first trials there are, after adding those that lack."""
        disk.private(self.file.parent)
        with disk.locked(self.file.with_suffix(".lock")), _told(self.file):
            study = self._study()
            done = self._done(study)
            for number in range(len(done), trials):
                self._trial(study, number)
            return self._table(self._done(study)[:trials])

    def _study(self) -> "optuna.Study":
        """The stored trials, if they are of this code and data."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        key = self._key()
        try:
            study = optuna.create_study(
                storage=optuna.storages.RDBStorage(  # an address would read ? and % in a path
                    "sqlite://", {"creator": lambda: sqlite3.connect(self.file)}
                ),
                study_name=self.file.stem,
                direction="maximize",
                load_if_exists=True,
            )
        except (RuntimeError, LookupError) as error:  # another release of Optuna's, which says so
            raise _unusable(self.file, error) from None
        if study.user_attrs.get("key", key) != key:
            raise ValueError(
                f"{self.file} holds trials of other code, data or ranges: keep it elsewhere, or "
                "remove it to tune anew."
            )
        study.set_user_attr("key", key)
        return study

    def _key(self) -> str:
        target = self.lab.targets[0]
        weights = self.lab.settings.weights or backbone.own_weights(self.name)
        parts = [self.plan.model_dump(exclude={"name", "title", "controls", "ablations"})]
        parts += [str(target), self.lab.photographs.key(target.set), self.lab.settings.runs]
        parts += [backbone.label(self.name), weights, self.seed, self.lab.engine.precision]
        return fingerprint.digest([*parts, training_code(self.plan, self.name)])

    def _done(self, study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
        """Finished trials by their number; one that was stopped is no trial, and is done again."""
        try:
            stored = study.get_trials(deepcopy=False)
            finished = [trial for trial in stored if "validation" in trial.user_attrs]
            by_number = {_checked(trial.user_attrs)["number"]: trial for trial in finished}
            return [by_number[number] for number in range(len(by_number))]
        except (LookupError, TypeError, ValueError):
            raise _unusable(self.file, "a trial in it is damaged") from None

    def _trial(self, study: "optuna.Study", number: int) -> None:
        """Draw, train, judge; the draw depends on the seed and the number alone."""
        drawn = (self.seed * 1_000_003 + number) % 2**32  # NumPy takes no larger ones
        study.sampler = optuna.samplers.RandomSampler(seed=drawn)
        if number == 0:
            study.enqueue_trial(
                {key: recipes.value_of(self.plan, key) for key in self.search.values}
            )
        trial = study.ask()
        values = self.search.values.items()
        changes = self.same | {key: _suggested(trial, key, one) for key, one in values}
        trial.set_user_attr("number", number)
        try:
            value, why = self._validation(changes), ""
        except FloatingPointError as error:
            value, why = _WORST, str(error)
        trial.set_user_attr("diverged", why)
        trial.set_user_attr("changes", json.dumps(changes))
        trial.set_user_attr("validation", value)
        study.tell(trial, value)

    def _validation(self, changes: dict[str, Any]) -> float:
        """The mAP, percent, of a training with these values; what it left on disk goes."""
        target = self.lab.targets[0]
        how = {"seed": self.seed, "changes": changes, "control": self.system.control}
        experiment = self.lab.experiment(self.system.recipe, self.name, target, **how)
        rows = self.lab.score(experiment).rows
        model = networks.Embedder(experiment, self.lab.photographs, self.lab.engine).model
        shutil.rmtree(experiment.folder)
        for kept in embed.files(Path(self.lab.settings.work) / "cache" / "embeddings", model):
            kept.unlink(missing_ok=True)
        return float(rows.loc[rows["metric"] == "mAP", "value"].iloc[0])

    def _table(self, done: list["optuna.trial.FrozenTrial"]) -> pd.DataFrame:
        people = int(self.lab.table(self.lab.targets[0].set)["subject"].nunique())
        about = [self.system.key, self.plan.title, backbone.label(self.name), people]
        rows = [
            [*about, attrs["number"], attrs["validation"], attrs["diverged"]]
            + [json.loads(attrs["changes"])]
            for attrs in (trial.user_attrs for trial in done)
        ]
        return pd.DataFrame(rows, columns=COLUMNS)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Say in one sentence what is wrong with a file of trials that cannot be read or written.

    Raises:
        ValueError: in the place of what the database's libraries raise.
    """
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        cause: Any = error if isinstance(error, SQLAlchemyError) else error.__cause__ or error
        raise _unusable(file, getattr(cause, "orig", None) or cause) from None


def _unusable(file: Path, reason: object) -> ValueError:
    said = given.printable(str(reason).strip().split("\n")[0].rstrip("."))
    return ValueError(
        f"{given.printable(str(file))} holds no trials that can be read or added to ({said}): wait "
        "if another program uses it, mend who may write it, or move it away to tune anew."
    )


def _checked(attributes: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a finished trial, as `_trial` writes it.

    Raises:
        LookupError, TypeError, ValueError: if it is not.
    """
    kinds = {"number": int, "validation": Real, "diverged": str}
    if not all(isinstance(attributes[name], kind) for name, kind in kinds.items()):
        raise TypeError
    dict(json.loads(attributes["changes"]))
    return attributes


def _suggested(trial: "optuna.Trial", key: str, values: recipes.Range) -> Any:
    """A value of a range for one trial."""
    if values.one_of or values.low is None or values.high is None:
        return trial.suggest_categorical(key, values.one_of)
    if values.whole:
        return trial.suggest_int(key, int(values.low), int(values.high), log=values.log)
    return trial.suggest_float(key, values.low, values.high, log=values.log)
