"""A balance in money or credits: ``{balance}``, by itself or under ``data``."""

from __future__ import annotations

from typing import Any

from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import NEARLY, number, obj, reading


class Balance:
    """How much there once was is not told: what is left counts as an unused window of that size. An empty balance closes nothing,
    since some models cost nothing."""

    name = "balance"

    def read(self, value: Any, now: float) -> Usage:
        fields = obj(value)
        left = number(fields.get("balance"))
        if left is None:
            left = number(obj(fields, "data").get("balance"))
        if left is None:
            return Usage()
        if left <= 0:
            return Usage((reading("credits", NEARLY),))
        return Usage((reading("credits", 0.0, limit=left, used_units=0.0),))


READER = Balance()
