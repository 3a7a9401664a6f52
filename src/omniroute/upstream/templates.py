"""Texts of the catalogue that hold ``{placeholders}``, filled in with what is known of a request, an account or a login."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from omniroute.catalog.conduct import PLACEHOLDER

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def filled(template: str, value: Callable[[str], str | None]) -> str | None:
    """``template`` with each placeholder replaced by its ``value``; None where one of them has none, or an empty one."""
    values = {word: value(word) for word in PLACEHOLDER.findall(template)}
    return PLACEHOLDER.sub(lambda match: values[match[1]] or "", template) if all(values.values()) else None


def filled_all(templates: Mapping[str, str], value: Callable[[str], str | None]) -> dict[str, str]:
    """Every template whose placeholders all have a value, filled in."""
    texts = {name: filled(template, value) for name, template in templates.items()}
    return {name: text for name, text in texts.items() if text is not None}


def filled_headers(templates: Mapping[str, str], value: Callable[[str], str | None]) -> dict[str, str]:
    """The same for headers, their names in lower case; no control character gets into one, whatever the values hold."""
    return {name.lower(): _CONTROL.sub("", text) for name, text in filled_all(templates, value).items()}
