"""Lines of the keys of a TOML text."""

from __future__ import annotations

import tomllib

import pytest

from omniroute.core.toml_lines import key_lines

TEXT = '''\
# comment = 1
top = "a # not a comment" # but this is

[server.http]   # header
port = 1
"quoted.key" = { inner = [1, "]", '}'], b = 2 }
dotted.a.b = 3

[[nodes]]
name = """
[not.a.header]
no = 1 \\""" still
"""
after = 1

[nodes.sub]
x = \'\'\'
y = 2\'\'\'\'
z = [
  1, # ]
  "[",
]
[[nodes]]
name = "second"

[[nodes.sub.deep]]
k = 1
['single "quoted"'."a\\tb"]
v = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("server",), 4),
        (("server", "http"), 4),
        (("server", "http", "port"), 5),
        (("server", "http", "quoted.key"), 6),
        (("server", "http", "dotted"), 7),
        (("server", "http", "dotted", "a", "b"), 7),
        (("nodes", "0"), 9),
        (("nodes", "0", "name"), 10),
        (("nodes", "0", "after"), 14),
        (("nodes", "0", "sub"), 16),
        (("nodes", "0", "sub", "z"), 19),
        (("nodes", "1", "name"), 24),
        (("nodes", "1", "sub", "deep", "0", "k"), 27),
        (('single "quoted"', "a\tb", "v"), 29),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_a_key_stands_on_its_line(path: tuple[str, ...], line: int) -> None:
    tomllib.loads(TEXT)
    assert key_lines(TEXT)[path] == line


def test_nothing_inside_values_is_a_key() -> None:
    names = {name for path in key_lines(TEXT) for name in path}
    assert names.isdisjoint({"not", "header", "no", "y", "inner", "comment"})


@pytest.mark.parametrize("text", ["", "\n\n", "# only", "a = 1", "a = ''", 'a = """"x"""""'])
def test_small_texts(text: str) -> None:
    assert set(key_lines(text)) == {(key,) for key in tomllib.loads(text)}
