"""API keys: shown once, kept as a keyed hash."""

from __future__ import annotations

import pytest

from omniroute.core.errors import BadRequest, Conflict, NotFound
from omniroute.core.ids import FakeClock
from omniroute.storage import Database, KeyRepository, Vault, digest_key


@pytest.fixture
def keys(db: Database, vault: Vault) -> KeyRepository:
    return KeyRepository(db, b"secret", vault)


def test_the_digest_is_hmac_sha256() -> None:
    # RFC 4231, test case 2.
    wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert digest_key(b"Jefe", "what do ya want for nothing?").hex() == wanted
    assert digest_key(b"a", "\udc80") != digest_key(b"a", "?")  # bytes of a header that are not UTF-8


async def test_a_new_key_can_be_found_by_its_digest_and_is_not_stored(
    db: Database, keys: KeyRepository, clock: FakeClock
) -> None:
    key, plain = await keys.create(" laptop ", models=("a/*",), providers=("a", "b"), expires_at=clock.now() + 60)
    assert plain.startswith("sk-or-")
    assert key.digest == digest_key(b"secret", plain)
    assert key.prefix == f"{plain[:10]}…{plain[-4:]}"
    assert (key.name, key.models, key.providers, key.created_at) == ("laptop", ("a/*",), ("a", "b"), clock.now())
    assert await keys.list() == [key]
    assert await keys.get(key.id) == key
    for path in db.data_dir.iterdir():
        assert plain[6:].encode() not in path.read_bytes()


async def test_keys_are_listed_oldest_first_revoked_ones_too(keys: KeyRepository, clock: FakeClock) -> None:
    made = []
    for name in ("c", "a", "b"):
        made.append((await keys.create(name))[0].id)
        clock.advance(1)
    await keys.revoke(made[1])
    assert [key.id for key in await keys.list()] == made


async def test_rotation_keeps_the_key_and_replaces_its_secret(keys: KeyRepository, clock: FakeClock) -> None:
    key, old = await keys.create("k", models=("m",))
    rotated, new = await keys.rotate(key.id)
    assert (rotated.id, rotated.name, rotated.models, rotated.created_at) == (key.id, "k", ("m",), key.created_at)
    assert new != old
    assert rotated == await keys.get(key.id)
    assert [k.digest for k in await keys.list()] == [digest_key(b"secret", new)]


async def test_a_revoked_key_stays_revoked(keys: KeyRepository, clock: FakeClock) -> None:
    key, _ = await keys.create("k")
    assert key.usable(clock.now())
    revoked = await keys.revoke(key.id)
    assert revoked.revoked_at == clock.now()
    assert not revoked.usable(clock.now())
    clock.advance(5)
    assert await keys.revoke(key.id) == revoked
    with pytest.raises(Conflict, match="revoked"):
        await keys.rotate(key.id)


async def test_an_expired_key_is_not_usable(keys: KeyRepository, clock: FakeClock) -> None:
    key, _ = await keys.create("k", expires_at=clock.now() + 60)
    assert key.usable(clock.now() + 59.9)
    assert not key.usable(clock.now() + 60)


async def test_update_changes_what_is_given_only(keys: KeyRepository, clock: FakeClock) -> None:
    key, _ = await keys.create("k", models=("m",), providers=("p",), expires_at=5.0)
    assert (await keys.update(key.id)) == key
    assert (await keys.update(key.id, name="n")).name == "n"
    changed = await keys.update(key.id, models=(), expires_at=None)
    assert (changed.name, changed.models, changed.providers, changed.expires_at) == ("n", (), ("p",), None)
    assert changed.digest == key.digest


async def test_touch_notes_many_at_once_and_never_goes_back(keys: KeyRepository) -> None:
    first, second = (await keys.create("a"))[0], (await keys.create("b"))[0]
    await keys.touch({first.id: 100.0, second.id: 200.0, "key_gone": 300.0})
    await keys.touch({first.id: 150.0, second.id: 120.0})
    await keys.touch({})
    assert [(await keys.get(key.id)).last_used_at for key in (first, second)] == [150.0, 200.0]


async def test_a_key_made_under_another_secret_says_so_until_it_is_rotated(
    db: Database, keys: KeyRepository, vault: Vault
) -> None:
    key, _ = await keys.create("k")
    assert keys.fits(key)
    after = KeyRepository(db, b"another secret", vault)
    assert not after.fits(await after.get(key.id))
    rotated, _ = await after.rotate(key.id)
    assert after.fits(rotated)


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
async def test_a_key_needs_a_name(keys: KeyRepository, name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await keys.create(name)
    assert caught.value.param == "name"
    assert await keys.list() == []


async def test_unknown_ids_are_not_found(keys: KeyRepository) -> None:
    for call in (keys.get("no"), keys.rotate("no"), keys.revoke("no"), keys.update("no"), keys.update("no", name="n")):
        with pytest.raises(NotFound, match="no API key 'no'"):
            await call


LIMITS = {
    "combos": ("night",), "rpm": 30, "streams": 2, "system_prompt": "Be brief.", "system_prompt_position": "append",
    "proxy": "http://me:hunter2@proxy.test:3128",
}  # fmt: skip


async def test_limits_are_kept_and_the_proxy_is_sealed(db: Database, keys: KeyRepository) -> None:
    key, _ = await keys.create("k", **LIMITS)  # type: ignore[arg-type]
    assert {name: getattr(key, name) for name in LIMITS} == LIMITS
    assert await keys.get(key.id) == key
    assert "hunter2" not in repr(key)
    for path in db.data_dir.iterdir():
        assert b"hunter2" not in path.read_bytes()
    changed = await keys.update(key.id, rpm=None, system_prompt=" ", proxy=None, combos=())
    assert (changed.rpm, changed.system_prompt, changed.proxy, changed.combos, changed.streams) == (None, None, None, (), 2)


@pytest.mark.parametrize("limits", [{"rpm": 0}, {"streams": -1}, {"rpm": 10**9}, {"system_prompt": "x" * 100_001}])
async def test_impossible_limits_are_refused(keys: KeyRepository, limits: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        await keys.create("k", **limits)  # type: ignore[arg-type]
    key, _ = await keys.create("k")
    with pytest.raises(BadRequest):
        await keys.update(key.id, **limits)  # type: ignore[arg-type]
