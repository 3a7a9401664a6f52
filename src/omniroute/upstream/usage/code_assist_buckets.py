"""What Code Assist has left today: ``{buckets: [{modelId, tokenType, remainingFraction, remainingAmount, resetTime}]}``."""

from __future__ import annotations

from typing import Any

from omniroute.upstream.quota_headers import QuotaReading
from omniroute.upstream.usage import Usage
from omniroute.upstream.usage._values import LENGTHS, moment, number, obj, objects, reading, text


class CodeAssistBuckets:
    """Fractions are what is LEFT; one that is missing beside a reset is nought, which this kind of JSON leaves out."""

    name = "code_assist_buckets"

    def read(self, value: Any, now: float) -> Usage:
        found = [_window(bucket, now) for bucket in objects(obj(value).get("buckets"))]
        return Usage(tuple(window for window in found if window is not None))


def _window(bucket: dict[str, Any], now: float) -> QuotaReading | None:
    model = text(bucket.get("modelId"))
    resets_at = moment(bucket.get("resetTime"), now)
    left, amount = number(bucket.get("remainingFraction")), number(bucket.get("remainingAmount"))
    if left is None and resets_at is not None:
        left = 0.0
    if model is None or left is None:
        return None
    kind = (text(bucket.get("tokenType")) or "REQUESTS").lower()
    limit = amount / left if amount is not None and amount > 0 and left > 0 else None
    return reading(
        "daily" if kind == "requests" else f"daily_{kind}",
        1 - left,
        model=model,
        limit=None if limit is None else float(round(limit)),
        used_units=None if limit is None or amount is None else float(max(round(limit - amount), 0)),
        resets_at=resets_at,
        length=LENGTHS["daily"],
    )


READER = CodeAssistBuckets()
