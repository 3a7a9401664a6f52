"""Looking into JSON values."""

from __future__ import annotations

from typing import Any

import pytest

from omniroute.core import json

VALUE = {"a": {"b/c": {"~": "found"}}, "": 1, "list": ["x", {"y": 2}], "7": "seven"}


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", VALUE),
        ("#", VALUE),
        ("/a/b~1c/~0", "found"),
        ("#/list/1/y", 2),
        ("/", 1),
        ("/7", "seven"),
        ("/list/0", "x"),
        ("/list/2", None),
        ("/list/-1", None),
        ("/list/\u00b2", None),
        pytest.param("/list/" + "9" * 5000, None, id="endless"),
        ("/a/none/further", None),
        ("/7/0", None),
    ],
)
def test_pointers(pointer: str, found: Any) -> None:
    assert json.pointed(VALUE, pointer) == found
