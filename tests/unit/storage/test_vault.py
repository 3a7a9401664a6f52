"""The vault: one key, one derivation, a wrong key is an error and never a reset."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from omniroute.core.errors import StorageError, WrongKey
from omniroute.core.ids import FakeClock
from omniroute.storage import AccountRepository, Database, NodeRepository, Vault


async def vault_state(db: Database) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await db.read("SELECT * FROM vault")]


@pytest.mark.parametrize("text", ["", "sk-secret", "ключ 🔑", "x" * 100_000])
async def test_what_is_sealed_opens_again_in_its_place_only(vault: Vault, text: str) -> None:
    blob = vault.seal(text, "accounts/1")
    assert vault.unseal(blob, "accounts/1") == text
    with pytest.raises(WrongKey, match="accounts/2"):
        vault.unseal(blob, "accounts/2")


async def test_sealing_twice_gives_two_blobs_and_neither_shows_the_text(vault: Vault) -> None:
    first, second = vault.seal("sk-secret", "c"), vault.seal("sk-secret", "c")
    assert first != second
    assert b"sk-secret" not in first
    assert first[:1] == b"\x01"


@pytest.mark.parametrize("position", [1, 5, 13, 20, -1])
async def test_a_damaged_blob_is_refused(vault: Vault, position: int) -> None:
    blob = bytearray(vault.seal("sk-secret", "c"))
    blob[position] ^= 1
    with pytest.raises(WrongKey):
        vault.unseal(bytes(blob), "c")


@pytest.mark.parametrize("blob", [b"", b"\x02" + b"x" * 40])
async def test_an_unknown_form_is_refused(vault: Vault, blob: bytes) -> None:
    with pytest.raises(StorageError, match="newer OmniRoute"):
        vault.unseal(blob, "c")


@pytest.mark.parametrize("blob", [b"\x01", b"\x01short", b"\x01" + b"n" * 12])
async def test_a_cut_blob_is_refused(vault: Vault, blob: bytes) -> None:
    with pytest.raises(WrongKey):
        vault.unseal(blob, "c")


async def test_the_key_file_is_made_once_and_private(db: Database) -> None:
    first = await Vault.open(db)
    path = db.data_dir / "storage.key"
    content = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(content.strip()) >= 43
    again = await Vault.open(db)
    assert again.unseal(first.seal("text", "c"), "c") == "text"
    assert path.read_text() == content


async def test_the_content_of_the_key_file_may_move_into_the_variable(db: Database) -> None:
    blob = (await Vault.open(db)).seal("text", "c")
    path = db.data_dir / "storage.key"
    text = path.read_text().strip()
    path.unlink()
    assert (await Vault.open(db, key_text=text)).unseal(blob, "c") == "text"
    assert not path.exists()


@pytest.mark.parametrize("sealed_in", ["accounts", "nodes"])
@pytest.mark.parametrize("other", ["variable", "file", "no file"])
async def test_a_wrong_key_over_credentials_is_one_sentence_and_changes_nothing(db: Database, sealed_in: str, other: str) -> None:
    vault = await Vault.open(db)
    if sealed_in == "accounts":
        await AccountRepository(db, vault).create("lab", "a", secret="sk-secret")
    else:
        await NodeRepository(db, vault).create("lab", format="f", base_url="http://x", headers={"x-key": "sk-secret"})
    path = db.data_dir / "storage.key"
    right = path.read_text()
    before = await vault_state(db)
    if other == "file":
        path.write_text("another key")
    elif other == "no file":
        path.unlink()
    with pytest.raises(WrongKey, match="1 stored credential") as caught:
        await Vault.open(db, key_text="another key" if other == "variable" else None)
    assert "\n" not in str(caught.value)
    assert "another key" not in str(caught.value)
    assert await vault_state(db) == before
    assert path.exists() is (other != "no file")
    path.write_text(right)
    restored = await Vault.open(db)
    if sealed_in == "accounts":
        repository = AccountRepository(db, restored)
        assert repository.reveal((await repository.list())[0]) == "sk-secret"
    else:
        assert (await NodeRepository(db, restored).get("lab")).headers == {"x-key": "sk-secret"}


async def test_the_sentence_says_where_the_right_key_may_be(db: Database) -> None:
    await AccountRepository(db, await Vault.open(db)).create("lab", "a", secret="sk-secret")
    with pytest.raises(WrongKey, match=r"STORAGE_ENCRYPTION_KEY does not fit.*storage\.key exists: unset the variable"):
        await Vault.open(db, key_text="another")
    (db.data_dir / "storage.key").unlink()
    with pytest.raises(WrongKey, match=r"storage\.key is missing.*put it back or set STORAGE_ENCRYPTION_KEY"):
        await Vault.open(db)


async def test_an_account_without_a_secret_needs_no_key(db: Database) -> None:
    await AccountRepository(db, await Vault.open(db)).create("lab", "a", secret=None)
    (db.data_dir / "storage.key").unlink()
    await Vault.open(db)


async def test_while_nothing_is_stored_the_owner_may_change_the_key(db: Database) -> None:
    await Vault.open(db)
    blob = (await Vault.open(db, key_text="new")).seal("text", "c")
    assert (await Vault.open(db, key_text="new")).unseal(blob, "c") == "text"


async def test_a_command_beside_the_server_may_not(db: Database, clock: FakeClock) -> None:
    await Vault.open(db, key_text="the server's")
    before = await vault_state(db)
    async with await Database.open(db.data_dir, clock=clock, shared=True) as beside:
        with pytest.raises(WrongKey, match="key this database was set up with"):
            await Vault.open(beside)
        await Vault.open(beside, key_text="the server's")
    assert await vault_state(db) == before


async def test_two_first_opens_at_once_agree_on_one_key(db: Database, clock: FakeClock) -> None:
    async with await Database.open(db.data_dir, clock=clock, shared=True) as beside:
        vaults = await asyncio.gather(*(Vault.open(d) for d in (db, beside, db, beside)))
    blob = vaults[0].seal("text", "c")
    assert [vault.unseal(blob, "c") for vault in vaults] == ["text"] * 4


async def test_credentials_whose_key_record_is_gone_are_not_given_a_new_one(db: Database) -> None:
    await AccountRepository(db, await Vault.open(db)).create("lab", "a", secret="sk-secret")
    await db.write_many("DELETE FROM vault WHERE id = ?", [(1,)])
    with pytest.raises(WrongKey):
        await Vault.open(db)
    assert await vault_state(db) == []


async def test_a_sealed_value_is_nowhere_in_the_files(db: Database, tmp_path: Path) -> None:
    await AccountRepository(db, await Vault.open(db)).create("lab", "a", secret="sk-very-secret")
    files = [path for path in db.data_dir.rglob("*") if path.is_file()]
    assert len(files) >= 3
    assert not [path.name for path in files if b"sk-very-secret" in path.read_bytes()]
    assert repr(await Vault.open(db)) == "Vault(…)"
