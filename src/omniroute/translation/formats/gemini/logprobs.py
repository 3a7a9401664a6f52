"""``logprobsResult``: the chosen tokens in one list, the likeliest ones of each step in another."""

from __future__ import annotations

from typing import Any

from omniroute.ir.response import TokenLogprob


def read_result(result: Any) -> tuple[TokenLogprob, ...]:
    """The tokens in order; none where the lists cannot be read."""
    if not isinstance(result, dict):
        return ()
    chosen, steps = _listed(result, "chosenCandidates"), _listed(result, "topCandidates")
    found = []
    for place, entry in enumerate(chosen):
        step = steps[place] if place < len(steps) and isinstance(steps[place], dict) else {}
        top = tuple(one for other in _listed(step, "candidates") if (one := _read(other)) is not None)
        read = _read(entry, top)
        if read is not None:
            found.append(read)
    return tuple(found)


def write_result(entries: tuple[TokenLogprob, ...]) -> dict[str, Any]:
    return {
        "topCandidates": [{"candidates": [_written(other) for other in entry.top]} for entry in entries],
        "chosenCandidates": [_written(entry) for entry in entries],
    }


def _listed(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []


def _read(entry: Any, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob | None:
    if not isinstance(entry, dict):
        return None
    token, logprob = entry.get("token"), entry.get("logProbability")
    if not isinstance(token, str) or not isinstance(logprob, int | float) or isinstance(logprob, bool):
        return None
    return TokenLogprob(token=token, logprob=logprob, top=top)


def _written(entry: TokenLogprob) -> dict[str, Any]:
    return {"token": entry.token, "logProbability": entry.logprob}
