"""Summary tables made by hand: every question supported, until a test moves a number."""

import pyarrow as pa

from attnaudit import tables

Row = tuple[float | None, float | None, float | None, int]

GROUPS = ("overall", "predicted no", "predicted yes")


def supported(group: str, other_seeds: int = 5, pairs: int = 5) -> dict[tuple[str, str, str, str], Row]:
    """All that the card reads about a group, clear of every threshold."""
    a, g, loo = "attention", "gradient_detached", "leave_one_out"
    uniform, seeds = "uniform model", "other seeds"
    rows: dict[tuple[str, str, str, str], Row] = {
        ("agreement", f"{a} ~ {g}", group, "mean"): (0.55, 0.54, 0.56, 200),
        ("agreement", f"{a} ~ {loo}", group, "mean"): (0.54, 0.53, 0.55, 200),
        ("agreement", f"{g} ~ {loo}", group, "mean"): (0.6, 0.59, 0.61, 200),
        ("agreement", f"{a} ~ {g}", group, "share_of_ceiling"): (0.92, 0.9, 0.94, 200),
        ("agreement", f"{a} ~ {loo}", group, "share_of_ceiling"): (0.9, 0.88, 0.92, 200),
        ("permutation", "permuted", group, "median_tvd"): (0.3, 0.28, 0.32, 200),
        ("adversary", "adversarial_exact", group, "share_jsd_from_0.4"): (0.94, 0.9, 0.97, 200),
        ("adversary", "same_weights", group, "mean_jsd"): (0.1, 0.09, 0.11, 200),
        ("adversary", "same_weights", group, "mean_upper_jsd"): (0.105, 0.095, 0.115, 200),
        ("adversary", "same_weights", group, "share_of_permuted"): (0.3, 0.28, 0.32, 200),
        (uniform, uniform, group, "score_difference"): (0.05, 0.04, 0.06, 200),
        (uniform, uniform, group, "score"): (0.8, 0.79, 0.81, 200),
        (uniform, "base", group, "score"): (0.85, 0.84, 0.86, 200),
        ("seeds", seeds, group, "share_of_permuted"): (0.2, 0.18, 0.22, 200),
        ("seeds", seeds, group, "mean_jsd"): (0.05, 0.04, 0.06, 200),
        ("seeds", seeds, group, "mean_tvd"): (0.15, 0.14, 0.16, 200),
        ("seeds", seeds, group, "share_adversary_beyond"): (0.97, 0.95, 0.99, 200),
        ("guide", "base above uniform", group, "score_difference"): (0.03, 0.02, 0.04, 200),
        ("guide", "base", group, "score"): (0.83, 0.82, 0.84, 200),
        ("guide", "uniform", group, "score"): (0.8, 0.79, 0.81, 200),
        ("guide", "own", group, "score"): (0.82, 0.81, 0.83, 200),
        ("erasure", "attention, renormalise", group, "sooner_than_random"): (0.9, 0.88, 0.92, 200),
        ("erasure", "attention, delete", group, "sooner_than_random"): (0.91, 0.89, 0.93, 200),
        ("erasure", "gradient_detached, renormalise", group, "sooner_than_random"): (0.95, 0.94, 0.96, 200),
    }
    if group == "overall":
        rows["seeds", seeds, group, "n_seeds"] = (float(other_seeds), None, None, other_seeds)
        rows[uniform, uniform, group, "n_seeds"] = (float(pairs), None, None, pairs)
    return rows


def summary(*changes: dict, groups: tuple[str, ...] = ("overall",), **numbers: int) -> pa.Table:
    """The table, with changed rows; a row that is None is left out."""
    rows: dict = {}
    for group in groups:
        rows |= supported(group, **numbers)
    for change in changes:
        rows |= change
    kept = [(*key, *row, 0) for key, row in rows.items() if row is not None]
    names = [column.name for column in tables.TABLES["summary"].columns]
    return tables.build(
        "summary", {name: [row[i] for row in kept] for i, name in enumerate(names)}, n_rows=len(kept)
    )


SAME = ("adversary", "same_weights", "overall", "share_of_permuted")
TVD = ("permutation", "permuted", "overall", "median_tvd")
GRADIENT = ("agreement", "attention ~ gradient_detached", "overall", "share_of_ceiling")
LEFT_OUT = ("agreement", "attention ~ leave_one_out", "overall", "share_of_ceiling")
CEILING = ("agreement", "gradient_detached ~ leave_one_out", "overall", "mean")
LOST = ("uniform model", "uniform model", "overall", "score_difference")
SEEDS = ("seeds", "other seeds", "overall", "share_of_permuted")
GUIDE = ("guide", "base above uniform", "overall", "score_difference")
SOONER = ("erasure", "attention, renormalise", "overall", "sooner_than_random")
DELETED = ("erasure", "attention, delete", "overall", "sooner_than_random")
