"""The verbs about trained experiments: evidence, closer looks, searches, models to hand on."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from handid import disk, method, saliency
from handid.evidence.record import Record
from handid.report import rows
from handid.report.growth import Growth
from handid.report.rows import Score
from handid.report.worth import Worth
from handid.study import (
    doors,
    findings,
    growth,
    look,
    model,
    network,
    panel,
    search,
    settings,
    texts,
    worth,
)
from handid.study.experiment import Experiment
from handid.study.findings import Answer, Asked, Found
from handid.study.photographs import Photographs
from handid.train import Engine


@doors.guarded
class Looks:
    """What a study asks of an experiment beside its score; Study has these verbs too.

    Attributes:
        settings: of the study.
        photographs: of the study.
        engine: device and precision.
    """

    settings: settings.Settings
    photographs: Photographs
    engine: Engine

    # --- what a match is worth ----------------------------------------------------------------

    def expect_worth(
        self,
        tasks: Iterable[str],
        set_to: float,
        reported: str,
        criteria: dict[str, float],
        *,
        among: Iterable[str],
    ) -> None:
        """Refuse, before anything is trained, what a match's worth could not be judged by.

        Args:
            tasks: keys of tasks.TASKS.
            set_to: between 0 and 0.5.
            reported: the system of the validation report, a key of recipes.System.
            criteria: metric -> highest value allowed, see tables.check_criteria.
            among: recipes that are judged.

        Raises:
            ValueError: one sentence.
        """
        worth.expect(tasks, set_to, reported, criteria, among)

    def worth(
        self, experiments: Sequence[Experiment], tasks: Iterable[str], set_to: float
    ) -> list[Worth]:
        """What a match is worth with each experiment, by task that its target can show.

        Args:
            experiments: each is tested on its own target; seeds of one are put together.
            tasks: keys of tasks.TASKS; a warning says which a target cannot show.
            set_to: false match rate and FPIR to which development people set the thresholds.
        """
        return worth.of_all(experiments, tasks, self.photographs, self.engine, set_to=set_to)

    def record_worth(self, worths: Sequence[Worth], notebook: str) -> pd.DataFrame:
        """Write every figure that its people support as the notebook's results; return the rows.

        Args:
            worths: of the notebook.
            notebook: its stem.
        """
        parts = [worth.rows for worth in worths]
        tidy = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=rows.COLUMNS)
        rows.write_rows(tidy, self.settings.work, notebook)
        return tidy

    def calibration(self, experiment: Experiment, task: str = "papers") -> Record:
        """The calibration kept with an experiment, made first if need be, see worth.calibration."""
        return worth.calibration(experiment, task, self.photographs, self.engine)

    def expect_growth(self, set_to: float, **size: int) -> None:
        """Refuse, before anything is trained, sizes of a gallery that tell nothing, see growth."""
        growth.expect(growth.Size(**size), set_to)

    def growth(
        self, experiments: Iterable[Experiment], notebook: str, set_to: float, **size: int
    ) -> list[Growth]:
        """How searches change as the gallery grows, see growth.measure; writes the results.

        Args:
            experiments: whose embeddings are compared.
            notebook: its stem.
            set_to: FPIR of the threshold among the fitted strangers, a share.
            size: the fields of growth.Size.
        """
        how = {"size": growth.Size(**size), "set_to": set_to}
        parts = [
            (one, growth.measure(one, self.photographs, self.engine, **how)) for one in experiments
        ]
        tidy = [growth.rows(found, one, self.photographs) for one, found in parts]
        rows.write_rows(pd.concat(tidy, ignore_index=True), self.settings.work, notebook)
        return [found for _, found in parts]

    # --- a closer look ------------------------------------------------------------------------

    def load(self, experiment: Experiment) -> method.Method:
        """The experiment's method with its weights, on the study's device."""
        return network.load(experiment, self.engine)

    def matches(
        self, experiment: Experiment, *, queries: int = 6, top: int = 5, show: bool = True
    ) -> look.Matches:
        """Some queries with their best matches, see look.matches."""
        how = {"queries": queries, "top": top, "show": show}
        return look.matches(experiment, self.photographs, self.engine, **how)

    def similarity_maps(
        self, experiment: Experiment, *, queries: int = 4, orders: int = 19, show: bool = True
    ) -> saliency.Maps:
        """Where similarities come from, see look.similarity_maps."""
        how = {"queries": queries, "orders": orders, "show": show}
        return look.similarity_maps(experiment, self.photographs, self.engine, **how)

    def texts(self, experiment: Experiment, shown: int = 4, top: int = 3) -> texts.Texts:
        """What a text branch learned of its training people, see texts.texts_of."""
        return texts.texts_of(experiment, self.photographs, self.engine, shown=shown, top=top)

    # --- own photographs, and models that are handed on ---------------------------------------

    def search(
        self,
        experiment: Experiment,
        enrolled: str = "enrolled",
        questions: str = "questions",
        *,
        top: int = 5,
        show: bool = True,
    ) -> Found:
        """Whose hands photographs show, see search.find; writes search/candidates.csv.

        Args:
            experiment: whose embeddings are compared.
            enrolled: name of the data set of known people.
            questions: name of the data set to ask about; where the study has neither, test people
                of the experiment's target are enrolled and asked about.
            top: candidates per question.
            show: False numbers people and questions, real people in an order of the study's own;
                the file keeps the names.
        """
        how = {"sets": (enrolled, questions), "top": top}
        # Those of other questions must not stand there if this search fails.
        findings.file_in(self.settings.work).unlink(missing_ok=True)
        found = search.find(experiment, self.photographs, self.engine, **how)
        findings.write(found, self.settings.work)
        if show:
            return found
        given = self.photographs.sets.get(enrolled)
        drawn = self.photographs.is_synthetic(experiment.target)
        if given and given.root:
            drawn = given.synthetic
        salt = b"" if drawn else disk.secret(Path(self.settings.work) / "salt")
        return findings.without_names(found, salt)

    def candidates(
        self, found: Found, count: int, *, show: bool = True
    ) -> tuple[list[Asked], list[list[Answer]]]:
        """Pictures of the first questions and of their candidates, see findings.pictures."""
        return findings.pictures(found, self.photographs, count, show)

    def panel(
        self,
        experiment: Experiment,
        enrolled: str = "enrolled",
        *,
        top: int = 5,
        show: bool = True,
    ) -> panel.Panel:
        """People who are enrolled, to be asked about photographs that nobody keeps, see panel.

        Args:
            experiment: whose embeddings are compared.
            enrolled: name of the data set of known people; test people of the experiment's target
                where the study has none.
            top: candidates per photograph.
            show: False numbers people, and shows none of their photographs.
        """
        how = {"enrolled": enrolled, "top": top, "show": show}
        return panel.panel(experiment, self.photographs, self.engine, **how)

    def expect_export(self, folder: str | Path) -> None:
        """Refuse, before anything is trained, a folder ("" for none) that cannot be made."""
        if folder:
            disk.new_folder(settings.located(folder))

    def export(self, experiment: Experiment, folder: str | Path, score: Score) -> str:
        """Write a model that can be handed on into a new folder ("" for none); say it in words.

        Args:
            experiment: the model.
            folder: to be made; a relative path counts from the notebook's folder.
            score: its figures on its own target, for the card.
        """
        if not folder:
            return "No folder is named for the model: it is not handed on."
        return model.export(experiment, settings.located(folder), score)
