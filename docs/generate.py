"""Write the parts of the documentation that come from the code; with `--check`, only say whether they are current."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel

from attnaudit import spec, tables
from attnaudit.spec.companions import Companions
from attnaudit.spec.policy import Policy

HERE = Path(__file__).parent


def tables_page() -> str:
    """`tables.md`: every table, its key and its columns."""
    lines = [
        "# The tables",
        "",
        "Made from `attnaudit.tables` by `make docs`; the Parquet files carry the same texts in their metadata.",
        "A value that does not exist is null, and `status` says why. Tables marked *derived* are computed from the",
        f"stored ones whenever a run is opened. Schema version {tables.SCHEMA_VERSION}. The last tables are made "
        "from several runs, by `attnaudit reproduce` and `attnaudit compare`.",
        "",
        f"A `status` is one of: {', '.join(f'`{status}`' for status in tables.STATUSES)}.",
    ]
    for table in (*tables.TABLES.values(), *tables.ACROSS_RUNS.values()):
        lines += ["", f"## `{table.name}`{' (derived)' if table.derived else ''}", "", table.meaning]
        lines += [f"Key: {', '.join(f'`{name}`' for name in table.key)}.", ""]
        lines += ["| column | type | unit | range | null | meaning |", "|---|---|---|---|---|---|"]
        for column, field in zip(table.columns, table.schema, strict=True):
            extent = (field.metadata or {}).get(b"range", b"").decode()
            nullable = "yes" if column.nullable else "imported" if column.knowable else ""
            kind = str(column.type).replace("element: ", "").replace("child 0, ", "")
            lines.append(
                f"| `{column.name}` | `{kind}` | {column.unit} | {extent} | {nullable} | {column.meaning} |"
            )
    return "\n".join(lines) + "\n"


_BESIDE = "beside a run"


def settings_page() -> str:
    """`settings.md`: every setting of a spec, with its default and range."""
    lines = [
        "# The settings of a spec",
        "",
        "Made from `attnaudit.spec` by `make docs`. A spec is a TOML or YAML file; `attnaudit run` takes the same",
        "settings as flags, or as `--set train.batch=64`.",
    ]
    parts: dict[str, tuple[type[BaseModel], ...]] = {
        **spec.PARTS,
        "at the top": (spec.Spec,),
        _BESIDE: (Companions,),
    }
    for section, models in parts.items():
        lines += ["", f"## {section}"]
        if section == _BESIDE:
            lines += ["", "No part of a spec: given as flags, or to `attnaudit.studies.gather.gather`."]
        for model in models:
            name = model.model_fields["name"].default if "name" in model.model_fields else ""
            said = (model.__doc__ or "").split("\n\n")[0].replace("\n", " ").strip()
            lines += [
                "",
                f"### `{name}`" if name else "",
                said,
                "",
                "| setting | default | range | meaning |",
            ]
            lines += ["|---|---|---|---|"]
            for field, info in model.model_fields.items():
                if field == "name" or (model is spec.Spec and field in parts):
                    continue
                default = "must be given" if info.is_required() else f"`{_shown(info.default)}`"
                limits = ", ".join(_limit(m) for m in info.metadata if _limit(m))
                lines.append(f"| `{field}` | {default} | {limits} | {info.description or ''} |")
    return "\n".join(line for line in lines) + "\n"


def policy_page() -> str:
    """`policy.md`: every setting of a policy with its reason, and the uses."""
    lines = [
        "# The settings of a policy",
        "",
        "Made from `attnaudit.spec.policy` by `make docs`. A policy is a TOML or YAML file, for `attnaudit card` and",
        "`attnaudit check`; what it leaves out stays as it is here. See [the card](methods.md#the-card).",
        "",
        "| setting | default | range | meaning and reason |",
        "|---|---|---|---|",
    ]
    for name, value, why in Policy().reasons:
        limits = ", ".join(_limit(m) for m in Policy.model_fields[name].metadata if _limit(m))
        lines.append(f"| `{name}` | `{value}` | {limits} | {why} |")
    lines += [
        "",
        "## `uses`",
        "",
        "Given in a policy, they replace these.",
        "",
        "| use | asks | reason |",
        "|---|---|---|",
    ]
    lines += [f"| {use} | {', '.join(asked)} | {Policy().why(use)} |" for use, asked in Policy().uses.items()]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(getattr(entry, "name", entry)) for entry in value) or "none"
    return "none" if value is None else str(value)


def _limit(bound: object) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return next(
        (f"{sign} {getattr(bound, name)}" for name, sign in signs.items() if hasattr(bound, name)), ""
    )


PAGES = {"tables.md": tables_page, "settings.md": settings_page, "policy.md": policy_page}


def main() -> int:
    """Write every page, or with `--check` name those that are out of date."""
    stale = []
    for name, page in PAGES.items():
        path = HERE / name
        if "--check" not in sys.argv:
            path.write_text(page(), encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != page():
            stale.append(name)
    if stale:
        print(f"out of date: {', '.join(stale)}; run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
