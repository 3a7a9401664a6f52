"""Custom nodes and custom models."""

from __future__ import annotations

import msgspec
import pytest

from omniroute.core.errors import BadRequest, Conflict, NotFound
from omniroute.core.ids import FakeClock
from omniroute.storage import AccountRepository, Database, ModelRepository, NodeRepository, Vault


@pytest.fixture
def nodes(db: Database, vault: Vault) -> NodeRepository:
    return NodeRepository(db, vault)


@pytest.fixture
def models(db: Database) -> ModelRepository:
    return ModelRepository(db)


async def test_a_node_comes_back_as_it_was_put(nodes: NodeRepository) -> None:
    row = await nodes.create(
        "lab", format="openai_chat", base_url="http://127.0.0.1:9900/v1", name="The lab", headers={"X-Team": "t", "X-Key": "hidden"},
        models=("a", "b"), tier="free", timeouts={"connect": 2.5}, resilience=False,
    )  # fmt: skip
    assert await nodes.get("lab") == row
    assert await nodes.list() == [row]
    assert row.headers == {"X-Team": "t", "X-Key": "hidden"}
    assert "hidden" not in repr(row)


async def test_a_node_needs_little(nodes: NodeRepository) -> None:
    row = await nodes.create("lab", format="anthropic", base_url="http://x")
    assert (row.name, row.headers, row.models, row.tier, row.timeouts, row.resilience) == ("lab", {}, ("*",), "api_key", {}, True)
    assert await nodes.get("lab") == row


async def test_headers_are_not_readable_on_disk(db: Database, nodes: NodeRepository) -> None:
    await nodes.create("lab", format="f", base_url="http://x", headers={"X-Key": "very-hidden"})
    for path in db.data_dir.iterdir():
        assert b"very-hidden" not in path.read_bytes()


async def test_a_prefix_is_taken_once(nodes: NodeRepository) -> None:
    await nodes.create("lab", format="f", base_url="http://x")
    with pytest.raises(Conflict, match="'lab' already exists"):
        await nodes.create("lab", format="f", base_url="http://y")
    assert (await nodes.get("lab")).base_url == "http://x"


@pytest.mark.parametrize("prefix", ["", "a/b", "a b", "-a", ".", "ü", "x" * 65, "a\n"])
async def test_a_prefix_must_fit_before_a_slash(nodes: NodeRepository, prefix: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await nodes.create(prefix, format="f", base_url="http://x")
    assert caught.value.param == "prefix"


async def test_update_changes_what_is_given_only(nodes: NodeRepository, clock: FakeClock) -> None:
    row = await nodes.create("lab", format="f", base_url="http://x", headers={"a": "b"}, models=("m",))
    clock.advance(1)
    assert await nodes.update("lab") == row
    changed = await nodes.update("lab", base_url="http://y", headers={}, timeouts={"total": 9.0}, resilience=False)
    assert changed == msgspec.structs.replace(
        row, base_url="http://y", headers={}, timeouts={"total": 9.0}, resilience=False, updated_at=clock.now()
    )
    assert (await nodes.update("lab", headers={"c": "d"}, models=(), name="n", tier="free", format="g")).headers == {"c": "d"}


async def test_a_deleted_node_takes_its_accounts_and_models_along(
    db: Database, vault: Vault, nodes: NodeRepository, models: ModelRepository
) -> None:
    accounts = AccountRepository(db, vault)
    for prefix in ("lab", "other"):
        await nodes.create(prefix, format="f", base_url="http://x")
        await accounts.create(prefix, "a", secret="s")
        await models.put(prefix, "m")
    await nodes.delete("lab")
    assert [row.prefix for row in await nodes.list()] == ["other"]
    assert [row.provider for row in await accounts.list()] == ["other"]
    assert [row.provider for row in await models.list()] == ["other"]
    for call in (nodes.delete("lab"), nodes.get("lab"), nodes.update("lab", name="n")):
        with pytest.raises(NotFound, match="no node with the prefix 'lab'"):
            await call


async def test_a_custom_model_is_put_and_put_again(models: ModelRepository, clock: FakeClock) -> None:
    first = await models.put("lab", " big ", name="Big", context=128_000, tools=True, vision=False, price={"input": 1.5})
    assert (first.model_id, first.context, first.tools, first.vision, first.reasoning) == ("big", 128_000, True, False, None)
    clock.advance(1)
    second = await models.put("lab", "big", max_output=4096, reasoning=True)
    assert (second.name, second.context, second.max_output, second.tools, second.price) == ("", None, 4096, None, None)
    assert (second.created_at, second.updated_at) == (first.created_at, clock.now())
    await models.put("lab", "a")
    await models.put("other", "big")
    assert [(row.provider, row.model_id) for row in await models.list()] == [("lab", "a"), ("lab", "big"), ("other", "big")]
    assert await models.list("lab") == [(await models.list())[0], second]


async def test_a_custom_model_is_deleted_once(models: ModelRepository) -> None:
    await models.put("lab", "org/model:tag")
    await models.delete("lab", "org/model:tag")
    with pytest.raises(NotFound, match="org/model:tag"):
        await models.delete("lab", "org/model:tag")
    for model_id in ("", "x" * 201):
        with pytest.raises(BadRequest):
            await models.put("lab", model_id)
