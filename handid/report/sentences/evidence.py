"""What a match is worth, in sentences: the answer, and a paragraph that a court could be given."""

from collections.abc import Sequence

import numpy as np

from handid.evidence import verification
from handid.report.sentences.verdicts import counted, listed
from handid.report.tables.evidence import DECISIONS, decision, shown
from handid.report.worth import Worth
from handid.statistics import clopper_pearson

_PROPOSITIONS = {
    "papers": ("the same hand", "the hands of two people of this set"),
    "bursts apart": ("the same hand", "the hands of two people of this set"),
    "other hand": ("the two hands of one person", "hands of two people of this set"),
}
_SESSION = {
    "papers": "photographed as those of this set were, perhaps moments apart",
    "bursts apart": "photographed as those of this set were, in two bursts",
    "other hand": "photographed as those of this set were",
}
LEFT_OUT = (
    "What a day, camera, light, age or injury that this set does not have does to the similarity "
    "is not in these figures; nor is whether the people of this set stand for those who could have "
    "been photographed; nor among how many photographs somebody chose. A factor is not the "
    "probability that it is the same hand, which also depends on everything else in the case."
)

NOTHING = "no target here can show any of the tasks, so every table and figure is empty."
NO_GROUPS = (
    "This set's table says nothing of age, gender, skin colour or nail polish: no errors by group "
    "can be shown, and nothing is known of fairness."
)


def worth(systems: Sequence[Worth], reported: str, criteria: dict[str, float]) -> str:
    """What a match is worth with the system that was named before the test, on each place.

    Args:
        systems: all that were judged; one sentence says so if there is none.
        reported: key of the system (recipes.System.key) that the answer is about.
        criteria: metric -> highest value allowed.

    Raises:
        ValueError: one sentence, if the system was not judged.
    """
    if not systems:
        return f"**A match has no worth that could be stated**: {NOTHING}"
    ours = [system for system in systems if system.system == reported]
    if not ours:
        known = ", ".join(dict.fromkeys(system.system for system in systems))
        raise ValueError(f"'{reported}' was not judged here: report one of {known}.")
    parts = [f"{_answer(system)} {_decided(system, criteria)}" for system in ours]
    parts += [_court(system) for system in ours if system.calibration][:1]
    return "\n\n".join(parts)


def _answer(system: Worth) -> str:
    where = f"with {system.name} on {system.where} ({system.n_people} test people)"
    if system.calibration is None:
        start = "**A match has no worth that could be stated**"
        return f"{start} {where}: {system.refusal}{_searching(system)}"
    low, high = system.bounds
    return (
        f"**A match is worth at most a factor of {_factor(high)}** {where}, and a mismatch at "
        f"most {_factor(-low)} for the other proposition: so few people support no more."
        f"{_searching(system)}"
    )


def _searching(system: Worth) -> str:
    """What a search misses and returns; nothing where no threshold is set."""
    if system.figure("fpir") is None or system.figure("fnir") is None:
        return ""
    return (
        f" Searching {counted(system.n_gallery, 'enrolled hand')} at the threshold that "
        f"development people set to an FPIR of {100 * system.set_to:g} %, it names somebody for a "
        f"person who is not in the list in {_share(system, 'fpir')} of the searches, and misses "
        f"somebody who is in {_share(system, 'fnir')}."
    )


def _share(system: Worth, metric: str) -> str:
    """A share in percent; one below what these people support is less than that."""
    row, text = system.figure(metric), shown(system, metric)
    if row is not None and row["value"] < row["floor"]:
        return f"less than {100 * row['floor']:.1f} % (so few people support no lower figure)"
    return "an unknown share" if text.startswith(("n/a", "–")) else f"{text} %"


def _court(system: Worth) -> str:
    """One paragraph that a court could be given, with what it leaves out in the same breath."""
    assert system.calibration is not None
    score = float(np.nanmedian(system.mated))
    log10 = float(system.calibration.log10_lr([score])[0])
    ends = system.calibration.interval(score)
    same, different = _PROPOSITIONS.get(system.task, _PROPOSITIONS["papers"])
    one, other, limit = same, different, system.bounds[1]
    if log10 < 0:
        one, other, limit = different, same, -system.bounds[0]
        ends = (-ends[1], -ends[0])
    session = _SESSION.get(system.task, _SESSION["papers"])
    return (
        f"**For a court.** With {system.name}, on {system.place}, a similarity of {score:.2f} "
        f"(half of all comparisons of {same} have more) supports the proposition that the two "
        f"photographs show {one}, {session}, against the proposition that they show {other}, by a "
        f"factor of {_factor(abs(log10))} ({_between(*ends)}); so few people support a factor of "
        f"at most {_factor(limit)} for it, whatever the similarity. {LEFT_OUT} "
        f"The factor was fitted on {system.n_development} other people. In "
        f"the test it pointed the wrong way for {_share(system, 'misleading_mated')} of the "
        f"comparisons of {same} and for {_share(system, 'misleading_nonmated')} of those of "
        f"{different}."
    )


def _factor(log10: float) -> str:
    """A likelihood ratio as words have it; small ones with decimals."""
    ratio = 10**log10
    return f"{ratio:.{1 if ratio >= 1 else 2}f}" if ratio < 10 else f"{ratio:,.0f}"


def _between(low: float, high: float) -> str:
    """An interval of a factor for a proposition; below 1 it is one for the other proposition."""
    if low == high:
        return "the bound, as all of its 95 % interval over the people it was fitted on"
    return f"95 % interval {_factor(low)} to {_factor(high)} over the people it was fitted on"


def _decided(system: Worth, criteria: dict[str, float]) -> str:
    found = [decision(system, *one) for one in criteria.items()]
    counts = [f"{found.count(kind)} {kind}" for kind in DECISIONS if kind in found]
    return f"Criteria fixed before the test: {listed(counts)}." if counts else ""


def about_worth(systems: Sequence[Worth]) -> str:
    """What the intervals hold, and what the figures of these places leave empty, and why."""
    if not systems:
        return f"- {NOTHING.capitalize()}"
    lines = [_about_seeds(systems)]
    if not any(system.n_extra for system in systems):
        lines.append(
            "No set here has people who are in neither half (HD has), so the row of searches by "
            "extra people is empty."
        )
    for refusal in dict.fromkeys(system.refusal for system in systems if system.refusal):
        names = dict.fromkeys(f"{s.name} ({s.task})" for s in systems if s.refusal == refusal)
        lines.append(f"Not calibrated, and empty in every figure: {', '.join(names)}. {refusal}")
    return "\n".join(f"- {line}" for line in lines)


def _about_seeds(systems: Sequence[Worth]) -> str:
    """What the intervals hold of seeds; of several, which systems have but one, and the part."""
    seeds = max(system.seeds for system in systems)
    if seeds == 1:
        return (
            "One training per system: its seed is not in the intervals, which are over test people."
        )
    single = list(dict.fromkeys(system.name for system in systems if system.seeds == 1))
    but = f" ({listed(single)}: one only, and no seed in its intervals)" if single else ""
    words = (
        f"Figures are means over {seeds} trainings{but}; their intervals are over test people and "
        "over seeds. Curves, bounds, groups and the paragraph for a court are those of the first "
        "training."
    )
    parts = [system.figures["seed_part"].dropna() for system in systems]
    shares = [100 * share for part in parts for share in part]
    if not shares:
        return words
    span = f"{min(shares):.0f} to {max(shares):.0f} %"
    return f"{words} Of the intervals' variance the seeds' part is {span}."


def groups(worth: Worth) -> str:
    """What the figures of groups can show, and what they cannot."""
    if worth.groups.empty:
        return NO_GROUPS
    people = worth.groups.drop_duplicates(["attribute", "group"])
    few = people[people["share"].isna()]
    names = [f"{row['attribute']} {row['group']} ({row['n_people']})" for _, row in few.iterrows()]
    counted_only = f" Counted and not judged, with fewer than ten people: {listed(names)}."
    return (
        "All groups meet the same threshold. Their names are those of the set's table; age, "
        "gender and skin colour go together in so few people, and several groups are compared at "
        "once: an interval that stands apart is a question to ask, not a finding, and one that "
        "does not is no proof of fairness." + (counted_only if names else "")
    )


def examiners() -> str:
    """What is published on people who compare hands, and why it is not comparable.

    Sources: Forensic Science, Medicine and Pathology 11(4), 504-508 (2015), and Jackson and Black,
    International Journal of Legal Medicine 128(3), 555-563 (2014), doi 10.1007/s00414-013-0828-5.
    Abstracts were read; the full texts were not.
    """
    (low, high), floor = clopper_pearson(50, 51 * 50), 100 * verification.floor(51)
    return (
        "**A human beside it.** In *Identifying suspects by matching hand photographs with video "
        "evidence* (Forensic Science, Medicine and Pathology 11, 2015, 504-508) the backs of the "
        "right hands of 51 men, stills of a video on one side and photographs on the other, were "
        'compared in all 2,601 pairs and judged "highly likely", "possible" or "unlikely": all 51 '
        'were matched, and of the 2,550 pairs of different men none was called "highly likely" and '
        f'50 "possible" ({100 * 50 / 2550:.1f} %; {100 * low:.1f} to {100 * high:.1f} if pairs '
        "were independent, which they are not). Jackson and Black (International Journal of Legal "
        "Medicine 128, 2014, 555-563) show how counts of scars in a database of hands inform a "
        "likelihood ratio, and give no error rate in the abstract. *Checked: both abstracts. Not "
        "checked: the full texts, who compared, how long, and whether video and photographs are of "
        "one day.* Not comparable with the figures above: they saw all pairs of one closed list "
        "and gave words, no threshold was set on other people, and cameras, hands and their number "
        f"are others; a rate of 2 % lies below what 51 people support (floor {floor:.1f} %)."
    )
