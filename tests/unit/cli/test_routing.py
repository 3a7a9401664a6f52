"""``omniroute combos``, ``aliases`` and ``explain-route`` without a running server."""

from __future__ import annotations

from typing import Any


def test_a_combo_from_making_to_removing(run: Any, fails: Any) -> None:
    made = run.json("combos", "add", "main", "demo/echo", "demo/slow", "--strategy", "round-robin", "--option", "sticky=2")
    assert (made["options"], [step["model"] for step in made["steps"]]) == ({"sticky": 2}, ["demo/echo", "demo/slow"])
    listed = run("combos", "list").stdout
    assert "main" in listed
    assert "auto/cheap" in listed
    assert "demo/slow" in run("combos", "show", "main").stdout
    shown = run("explain-route", "main")
    assert shown.stdout.startswith("main: combo main")
    assert shown.stdout.index("demo/echo") < shown.stdout.index("demo/slow")
    fails(run("combos", "remove", "main"), 2, "--yes")
    assert run("combos", "remove", "main", "--yes").exit_code == 0
    fails(run("explain-route", "main"), 1, "does not exist")


def test_what_is_wrong_with_a_combo(run: Any, fails: Any) -> None:
    fails(run("combos", "add", "a", "demo/echo", "--strategy", "robin"), 1, "is not one of")
    fails(run("combos", "add", "a", "demo/echo", "--strategy", "round-robin", "--option", "sticky"), 2, "NAME=VALUE")
    noted = run("combos", "add", "a", "demo/echo", "nobody/x")
    assert noted.exit_code == 0
    assert "there is no provider 'nobody'" in noted.stderr


def test_aliases_lead_somewhere(run: Any, fails: Any) -> None:
    assert run("aliases", "set", "gpt-*", "demo/echo").exit_code == 0
    assert "gpt-*" in run("aliases", "list").stdout
    found = run.json("explain-route", "gpt-9")
    assert (found["decision"], found["rows"][0]["target"]) == ("alias gpt-* > demo/echo, prefix", "demo/echo")
    assert run("aliases", "remove", "gpt-*", "--yes").exit_code == 0
    fails(run("aliases", "remove", "gpt-*", "--yes"), 1, "no alias")


def test_strategies_are_listed_with_their_options(run: Any) -> None:
    assert "sticky=3" in run("combos", "strategies").stdout
