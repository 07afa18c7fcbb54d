"""The table of a search: questions and the enrolled people who are most like them."""

from collections.abc import Sequence

import pandas as pd


def candidates(
    found: pd.DataFrame, questions: Sequence[str], truth: Sequence[str] = ()
) -> pd.DataFrame:
    """A row per question and candidate, best first.

    Args:
        found: columns question (its number), rank, candidate, similarity, lr (in words), named,
            lone.
        questions: what each is called.
        truth: who each is, where it is known.
    """
    table = pd.DataFrame({"question": [questions[number] for number in found["question"]]})
    if any(truth):
        table["truth"] = [truth[number] for number in found["question"]]
    names = {"rank": "rank", "candidate": "candidate", "similarity": "similarity"}
    for column, name in (names | {"lr": "likelihood ratio"}).items():
        table[name] = found[column].to_numpy()
    table["answer"] = ["named" if named else "–" for named in found["named"]]
    table["remark"] = ["far from everybody" if lone else "" for lone in found["lone"]]
    return table
