"""Logins of other programs: read where the catalogue says, never written, nothing of them shown."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from omniroute.catalog.catalog import Catalogue
from omniroute.catalog.load import load_catalogue
from omniroute.catalog.oauth import LoginFile, OAuth
from omniroute.catalog.schema import Auth, Provider
from omniroute.core.errors import NotFound
from omniroute.operations.installed_logins import InstalledLogins, UnreadableLogin, login_in


def provider(*files: LoginFile) -> Provider:
    oauth = OAuth(flow="import", files=files)
    return Provider(
        id="p",
        prefix="p",
        name="Program",
        format="openai_chat",
        base_url="https://p.example",
        auth=Auth(scheme="oauth"),
        oauth=oauth,
    )


def put(home: Path, name: str, value: Any) -> Path:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def database(path: Path, rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE ItemTable (key TEXT UNIQUE, value BLOB)")
        connection.executemany("INSERT INTO ItemTable VALUES (?, ?)", rows.items())
    connection.close()
    return path


PLAIN = LoginFile(path="~/.p/login.json", folder_env="P_HOME", fields={"access": "/a/token", "expires_at": "/a/until"})


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


FILES: dict[str, tuple[str, Any, dict[str, str]]] = {
    "claude": (
        ".claude/.credentials.json",
        {"claudeAiOauth": {"accessToken": "AT", "refreshToken": "RT", "expiresAt": 1800000000000, "subscriptionType": "max"}},
        {"access": "AT", "refresh": "RT", "expires_at": "1800000000000", "plan": "max"},
    ),
    "codex": (
        ".codex/auth.json",
        {"OPENAI_API_KEY": None, "tokens": {"access_token": "AT", "refresh_token": "RT", "id_token": "IT", "account_id": "ac"}},
        {"access": "AT", "refresh": "RT", "id_token": "IT", "account_id": "ac"},
    ),
    "gemini-cli": (
        ".gemini/oauth_creds.json",
        {"access_token": "AT", "refresh_token": "RT", "expiry_date": 1800000000000, "token_type": "Bearer"},
        {"access": "AT", "refresh": "RT", "expires_at": "1800000000000"},
    ),
    "qwen": (
        ".qwen/oauth_creds.json",
        {"access_token": "AT", "refresh_token": "RT", "resource_url": "portal.qwen.ai", "expiry_date": 1},
        {"access": "AT", "refresh": "RT", "resource_url": "portal.qwen.ai", "expires_at": "1"},
    ),
    "github": (
        ".config/github-copilot/apps.json",
        {"github.com:Iv1.b507a08c87ecfe98": {"user": "ada", "oauth_token": "AT", "githubAppId": "x"}},
        {"access": "AT", "email": "ada"},
    ),
    "kiro": (
        ".aws/sso/cache/kiro-auth-token.json",
        {"accessToken": "AT", "refreshToken": "RT", "expiresAt": "2027-01-01T00:00:00Z", "region": "eu-west-1", "clientIdHash": "abc"},
        {"access": "AT", "refresh": "RT", "expires_at": "2027-01-01T00:00:00Z", "region": "eu-west-1", "client_id_hash": "abc"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_each_programs_file_is_found_and_read(catalogue: Catalogue, tmp_path: Path, name: str) -> None:
    where, content, fields = FILES[name]
    path = put(tmp_path, where, content)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    (found,) = InstalledLogins({}, tmp_path, "linux").found(catalogue.providers)
    assert (found.provider, found.path, found.fields) == (name, str(path), fields)
    assert found.source == f"~/{where}"
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert "AT" not in repr(found)
    assert "RT" not in str([found])


def test_an_editors_database_is_read_as_it_stands(catalogue: Catalogue, tmp_path: Path) -> None:
    path = tmp_path / ".config/Cursor/User/globalStorage/state.vscdb"
    database(path, {"cursorAuth/accessToken": "u::AT", "storage.serviceMachineId": b"m-1", "other": "x"})
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        (found,) = InstalledLogins({}, tmp_path, "linux").found(catalogue.providers)
        assert found.fields == {"access": "u::AT", "machine_id": "m-1"}
        assert sorted(p.name for p in path.parent.iterdir()) == ["state.vscdb"]
    finally:
        path.parent.chmod(0o700)


def test_a_database_that_the_editor_has_open_is_read_too(catalogue: Catalogue, tmp_path: Path) -> None:
    path = database(tmp_path / ".config/Cursor/User/globalStorage/state.vscdb", {"cursorAuth/accessToken": "AT"})
    editor = sqlite3.connect(path, isolation_level=None)
    editor.execute("PRAGMA journal_mode=WAL")
    editor.execute("UPDATE ItemTable SET value = 'AT2'")
    try:
        (found,) = InstalledLogins({}, tmp_path, "linux").found(catalogue.providers)
        assert found.fields["access"] == "AT2"
    finally:
        editor.close()


def test_what_lies_beside_completes_it(catalogue: Catalogue, tmp_path: Path) -> None:
    put(tmp_path, *FILES["kiro"][:2])
    put(tmp_path, ".aws/sso/cache/abc.json", {"clientId": "ci", "clientSecret": "cs"})
    (found,) = InstalledLogins({}, tmp_path, "linux").found(catalogue.providers)
    assert (found.fields["client_id"], found.fields["client_secret"]) == ("ci", "cs")


@pytest.mark.parametrize("hash_", ["../../../etc/passwd", "a/b", "", ".." + os.sep + "x"])
def test_a_file_cannot_point_somewhere_else(catalogue: Catalogue, tmp_path: Path, hash_: str) -> None:
    where, content, _ = FILES["kiro"]
    put(tmp_path, where, {**content, "clientIdHash": hash_})
    put(tmp_path, "x.json", {"clientId": "ci"})
    (found,) = InstalledLogins({}, tmp_path, "linux").found(catalogue.providers)
    assert "client_id" not in found.fields


def test_a_variable_moves_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/login.json", {"a": {"token": "AT"}})
    logins = InstalledLogins({"P_HOME": str(tmp_path / "elsewhere")}, tmp_path / "home", "linux")
    assert logins.read(provider(PLAIN), PLAIN.path).fields == {"access": "AT"}


def test_the_home_is_the_environments(tmp_path: Path) -> None:
    put(tmp_path, ".p/login.json", {"a": {"token": "AT"}})
    assert len(InstalledLogins({"HOME": str(tmp_path)}, system="linux").found([provider(PLAIN)])) == 1
    assert len(InstalledLogins({"USERPROFILE": str(tmp_path)}, system="linux").found([provider(PLAIN)])) == 1


def test_only_files_of_this_system_count(tmp_path: Path) -> None:
    put(tmp_path, "data/p/login.json", {"t": "AT"})
    windows = LoginFile(path="{APPDATA}/p/login.json", systems=("windows",), fields={"access": "/t"})
    environ = {"APPDATA": str(tmp_path / "data")}
    assert len(InstalledLogins(environ, tmp_path, "windows").found([provider(windows)])) == 1
    assert InstalledLogins({}, tmp_path, "windows").found([provider(windows)]) == []
    with pytest.raises(NotFound):
        InstalledLogins(environ, tmp_path, "linux").read(provider(windows), windows.path)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"{ not json", UnreadableLogin, "not valid JSON"),
        (b" " * (1024 * 1024 + 1), UnreadableLogin, "too large"),
        ({"a": {}}, NotFound, "no login"),
        ([], NotFound, "no login"),
        ({"a": {"token": {"deep": 1}}}, NotFound, "no login"),
    ],
)  # fmt: skip
def test_a_strange_file_is_named_and_not_quoted(tmp_path: Path, content: Any, error: type[Exception], says: str) -> None:
    path = put(tmp_path, ".p/login.json", content)
    logins = InstalledLogins({}, tmp_path, "linux")
    with pytest.raises(error, match=says) as caught:
        logins.read(provider(PLAIN), PLAIN.path)
    assert str(path) in str(caught.value)
    assert logins.found([provider(PLAIN)]) == []


def test_a_missing_file_and_a_broken_database(tmp_path: Path) -> None:
    logins = InstalledLogins({}, tmp_path, "linux")
    with pytest.raises(NotFound):
        logins.read(provider(PLAIN), PLAIN.path)
    with pytest.raises(NotFound):
        logins.read(provider(PLAIN), "~/.ssh/id_ed25519")
    table = LoginFile(path="~/x.db", kind="sqlite", fields={"access": "k"})
    put(tmp_path, "x.db", b"no database at all, just some bytes")
    with pytest.raises(UnreadableLogin):
        logins.read(provider(table), table.path)


def test_an_older_shape_of_the_same_file(tmp_path: Path) -> None:
    older = LoginFile(path=PLAIN.path, fields={"access": "/token"})
    put(tmp_path, ".p/login.json", {"token": "OLD"})
    assert InstalledLogins({}, tmp_path, "linux").read(provider(PLAIN, older), PLAIN.path).fields == {"access": "OLD"}


@pytest.mark.parametrize("name", FILES)
def test_the_text_of_a_file_is_as_good_as_the_file(catalogue: Catalogue, name: str) -> None:
    _, content, fields = FILES[name]
    known = catalogue.by_id(name)
    assert known is not None
    assert login_in(known, json.dumps(content)) == fields


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('{"access_token": "AT", "refresh_token": "RT", "expiry_date": 5}', {"access": "AT", "refresh": "RT", "expires_at": "5"}),
        ('{"refreshToken": "RT", "region": "eu"}', {"refresh": "RT", "region": "eu"}),
        ("  at-bare-token\n", {"refresh": "at-bare-token"}),
        ('"quoted"', {"refresh": "quoted"}),
    ],
)  # fmt: skip
def test_other_shapes_of_a_text(text: str, fields: dict[str, str]) -> None:
    assert login_in(provider(), text) == fields


@pytest.mark.parametrize("text", ["", "two words", "{}", "[1]", '{"access_token": ""}', "17"])
def test_a_text_without_a_login(text: str) -> None:
    with pytest.raises(NotFound, match="no sign-in of Program"):
        login_in(provider(), text)


def test_a_bare_token_is_what_the_provider_imports(catalogue: Catalogue) -> None:
    found = {
        name: next(iter(login_in(known, "tok"))) for name in ("cursor", "kiro", "claude") if (known := catalogue.by_id(name))
    }
    assert found == {"cursor": "access", "kiro": "refresh", "claude": "access"}
