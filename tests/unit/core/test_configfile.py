"""The config file: where it is, what it says, and one sentence with its line for every mistake."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from omniroute.core.configfile import ConfigFile, config_path, read_config, resolve_secret
from omniroute.core.errors import ConfigError

LONG_KEY = "sk-or-0123456789abcdef"


def read(tmp_path: Path, text: str | bytes, **environ: str) -> ConfigFile:
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(path, environ)


def test_settings_are_parsed(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        'port = 1234\nmax_body_size = "2 MiB"\nrequire_api_key = true\ncors_origins = ["a", "b"]\ninitial_password = "env:PW"',
        PW="hunter2",
    )
    assert file.settings == {
        "port": 1234,
        "max_body_size": 2 * 1024 * 1024,
        "require_api_key": True,
        "cors_origins": ("a", "b"),
        "initial_password": "hunter2",
    }


def test_tables_are_handed_on_raw(tmp_path: Path) -> None:
    file = read(tmp_path, "[nodes.lab]\na = 1\n[providers.north]\n[models.'no/x']\ncontext = 3\n")
    assert file.nodes == {"lab": {"a": 1}}
    assert file.providers == {"north": {}}
    assert file.models == {"no/x": {"context": 3}}
    assert file.settings == {}


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    assert read(tmp_path, "port = 1\n").digest == hashlib.sha256(b"port = 1\n").hexdigest()


def test_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    file = read(tmp_path, b"\xef\xbb\xbfport = 1\r\n[nodes.lab]\r\nx = 2\r\n")
    assert file.settings == {"port": 1}
    assert file.where("nodes", "lab", "x").endswith("config.toml:3")


def test_errors_name_the_nearest_known_place(tmp_path: Path) -> None:
    file = read(tmp_path, "\n\n[nodes.lab]\nx = { y = 1 }\n")
    assert file.where("nodes", "lab", "x", "y").endswith(":4")
    assert file.where("nodes", "lab", "absent").endswith(":3")
    assert file.where("nowhere").endswith(":1")
    assert str(file.error("is wrong", "nodes", "lab")) == f"{file.path}:3: is wrong"


def test_keys_for_clients(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        '[keys.laptop]\nkey = "env:CLIENT"\nname = "Laptop"\nmodels = ["no/*"]\nproviders = ["north"]\n[keys.b]\nkey = "'
        + LONG_KEY
        + '"',
        CLIENT="x" * 16,
    )
    laptop, other = file.keys
    assert (laptop.name, laptop.key, laptop.models, laptop.providers) == ("Laptop", "x" * 16, ("no/*",), ("north",))
    assert (other.name, other.key, other.models) == ("b", LONG_KEY, ())
    assert LONG_KEY not in repr(file.keys)


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("port = 1\nprot = 2", 2, "unknown key 'prot' (did you mean 'port'?)"),
        ("xyzzy = 2", 1, "unknown key 'xyzzy'"),
        ("[node.lab]", 1, "unknown key 'node' (did you mean 'nodes'?)"),
        ("\nport = 'x'", 2, "port: 'x' is not a valid integer"),
        ("port = 70000", 1, "port: 70000 is above 65535"),
        ("log_level = 'loud'", 1, "log_level: 'loud' is not one of debug, info, warning, error"),
        ("log_level = ['info']", 1, "log_level: ['info'] is not a valid text"),
        ("require_api_key = 'perhaps'", 1, "require_api_key: 'perhaps' is not a valid boolean"),
        ("jwt_secret = 'env:NOPE'", 1, "jwt_secret: the environment variable NOPE is not set"),
        ("# c\n[combos]\nmain = []", 3, "combos.main must be a table: write [combos.NAME] above it"),
        ("aliases = 'b'", 1, "aliases must be written as a table: [aliases] and a line for each"),
        ("nodes = 3", 1, "nodes must be written as tables, one [nodes.NAME] each"),
        ("[nodes]\nlab = 1", 2, "nodes.lab must be a table: write [nodes.NAME] above it"),
        ("[[nodes]]\nname = 'lab'", 1, "nodes must be written as tables, one [nodes.NAME] each"),
        ("[keys.a]\nname = 'a'", 1, "key is missing: write env:NAME, file:PATH, keyring:NAME or the key itself"),
        ("[keys.a]\nkey = 'short'", 2, "key: an API key needs at least 16 characters"),
        ("[keys.a]\n\nkey = 'env:NOPE'", 3, "key: the environment variable NOPE is not set"),
        ("[keys.a]\nkey = 5", 2, "key must be text"),
        ("[keys.a]\nkey = 'env:X'\nmodel = []", 3, "unknown key 'model' (did you mean 'models'?)"),
        ("[keys.a]\nkey = 'env:X'\nmodels = 'all'", 3, "models must be a list of texts"),
        ("[keys.a]\nkey = 'env:X'\nproviders = [1]", 3, "providers must be a list of texts"),
        ("port = 1\nport = 2", 2, "Cannot overwrite a value"),
        ("port = 1\n[nodes.lab\n", 2, "Expected ']' at the end of a table declaration"),
        ("port = 1\nx = ", 2, "Invalid value"),
        ("a = 1\nb = '''\nnever closed", 3, ""),
    ],
)
def test_each_mistake_names_its_line(tmp_path: Path, text: str, line: int, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/config.toml:{line}: {sentence}")


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, b"port = 1\nlog_level = '\xff'\n")
    assert str(caught.value) == f"{tmp_path}/config.toml:2: not UTF-8 text"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_config(tmp_path, {})


def test_a_secret_value_is_not_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "[keys.a]\nkey = 'hunter2'")
    assert "hunter2" not in str(caught.value)


class TestWhichFile:
    def test_the_flag_wins(self, tmp_path: Path) -> None:
        flag, other = tmp_path / "a.toml", tmp_path / "b.toml"
        flag.touch()
        other.touch()
        assert config_path(flag, {"OMNIROUTE_CONFIG": str(other)}) == flag
        assert config_path(None, {"OMNIROUTE_CONFIG": str(other)}) == other

    @pytest.mark.parametrize(("flag", "source"), [("nope.toml", "--config"), (None, "OMNIROUTE_CONFIG")])
    def test_a_named_file_must_exist(self, tmp_path: Path, flag: str | None, source: str) -> None:
        named = str(tmp_path / "nope.toml")
        with pytest.raises(ConfigError) as caught:
            config_path(named if flag else None, {"OMNIROUTE_CONFIG": named})
        assert str(caught.value) == f"{source}: there is no file {named}"

    @pytest.mark.parametrize("variable", ["XDG_CONFIG_HOME", "HOME"])
    def test_the_usual_place(self, tmp_path: Path, variable: str) -> None:
        base = tmp_path if variable == "XDG_CONFIG_HOME" else tmp_path / ".config"
        assert config_path(None, {variable: str(tmp_path)}) is None
        place = base / "omniroute" / "config.toml"
        place.parent.mkdir(parents=True)
        place.touch()
        assert config_path(None, {variable: str(tmp_path)}) == place

    def test_without_a_home_there_is_none(self) -> None:
        assert config_path(None, {}) is None


class TestSecrets:
    @pytest.mark.parametrize("text", ["plain", "sk-with:colon", "https://x", "", "ENV:X"])
    def test_anything_else_is_itself(self, text: str) -> None:
        assert resolve_secret(text, {}) == text

    def test_from_the_environment(self) -> None:
        assert resolve_secret("env:A", {"A": "v"}) == "v"

    @pytest.mark.parametrize("environ", [{}, {"A": ""}])
    def test_a_missing_variable_is_named(self, environ: dict[str, str]) -> None:
        with pytest.raises(ConfigError, match="the environment variable A is not set"):
            resolve_secret("env:A", environ)

    def test_from_a_file_beside_the_config(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(" v\n")
        assert resolve_secret("file:key", {}, tmp_path) == "v"
        assert resolve_secret(f"file:{tmp_path}/key", {}) == "v"

    @pytest.mark.parametrize(
        ("content", "sentence"), [(None, "cannot be read: No such file"), (b"\n", "is empty"), (b"\xff", "is not UTF-8 text")]
    )
    def test_a_bad_file_is_named(self, tmp_path: Path, content: bytes | None, sentence: str) -> None:
        if content is not None:
            (tmp_path / "key").write_bytes(content)
        with pytest.raises(ConfigError, match=f"the secret file {tmp_path}/key {sentence}"):
            resolve_secret("file:key", {}, tmp_path)

    @pytest.mark.parametrize("reference", ["env:", "file:", "keyring:"])
    def test_a_reference_needs_a_name(self, reference: str) -> None:
        with pytest.raises(ConfigError, match=f"'{reference}' names nothing after the colon"):
            resolve_secret(reference, {})

    def test_the_keyring_is_optional(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "keyring", None)
        with pytest.raises(ConfigError, match=r"pip install 'omniroute\[keyring\]'"):
            resolve_secret("keyring:lab", {})

    def test_from_the_keyring(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class KeyringError(Exception):
            pass

        def get_password(service: str, name: str) -> str | None:
            if name == "locked":
                raise KeyringError("it is locked")
            return {("omniroute", "lab"): "v"}.get((service, name))

        fake = SimpleNamespace(get_password=get_password, errors=SimpleNamespace(KeyringError=KeyringError))
        monkeypatch.setitem(sys.modules, "keyring", fake)
        assert resolve_secret("keyring:lab", {}) == "v"
        with pytest.raises(ConfigError, match="the keyring has no entry 'x'"):
            resolve_secret("keyring:x", {})
        with pytest.raises(ConfigError, match="the keyring cannot be read: it is locked"):
            resolve_secret("keyring:locked", {})


def test_keys_have_all_their_limits(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        '[keys.ci]\nkey = "0123456789abcdef"\ncombos = ["night"]\nrpm = 30\nstreams = 2\nsystem_prompt = "Be brief."\n'
        'system_prompt_position = "append"\nproxy = "env:WAY"\n'
    )
    (key,) = read_config(path, {"WAY": "socks5h://me:hunter2@p.test"}).keys
    assert (key.combos, key.rpm, key.streams, key.system_prompt) == (("night",), 30, 2, "Be brief.")
    assert (key.system_prompt_position, key.proxy) == ("append", "socks5://me:hunter2@p.test")
    assert "hunter2" not in repr(key)


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("rpm = 0", "rpm must be a positive whole number"),
        ("streams = true", "streams must be a positive whole number"),
        ('system_prompt_position = "beside"', "prepend, append or replace"),
        ("system_prompt_position = [1]", "prepend, append or replace"),
        ('proxy = "ftp://p.test"', "proxy"),
        ('proxy = "env:MISSING"', "MISSING"),
        ("combos = [1]", "list of texts"),
        ("rpms = 1", "did you mean 'rpm'"),
    ],
)
def test_limits_of_keys_that_are_none_name_their_line(tmp_path: Path, line: str, about: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f'[keys.ci]\nkey = "0123456789abcdef"\n{line}\n')
    with pytest.raises(ConfigError) as wrong:
        read_config(path, {})
    assert wrong.value.message.startswith(f"{path}:3: ")
    assert about in wrong.value.message
