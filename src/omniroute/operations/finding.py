"""One thing the doctor found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``what`` is the case, ``fix`` how to mend it (None when nothing is to be done); ``mend`` does it where that is safe."""

    id: str
    severity: Severity
    what: str
    fix: str | None = None
    mend: Callable[[], str] | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "severity": self.severity, "what": self.what, "fix": self.fix, "fixable": self.mend is not None}


def ok(id: str, what: str) -> Finding:
    return Finding(id=id, severity="ok", what=what)


def warning(id: str, what: str, fix: str, mend: Callable[[], str] | None = None) -> Finding:
    return Finding(id=id, severity="warning", what=what, fix=fix, mend=mend)


def error(id: str, what: str, fix: str, mend: Callable[[], str] | None = None) -> Finding:
    return Finding(id=id, severity="error", what=what, fix=fix, mend=mend)
