"""The verbs that notebooks call. It holds no science: each verb is one call of another room."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from handid import given, protocol
from handid.data.sets import Target
from handid.recipes import System
from handid.report import rows
from handid.report.rows import Score
from handid.study import (
    ask,
    audit,
    doors,
    jobs,
    look,
    machine,
    notes,
    score,
    settings,
    size,
    words,
)
from handid.study.experiment import Experiment
from handid.study.experiments import Experiments
from handid.study.looks import Looks
from handid.study.photographs import Photographs
from handid.synthetic import caption


@doors.guarded
class Study(Looks):
    """Photographs, backbones and products of one run of the study.

    Args:
        parameters: the fields of settings.Settings.

    Raises:
        ValueError: one sentence for an unknown or ill-typed parameter.
    """

    def __init__(self, **parameters: object):
        notes.into_page()
        self.settings = settings.checked(**parameters)
        self.photographs = Photographs(self.settings)
        self.engine = machine.engine(self.settings)
        self._experiments = Experiments(self.settings, self.photographs, self.engine)

    def having(self, *groups: Mapping[str, object], **parameters: object) -> "Study":
        """The same study with other values of some parameters.

        Args:
            groups: names with values, beside those that are named; each name once.
            parameters: likewise.

        Raises:
            ValueError: one sentence, as of Study; for a group that is none, or a name given twice.
        """
        for group in groups:
            if not isinstance(group, Mapping) or not all(isinstance(k, str) for k in group):
                raise ValueError(f"{given.shown(group)} names no parameters: give a mapping.")
            if twice := [name for name in group if name in parameters]:
                raise ValueError(
                    f"Parameter {given.shown(twice[0])} is given twice: leave one out."
                )
            parameters |= group
        study = Study(**self.settings.model_dump() | parameters)
        study.photographs.share(self.photographs)
        return study

    # --- data ---------------------------------------------------------------------------------

    @property
    def targets(self) -> list[Target]:
        """The targets for which there is data."""
        return self.photographs.targets

    @property
    def sets(self) -> list[str]:
        """Names of the data sets of the targets."""
        return list(dict.fromkeys(target.set for target in self.targets))

    @property
    def name(self) -> str:
        """What titles start with: says 'synthetic' and the target, or how many there are."""
        return words.name(self.targets, self.photographs)

    def label(self, target: str | Target) -> str:
        """A target's name for titles: says 'synthetic' wherever the photographs are."""
        return self.photographs.label(self.photographs.target(target))

    def title(self, experiment: Experiment) -> str:
        """One experiment for titles: target, said to be synthetic where it is, method, backbone."""
        return words.title(experiment, self.photographs)

    def table(self, name: str) -> pd.DataFrame:
        """The table of a data set, see Photographs.table."""
        return self.photographs.table(name)

    def audit(self, name: str) -> pd.DataFrame:
        """Counts per view of a data set, see audit.counts."""
        return audit.counts(name, self.photographs)

    def images_per_person(self, name: str) -> pd.DataFrame:
        """See audit.images_per_person."""
        return audit.images_per_person(name, self.photographs)

    def overlap(self, name: str) -> pd.DataFrame:
        """People who train in one view and are test people in another, by pair of views."""
        return protocol.person_overlap(self.photographs.table(name))

    def problems(self, name: str) -> pd.DataFrame:
        """Files that are broken or there twice, see audit.problems."""
        return audit.problems(name, self.photographs)

    def sample(
        self, name: str, people: int = 6, show: bool = True
    ) -> tuple[list[np.ndarray], list[str]]:
        """Photographs of a few people and their views, see look.sample."""
        return look.sample(name, self.photographs, people, show)

    # --- experiments --------------------------------------------------------------------------

    def experiment(
        self,
        recipe: str,
        backbone_name: str,
        target: str | Target,
        *,
        seed: int = 0,
        changes: dict | None = None,
        control: str = "",
    ) -> Experiment:
        """Train a recipe on a target's training people, or find it trained, see Experiments.one."""
        system, seed = System(recipe, control), given.whole("seed", seed, 0)
        if seed >= 2**63:  # as of Settings
            raise ValueError(f"seed={given.shown(seed)} is too large: give one below 2**63.")
        return self._experiments.one(system, backbone_name, target, seed=seed, changes=changes)

    def experiments(
        self, *names: str, controls: Sequence[str] = ("",), changes: dict | None = None
    ) -> list[Experiment]:
        """Recipes, with controls, on every target, backbone and seed, see Experiments.all."""
        return self._experiments.all(*names, controls=controls, changes=changes)

    def untrained(self, *names: str, changes: dict | None = None) -> list[Experiment]:
        """Recipes' methods before their first step: what training adds is measured against them."""
        return self._experiments.all(*names, changes=changes, trained=False)

    def expect(
        self, *names: str, controls: Iterable[str] = (), changes: dict | None = None
    ) -> None:
        """Refuse what cannot be built, loaded or fed, see Experiments.expect."""
        self._experiments.expect(*names, controls=controls, changes=changes)

    # --- scores -------------------------------------------------------------------------------

    def score(
        self,
        experiment: Experiment,
        target: str | Target | None = None,
        *,
        task: str = "papers",
        image: str = "whole",
    ) -> Score:
        """Evaluate an experiment on a target's test people (its own if None), see score.score."""
        place = self.photographs.target(target) if target else experiment.target
        how = {"task": task, "image": image}
        return score.score(experiment, place, self.photographs, self.engine, **how)

    def scores(self, experiments: Iterable[Experiment]) -> list[Score]:
        """`score` of each experiment on its own target."""
        return self._scores([(experiment, experiment.target) for experiment in experiments])

    def across(self, experiments: Iterable[Experiment]) -> list[Score]:
        """`score` of each experiment on every target, its own and the others, see score.pairs."""
        return self._scores(score.pairs(experiments, self.photographs))

    def _scores(self, pairs: Sequence[tuple[Experiment, Target]]) -> list[Score]:
        if self.settings.cluster:
            return jobs.score_all(pairs, self.settings, self.engine)
        return [self.score(experiment, target) for experiment, target in pairs]

    def record(self, scores: Iterable[Score], notebook: str, *, plain: bool = True) -> pd.DataFrame:
        """Write scores' rows and CMC curves as the notebook's results; return the rows written.

        Args:
            scores: of the notebook.
            notebook: its stem.
            plain: False leaves out the papers' own task on whole photographs, where the notebook
                draws less often than the others, which record it too.
        """
        kept = [score for score in scores if plain or not rows.is_plain(score)]
        return rows.write(kept, self.settings.work, notebook)

    def sizes(self, experiments: Iterable[Experiment]) -> pd.DataFrame:
        """What their networks cost, see size.sizes."""
        return size.sizes(experiments, self.photographs, self.engine)

    def ask(
        self,
        recipe: str = "clip_zero_shot",
        *,
        control: str = "",
        questions: Sequence[caption.Question] = caption.QUESTIONS,
    ) -> pd.DataFrame:
        """Ask every backbone zero-shot questions about every photograph, see ask.of_every_set."""
        system, parts = System(recipe, control), (self._experiments, self.photographs, self.engine)
        return ask.of_every_set(system, questions, *parts)

    # --- words --------------------------------------------------------------------------------

    def preface(self) -> str:
        """What this run stands on, in Markdown: data, weights, hardware; says what is synthetic."""
        return words.preface(self.sets, self.photographs, self.engine.device)


def preface(*studies: Study) -> str:
    """The prefaces of several studies; what they have in common is said once."""
    lines = [line for study in studies for line in study.preface().splitlines()]
    return "\n".join(dict.fromkeys(lines))
