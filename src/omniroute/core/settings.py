"""Settings as records: one entry here gives the environment names, the flag, the config-file key, the admin form and the docs.

Precedence: flag > environment > config file > database > default. :class:`Settings` is frozen and remembers where each value
came from. Parsing of the file itself, with line numbers and the tables of nodes, is in ``core.configfile``.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from omniroute.core.errors import ConfigError
from omniroute.core.zone import Zone

Origin = Literal["flag", "environment", "file", "database", "default"]
ORIGINS: tuple[Origin, ...] = ("flag", "environment", "file", "database", "default")


STRATEGIES = ("fill-first", "round-robin", "p2c", "random", "least-used", "cost-optimized", "weighted", "pace", "auto")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. ``unit`` is shown to people; ``choices`` limits text; ``minimum``/``maximum`` limit numbers.

    ``restart``: takes effect at the next start only. ``secret``: never shown. ``database``: may be edited at run time.
    ``networks``: the entries of a list are IP addresses or networks; ``zone``: the text is the name of a time zone.
    """

    name: str
    type: Literal["text", "integer", "number", "boolean", "list", "size"]
    default: Any
    help: str
    section: str
    env: tuple[str, ...] = ()
    unit: str | None = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    restart: bool = False
    secret: bool = False
    database: bool = True
    networks: bool = False
    zone: bool = False


def _define(*settings: Setting) -> dict[str, Setting]:
    table = {s.name: s for s in settings}
    if len(table) != len(settings):
        raise ValueError("a setting is declared twice")
    return table


SETTINGS: Mapping[str, Setting] = _define(
    Setting(name="host", type="text", default="127.0.0.1", section="server", env=("OMNIROUTE_HOST", "HOSTNAME"),
            help="Address to listen on. Anything but loopback needs an admin password and required API keys.",
            restart=True, database=False),
    Setting(name="port", type="integer", default=20128, section="server", env=("OMNIROUTE_PORT", "PORT"), minimum=0, maximum=65535,
            help="TCP port to listen on; 0 picks a free one.", restart=True, database=False),
    Setting(name="data_dir", type="text", default=None, section="server", env=("DATA_DIR",),
            help="Where the database and the keys live. Default: the platform's convention.", restart=True, database=False),
    Setting(name="log_level", type="text", default="info", section="server", env=("OMNIROUTE_LOG_LEVEL", "LOG_LEVEL"),
            choices=("debug", "info", "warning", "error"), help="How much the process log says.", restart=True),
    Setting(name="log_format", type="text", default="auto", section="server", env=("LOG_FORMAT",), choices=("auto", "console", "json"),
            help="Process log as lines for people or JSON; auto is console on a terminal.", restart=True),
    Setting(name="base_url", type="text", default=None, section="server", env=("BASE_URL",),
            help="Public URL of this server when it stands behind a reverse proxy.", restart=True),
    Setting(name="cloud_url", type="text", default=None, section="server", env=("CLOUD_URL",),
            help="Base URL of a cloud sync service; unset switches sync off."),
    Setting(name="max_body_size", type="size", default=64 * 1024 * 1024, section="server", env=("OMNIROUTE_MAX_BODY_SIZE",), unit="bytes",
            minimum=1024, help="Largest request body accepted; more is answered 413."),
    Setting(name="max_answer_size", type="size", default=64 * 1024 * 1024, section="server", env=("OMNIROUTE_MAX_ANSWER_SIZE",), unit="bytes",
            minimum=1024, help="Largest finished (not streamed) answer accepted from an upstream."),
    Setting(name="bodies_in_flight", type="size", default=512 * 1024 * 1024, section="server", env=("OMNIROUTE_BODIES_IN_FLIGHT",),
            unit="bytes", minimum=0, help="Request bodies held at one time, all together; more wait. 0 means no limit. A body takes "
            "several times its size while it is translated."),
    Setting(name="body_wait", type="number", default=10.0, section="server", env=("OMNIROUTE_BODY_WAIT",), unit="seconds", minimum=0,
            help="How long a request waits for its share of bodies_in_flight before it is answered 503."),
    Setting(name="drain_timeout", type="number", default=30.0, section="server", env=("OMNIROUTE_DRAIN_TIMEOUT",), unit="seconds", minimum=0,
            help="How long open streams may go on after SIGTERM.", restart=True),
    Setting(name="cors_origins", type="list", default=(), section="server", env=("CORS_ORIGINS", "CORS_ORIGIN"),
            help="Web origins that may call the model endpoints from a browser; empty switches CORS off.", restart=True),
    Setting(name="require_api_key", type="boolean", default=False, section="security", env=("REQUIRE_API_KEY",),
            help="Refuse model requests without a valid API key, on loopback too."),
    Setting(name="initial_password", type="text", default=None, section="security", env=("INITIAL_PASSWORD",), secret=True, database=False,
            help="Admin password to set on first start; ignored once one exists.", restart=True),
    Setting(name="jwt_secret", type="text", default=None, section="security", env=("JWT_SECRET",), secret=True, database=False,
            help="Key that signs dashboard sessions; default: random, made on first start.", restart=True),
    Setting(name="api_key_secret", type="text", default=None, section="security", env=("API_KEY_SECRET",), secret=True, database=False,
            help="Key of the hash under which API keys are stored; default: random, made on first start.", restart=True),
    Setting(name="storage_encryption_key", type="text", default=None, section="security", env=("STORAGE_ENCRYPTION_KEY",), secret=True,
            database=False, help="Key that encrypts provider credentials; default: a key file beside the database.", restart=True),
    Setting(name="auth_cookie_secure", type="boolean", default=None, section="security", env=("AUTH_COOKIE_SECURE",),
            help="Mark the session cookie Secure; default: when the request came over TLS.", restart=True),
    Setting(name="ip_allow", type="list", default=(), section="security", env=("OMNIROUTE_IP_ALLOW",), networks=True,
            help="IP addresses and networks that may call this server; empty means all. Direct calls from this machine always may."),
    Setting(name="ip_block", type="list", default=(), section="security", env=("OMNIROUTE_IP_BLOCK",), networks=True,
            help="IP addresses and networks that may not, even if ip_allow has them. Direct calls from this machine always may."),
    Setting(name="trusted_proxies", type="list", default=(), section="security", env=("OMNIROUTE_TRUSTED_PROXIES",), networks=True,
            help="Reverse proxies whose X-Forwarded-For is believed, for ip_allow and ip_block."),
    Setting(name="enable_request_logs", type="boolean", default=False, section="logs", env=("ENABLE_REQUEST_LOGS",),
            help="Write one process-log line for each model request."),
    Setting(name="connect_timeout", type="number", default=10.0, section="timeouts", env=("OMNIROUTE_CONNECT_TIMEOUT",), unit="seconds", minimum=0.1,
            help="Until a connection to the upstream stands, TLS included."),
    Setting(name="first_token_timeout", type="number", default=120.0, section="timeouts",
            env=("OMNIROUTE_FIRST_TOKEN_TIMEOUT", "FETCH_TIMEOUT_MS"), unit="seconds", minimum=0.1,
            help="From the sent request to the first useful event of a stream, or to the head of a finished answer."),
    Setting(name="between_tokens_timeout", type="number", default=120.0, section="timeouts",
            env=("OMNIROUTE_BETWEEN_TOKENS_TIMEOUT", "STREAM_IDLE_TIMEOUT_MS"), unit="seconds", minimum=0.1,
            help="Longest silence inside a stream."),
    Setting(name="total_timeout", type="number", default=None, section="timeouts", env=("OMNIROUTE_TOTAL_TIMEOUT", "REQUEST_TIMEOUT_MS"),
            unit="seconds", minimum=0.1, help="Longest duration of one upstream call; unset means no limit."),
    Setting(name="keepalive_interval", type="number", default=15.0, section="timeouts", env=("OMNIROUTE_KEEPALIVE_INTERVAL",), unit="seconds",
            minimum=0, help="Send the dialect's ping to a waiting stream client this often, once the stream has begun; 0 switches it off."),
    Setting(name="outbound_proxy", type="text", default=None, section="network", env=("OMNIROUTE_PROXY",),
            help="Proxy URL for all upstream calls (http, https, socks5), or direct for none; default: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and "
            "NO_PROXY. API keys, combos, accounts and providers can have their own."),
    Setting(name="media_private_hosts", type="list", default=(), section="network", env=("OMNIROUTE_MEDIA_PRIVATE_HOSTS",),
            help="Hosts with private addresses (name or name:port) from which images and documents in requests may be fetched for "
            "upstreams that take no URLs; public ones always may."),
    Setting(name="idempotency", type="text", default="marked", section="requests", env=("OMNIROUTE_IDEMPOTENCY",),
            choices=("off", "marked", "retries"),
            help="Which requests share the answer of an equal one under way or just finished: marked = those with an Idempotency-Key, "
            "and the repeated tries of SDKs that count them; retries = with the first tries of such SDKs too."),
    Setting(name="system_prompt", type="text", default=None, section="requests", env=("OMNIROUTE_SYSTEM_PROMPT",),
            help="System prompt given to every chat request; unset gives none. An API key can have one of its own as well."),
    Setting(name="system_prompt_position", type="text", default="prepend", section="requests", env=("OMNIROUTE_SYSTEM_PROMPT_POSITION",),
            choices=("prepend", "append", "replace"), help="Where system_prompt stands: before or behind the client's own, or in its place."),
    Setting(name="reasoning_mode", type="text", default="passthrough", section="requests", env=("OMNIROUTE_REASONING_MODE",),
            choices=("passthrough", "auto", "custom", "adaptive"),
            help="How much models think: passthrough = as the client says; auto = as the model does by itself; custom = by "
            "reasoning_budget or reasoning_effort; adaptive = more for long conversations with tools, up to these."),
    Setting(name="reasoning_budget", type="integer", default=None, section="requests", env=("OMNIROUTE_REASONING_BUDGET",), unit="tokens",
            minimum=1, help="Tokens of thinking in the modes custom and adaptive; where a model knows only levels, the nearest one."),
    Setting(name="reasoning_effort", type="text", default="medium", section="requests", env=("OMNIROUTE_REASONING_EFFORT",),
            choices=("none", "minimal", "low", "medium", "high", "xhigh", "max"),
            help="Level of thinking in the modes custom and adaptive when reasoning_budget is not set."),
    Setting(name="local_warmups", type="boolean", default=False, section="requests", env=("OMNIROUTE_LOCAL_WARMUPS",),
            help="Answer here what agents ask beside their work: session titles, warm-up pings, quota probes and token counts. Such "
            "answers carry the header x-omniroute-local, and the log says so."),
    Setting(name="strict_translation", type="boolean", default=False, section="translation", env=("OMNIROUTE_STRICT_TRANSLATION",),
            help="Refuse a request with 400, naming the field, when part of what it asks for would be lost in translation."),
    Setting(name="combo_strategy", type="text", default="fill-first", section="routing", env=("OMNIROUTE_COMBO_STRATEGY",), choices=STRATEGIES,
            help="How the steps of a combo are put in order when the combo does not say."),
    Setting(name="combo_retries", type="integer", default=1, section="routing", env=("OMNIROUTE_COMBO_RETRIES",), minimum=0, maximum=5,
            help="How often a step is tried again in place after a passing failure, when neither it nor its combo says."),
    Setting(name="account_strategy", type="text", default="fill-first", section="routing", env=("OMNIROUTE_ACCOUNT_STRATEGY",),
            choices=STRATEGIES, help="How accounts of one provider with equal priority are put in order when the provider does not say; "
            "a conversation stays with its account either way."),
    Setting(name="queue_wait", type="number", default=30.0, section="routing", env=("OMNIROUTE_QUEUE_WAIT",), unit="seconds", minimum=0,
            help="How long a request may stand in line for an account that is at a limit of yours before it is answered 429."),
    Setting(name="cooldown_wait", type="number", default=5.0, section="routing", env=("OMNIROUTE_COOLDOWN_WAIT",), unit="seconds", minimum=0,
            maximum=120, help="How long a request may wait, once, for the first account to come out of its cooldown when nothing else is left."),
    Setting(name="quota_interval", type="number", default=600.0, section="routing", env=("OMNIROUTE_QUOTA_INTERVAL",), unit="seconds", minimum=0,
            help="How often the provider of an account in use is asked what is left of its quota, where it can be; at least 300, 0 = never."),
    Setting(name="hedge", type="boolean", default=False, section="routing", env=("OMNIROUTE_HEDGE",),
            help="Start a second try beside one that is slower to its first token than 95 of 100 before it. The second costs what it used."),
    Setting(name="hedge_share", type="number", default=0.05, section="routing", env=("OMNIROUTE_HEDGE_SHARE",), minimum=0, maximum=1,
            help="The largest share of requests that may have such a second try."),
    Setting(name="time_zone", type="text", default=None, section="accounting", env=("OMNIROUTE_TIME_ZONE",), zone=True,
            help="Time zone in which days, weeks and months of budgets and charts begin, such as Europe/Berlin; default: this machine's."),
    Setting(name="budget_status", type="text", default="402", section="accounting", env=("OMNIROUTE_BUDGET_STATUS",), choices=("402", "429"),
            help="Status of requests refused for a budget: clients take 402 as final, and try again after 429."),
    Setting(name="ledger_days", type="integer", default=90, section="accounting", env=("OMNIROUTE_LEDGER_DAYS",), unit="days", minimum=0,
            help="How long single tries stay in the ledger; 0 keeps them. Their sums stay in any case."),
    Setting(name="ledger_size", type="size", default=4 * 1024**3, section="accounting", env=("OMNIROUTE_LEDGER_SIZE",), unit="bytes", minimum=0,
            help="Largest database file: beyond it the oldest tries go. 0 means no limit."),
    Setting(name="capture_days", type="integer", default=7, section="accounting", env=("OMNIROUTE_CAPTURE_DAYS",), unit="days", minimum=1,
            help="How long captured requests and answers are kept."),
    Setting(name="capture_size", type="size", default=256 * 1024**2, section="accounting", env=("OMNIROUTE_CAPTURE_SIZE",), unit="bytes",
            minimum=1024**2, help="Largest size of all captured requests and answers together: beyond it the oldest go."),
    Setting(name="capture_part", type="size", default=256 * 1024, section="accounting", env=("OMNIROUTE_CAPTURE_PART",), unit="bytes",
            minimum=1024, maximum=16 * 1024**2, help="How much of one body is captured; the rest is only counted."),
    Setting(name="demo_provider", type="boolean", default=True, section="providers", env=("OMNIROUTE_DEMO",),
            help="Offer the built-in demo models: they need no network and no account."),
    Setting(name="own_credentials", type="text", default="on", section="providers", env=("OMNIROUTE_OWN_CREDENTIALS",), choices=("on", "off"),
            help="Send the request of a client that is signed in at its own provider by itself (Claude Code, Codex) to that provider with "
            "its own token, and elsewhere only when it refuses."),
    Setting(name="environment_accounts", type="boolean", default=True, section="providers", env=("OMNIROUTE_ENVIRONMENT_ACCOUNTS",),
            help="Make accounts of the providers' conventional variables (OPENAI_API_KEY, ANTHROPIC_API_KEY, …)."),
)  # fmt: skip

_MILLISECONDS = frozenset({"FETCH_TIMEOUT_MS", "STREAM_IDLE_TIMEOUT_MS", "REQUEST_TIMEOUT_MS"})
_SIZES = {
    "": 1,
    "b": 1,
    "k": 1024,
    "kb": 1024,
    "kib": 1024,
    "m": 1024**2,
    "mb": 1024**2,
    "mib": 1024**2,
    "g": 1024**3,
    "gb": 1024**3,
    "gib": 1024**3,
}
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})


def suggestion(word: str, known: list[str]) -> str:
    """`` (did you mean 'x'?)`` or an empty text."""
    close = get_close_matches(word, known, 1, 0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def parse(setting: Setting, raw: Any) -> Any:
    """``raw`` (text from a flag or variable, or a TOML/JSON value) as the setting's own type; ConfigError says what is wrong."""
    if raw is None:
        return None
    try:
        value = _PARSERS[setting.type](raw)
    except (ValueError, TypeError):
        raise ConfigError(f"{setting.name}: {raw!r} is not a valid {setting.type}") from None
    if setting.networks:
        _check_networks(setting, value)
    if setting.zone:
        _check_zone(setting, str(value))
    if setting.choices and value not in setting.choices:
        raise ConfigError(f"{setting.name}: {value!r} is not one of {', '.join(setting.choices)}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if setting.minimum is not None and value < setting.minimum:
            raise ConfigError(f"{setting.name}: {value} is below {setting.minimum:g}")
        if setting.maximum is not None and value > setting.maximum:
            raise ConfigError(f"{setting.name}: {value} is above {setting.maximum:g}")
    return value


def _check_networks(setting: Setting, entries: Any) -> None:
    for entry in entries:
        try:
            ip_network(entry, strict=False)
        except ValueError:
            raise ConfigError(f"{setting.name}: {entry!r} is not an IP address or network (such as 10.0.0.0/8)") from None


def _check_zone(setting: Setting, name: str) -> None:
    try:
        Zone(name)
    except ValueError as error:
        raise ConfigError(f"{setting.name}: {error}") from None


def _boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(word)


def _integer(raw: Any) -> int:
    if isinstance(raw, bool) or (isinstance(raw, float) and not raw.is_integer()):
        raise ValueError(raw)
    return int(raw)


def _number(raw: Any) -> float:
    if isinstance(raw, bool):
        raise ValueError(raw)
    value = float(raw)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(raw)
    return value


def _size(raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower().replace(" ", "")
    digits = word.rstrip("bgikm")
    return int(float(digits) * _SIZES[word[len(digits) :]])


def _list(raw: Any) -> tuple[str, ...]:
    if isinstance(raw, (list, tuple)):
        return tuple(str(item) for item in raw)
    return tuple(item.strip() for item in str(raw).split(",") if item.strip())


def _text(raw: Any) -> str:
    if isinstance(raw, (dict, list)):
        raise ValueError(raw)
    return str(raw)


_PARSERS = {"text": _text, "integer": _integer, "number": _number, "boolean": _boolean, "list": _list, "size": _size}


class Settings:
    """The values in force, frozen; ``settings.port`` reads one, :meth:`origin` says where it came from."""

    # The values are the instance's own attributes: several are read for every request, and ``__getattr__`` costs ten times as much.
    __slots__ = ("__dict__", "_origins")

    def __init__(self, values: Mapping[str, Any], origins: Mapping[str, Origin]) -> None:
        self.__dict__.update(values)
        object.__setattr__(self, "_origins", dict(origins))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("settings are frozen; load new ones")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("settings are frozen; load new ones")

    def origin(self, name: str) -> Origin:
        origin: Origin = self._origins[name]
        return origin

    def as_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)

    @classmethod
    def load(
        cls,
        *,
        flags: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] | None = None,
        file: Mapping[str, Any] | None = None,
        database: Mapping[str, Any] | None = None,
    ) -> Settings:
        """Merge the five sources. Unknown names in ``file`` or ``database`` are a ConfigError with a suggestion."""
        for source, given in (("the config file", file), ("the database", database)):
            for name in given or {}:
                if name not in SETTINGS:
                    raise ConfigError(f"unknown setting {name!r} in {source}{suggestion(name, list(SETTINGS))}")
        values: dict[str, Any] = {}
        origins: dict[str, Origin] = {}
        for name, setting in SETTINGS.items():
            values[name], origins[name] = _pick(setting, flags or {}, environ or {}, file or {}, database or {})
        return cls(values, origins)


def _pick(
    setting: Setting, flags: Mapping[str, Any], environ: Mapping[str, str], file: Mapping[str, Any], database: Mapping[str, Any]
) -> tuple[Any, Origin]:
    name = setting.name
    if flags.get(name) is not None:
        return parse(setting, flags[name]), "flag"
    for variable in setting.env:
        raw = environ.get(variable)
        if raw and _meant_for_us(variable, raw):
            return _from_environment(setting, variable, raw), "environment"
    if name in file:
        return parse(setting, file[name]), "file"
    if setting.database and name in database:
        return parse(setting, database[name]), "database"
    return setting.default, "default"


def _meant_for_us(variable: str, raw: str) -> bool:
    """Shells and containers set HOSTNAME to the machine's name: only an address or localhost is a wish of the operator."""
    if variable != "HOSTNAME" or raw == "localhost":
        return True
    try:
        ip_address(raw)
    except ValueError:
        return False
    return True


def _from_environment(setting: Setting, variable: str, raw: str) -> Any:
    try:
        value = parse(setting, raw)
        return value / 1000 if variable in _MILLISECONDS else value
    except ConfigError as error:
        raise ConfigError(f"environment variable {variable}: {error.message}") from None
