"""Quirks merge like layers of paint: in any grouping, with the empty layer changing nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omniroute.ir.caps import Quirks

_fields = st.lists(st.sampled_from(["user", "n", "seed", "stop", "logprobs"]), max_size=4, unique=True).map(tuple)
_maps = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["x", "y"]), max_size=3)
_flags = st.sampled_from([None, True, False])

_quirks = st.builds(
    Quirks,
    drop=_fields,
    rename=_maps,
    force=_maps,
    max_tokens_field=st.sampled_from([None, "max_tokens", "max_completion_tokens"]),
    default_max_tokens=st.sampled_from([None, 1, 2]),
    temperature_range=st.sampled_from([None, (0.0, 1.0), (0.0, 2.0)]),
    sampling=_flags,
    system_role=st.sampled_from([None, "system", "developer"]),
    tool_id=st.sampled_from([None, "any", "nine"]),
    tool_choice=st.sampled_from([None, "full", "auto"]),
    stream_usage=st.sampled_from([None, "flag", "never"]),
    json_schema=_flags,
    reasoning_field=st.sampled_from([None, "reasoning", "reasoning_content"]),
    replay_reasoning=_flags,
    thinking=st.sampled_from([None, "enabled", "adaptive"]),
    strict_tools=_flags,
)


@given(_quirks, _quirks, _quirks)
def test_merging_is_associative(provider: Quirks, family: Quirks, model: Quirks) -> None:
    assert model.over(family.over(provider)) == model.over(family).over(provider)


@given(_quirks)
def test_the_empty_quirks_change_nothing(quirks: Quirks) -> None:
    assert quirks.over(Quirks()) == quirks
    assert Quirks().over(quirks) == quirks


@given(_quirks)
def test_merging_with_itself_changes_nothing(quirks: Quirks) -> None:
    assert quirks.over(quirks) == quirks


@given(_quirks, _quirks)
def test_what_is_stated_wins_and_nothing_stated_is_lost(base: Quirks, top: Quirks) -> None:
    merged = top.over(base)
    for field in Quirks.__struct_fields__:
        ours, theirs, result = getattr(top, field), getattr(base, field), getattr(merged, field)
        if isinstance(result, tuple) and field == "drop":
            assert set(result) == set(ours) | set(theirs)
        elif isinstance(result, dict):
            assert result == {**theirs, **ours}
        else:
            assert result == (theirs if ours is None else ours)
