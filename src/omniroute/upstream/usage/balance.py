"""A balance in money or credits: ``{balance}``, or wherever else vendors keep it."""

from __future__ import annotations

from typing import Any

from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import NEARLY, number, obj, objects, reading

_WORDS = ("totalBalance", "total_balance", "available_balance", "balance", "current_point_balance")


class Balance:
    """How much there once was is not told: what is left counts as an unused window of that size. An empty balance closes nothing,
    since some models cost nothing."""

    name = "balance"

    def read(self, value: Any, now: float) -> Usage:
        whole = obj(value)
        places = (whole, obj(whole, "data"), next(objects(whole.get("balance_infos")), {}))
        found = (number(place.get(word)) for place in places for word in _WORDS)
        left = next((amount for amount in found if amount is not None), None)
        if left is None:
            return Usage()
        if left <= 0:
            return Usage((reading("credits", NEARLY),))
        return Usage((reading("credits", 0.0, limit=left, used_units=0.0),))


READER = Balance()
