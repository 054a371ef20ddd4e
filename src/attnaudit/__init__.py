"""attnaudit: may the attention of this model on these data be shown as an explanation?

The public names, each loaded on first use, so that reading a run never imports torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {
    "audit": "run",
    "import_scores": "imported",
    "Spec": "spec",
    "Result": "result",
    "Instance": "instance",
    "Span": "instance",
    "AuditError": "errors",
    "MEASURES": "importance",
    "COUNTERFACTUALS": "counterfactual",
    "TASKS": "tasks",
    "MODELS": "models",
    "TABLES": "tables",
    "write_report": "report",
}

__all__ = [
    "COUNTERFACTUALS",
    "MEASURES",
    "MODELS",
    "TABLES",
    "TASKS",
    "AuditError",
    "Instance",
    "Result",
    "Span",
    "Spec",
    "audit",
    "import_scores",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module `attnaudit` has no attribute `{name}`")
    return getattr(import_module(f"attnaudit.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
