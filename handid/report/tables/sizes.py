"""Tables of what networks cost, beside what they reach."""

import pandas as pd

from handid.report.rows import mean_over_seeds, with_interval


def backbones(rows: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """One row per backbone: rank-1 of one untrained system on each test set, beside size and speed.

    Args:
        rows: tidy rows, of whatever systems.
        sizes: of study's `sizes`, of that one system.

    Returns:
        Rank-1 in percent, of the first test set best first; millions of parameters of the image
        encoder; side of the input in pixels; images per second here.
    """
    ours = rows[rows["system"].isin(sizes["system"]) & (rows["metric"] == "rank1")]
    means = mean_over_seeds(ours)
    means["text"] = means.apply(with_interval, axis=1)
    means = means.sort_values("value", ascending=False, kind="stable")
    names = {test: f"rank-1, {test}" for test in ours["test_set"].unique()}
    first = means[means["test_set"] == next(iter(names))]
    table = means.pivot(index="backbone", columns="test_set", values="text")[list(names)]
    table = table.loc[first["backbone"]].rename(columns=names)
    costs = sizes.set_index("backbone")
    table["parameters (millions)"] = (costs["parameters"] / 1e6).map("{:.1f}".format)
    table["input (pixels)"] = costs["pixels"]
    table["images/s"] = costs["images_per_second"].map("{:,.0f}".format)
    return table.rename_axis(columns=None).reset_index()


def trained(sizes: pd.DataFrame) -> pd.DataFrame:
    """One row per method and backbone: how many numbers learn, and what share of the encoder.

    Args:
        sizes: of study's `sizes`.
    """
    share = 100 * sizes["trained"] / sizes["parameters"]
    columns = {
        "method": sizes["method"],
        "backbone": sizes["backbone"],
        "trained parameters": sizes["trained"].map("{:,}".format),
        "image encoder": sizes["parameters"].map("{:,}".format),
        "trained, % of the encoder": share.map("{:.1f}".format),
    }
    return pd.DataFrame(columns)
