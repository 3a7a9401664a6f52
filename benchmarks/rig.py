"""Everything a measurement needs, on loopback: the mock upstream, nginx, an aiohttp proxy, OmniRoute, each in its own process.

OmniRoute runs as a user's does: a key is required, the ledger is on, requests are routed through its catalogue, resilience is on.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from dialects import DIALECTS
from load import Job
from procs import answers, cores, free_port, listens, process, stop, wait_until
from scenarios import Scenario

HERE = Path(__file__).parent
ROOT = HERE.parent
AIOHTTP_PYTHON = ROOT / "build" / "peers" / "venv" / "bin" / "python"
_WITH_VERSION = frozenset({"openai_chat", "openai_responses"})


class Upstream(NamedTuple):
    """Base URLs of the mock upstream without a trailing slash; ``certificate`` is the PEM file its TLS side shows."""

    plain: str
    tls: str
    certificate: Path
    pid: int

    @property
    def port(self) -> int:
        return urlsplit(self.plain).port or 0


class Target(NamedTuple):
    """Somewhere load can go. ``translates``: it takes the client's dialect; the others are sent the upstream's.

    ``pid`` is the root of its process tree, None when its cost is nobody's concern. ``prefixed``: models go by our nodes' names,
    ``prefix``: by this one.
    ``plain_only``: it knows the plain upstream alone; ``only_tls``: the one with TLS alone. ``gentle``: so slow that a few
    requests at a time must do.
    """

    name: str
    port: int
    pid: int | None
    headers: tuple[tuple[str, str], ...] = ()
    prefixed: bool = False
    translates: bool = False
    clients: frozenset[str] = frozenset(DIALECTS)
    upstreams: frozenset[str] = frozenset(DIALECTS)
    plain_only: bool = False
    only_tls: bool = False
    gentle: bool = False
    prefix: str = ""

    def takes(self, scenario: Scenario) -> bool:
        """Whether a run of the scenario against it means something."""
        if (self.only_tls and not scenario.tls) or (self.plain_only and scenario.tls):
            return False
        return self.dialect(scenario) in self.clients and scenario.upstream in self.upstreams

    def dialect(self, scenario: Scenario) -> str:
        return scenario.client if self.translates else scenario.upstream

    def job(self, scenario: Scenario) -> Job:
        dialect = self.dialect(scenario)
        model = f"{self.prefix}mock:{scenario.script}"
        if self.prefixed:
            model = f"{scenario.node}/{model}"
        host = f"127.0.0.1:{self.port}"
        request = scenario.request(dialect, model, host, self.headers)
        return Job("127.0.0.1", self.port, request, DIALECTS[dialect].done if scenario.stream else None)


class Server(NamedTuple):
    """A running OmniRoute: base URL, process id, a key clients may use, and its administrator's token."""

    url: str
    pid: int
    key: str
    token: str

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def target(self, name: str = "omniroute") -> Target:
        return Target(name, self.port, self.pid, (("authorization", f"Bearer {self.key}"),), prefixed=True, translates=True)


def upstream_formats() -> list[str]:
    """The formats of this build that a provider may speak and the mock upstream knows."""
    from omniroute.translation.format import registry

    return [name for name in registry().names() if name in DIALECTS and not registry()[name].client_only]


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    """The mock upstream, plain and with TLS."""
    with tempfile.TemporaryDirectory(prefix="omniroute-bench-") as folder:
        certificate = Path(folder, "certificate.pem")
        certificate.write_bytes(_certificate())
        command = [sys.executable, str(HERE / "mock_upstream.py"), "--port", "0", "--certificate", str(certificate)]
        with process(command, cpus=cores()[0], stdout=subprocess.PIPE) as started:
            assert started.stdout is not None
            line = started.stdout.readline().split()
            if len(line) < 2 or not line[-1].startswith("https://"):
                raise SystemExit("the mock upstream did not start")
            yield Upstream(line[-2], line[-1], certificate, started.pid)


def _certificate() -> bytes:
    """A fresh self-signed certificate for loopback, with its key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "OmniRoute benchmark")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    return secret + built.public_bytes(serialization.Encoding.PEM)


class Prepared(NamedTuple):
    """An OmniRoute ready to be started: its data directory exists and holds the key. It chooses its port itself."""

    key: str
    command: tuple[str, ...]
    environ: dict[str, str]

    def server(self, pid: int) -> Server | None:
        """The server of that process once it listens, as its runtime file says: another's is never taken for it."""
        try:
            told = json.loads(Path(self.environ["DATA_DIR"], "server.json").read_bytes())
        except (OSError, ValueError):
            return None
        if told["pid"] != pid:
            return None
        token = Path(self.environ["DATA_DIR"], "admin.token").read_text().strip()
        return Server(told["url"].replace("localhost", "127.0.0.1"), pid, self.key, token)


@contextmanager
def prepared_server(
    upstream: Upstream, *, wrap: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Iterator[Prepared]:
    """Config file, data directory and key of an OmniRoute in front of the mock upstream, gone with the block.

    ``wrap`` stands in the interpreter's place (a profiler with it); ``environ`` is added to the environment.
    """
    with tempfile.TemporaryDirectory(prefix="omniroute-bench-") as folder:
        config = Path(folder, "config.toml")
        config.write_text(_config(upstream))
        seen = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        seen |= {
            "DATA_DIR": str(Path(folder, "data")),
            "REQUIRE_API_KEY": "true",
            "BENCH_KEY": "any",
            "OMNIROUTE_ENVIRONMENT_ACCOUNTS": "0",
            "SSL_CERT_FILE": str(upstream.certificate),
            **(environ or {}),
        }
        ours = ("-m", "omniroute", "--config", str(config))
        making = [sys.executable, *ours, "keys", "create", "--name", "bench", "--json"]
        made = subprocess.run(making, env=seen, capture_output=True, text=True, check=False)
        if made.returncode:
            raise SystemExit(f"no key could be made: {made.stderr}")
        serving = ("serve", "--no-open", "--host", "127.0.0.1", "--port", "0", "--log-level", "warning")
        yield Prepared(json.loads(made.stdout)["key"], (*(wrap or (sys.executable,)), *ours, *serving), seen)


@contextmanager
def running_server(upstream: Upstream, *, wrap: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Iterator[Server]:
    """OmniRoute in front of the mock upstream. SystemExit if it does not get ready, or does not end with status 0 on SIGTERM."""
    with prepared_server(upstream, wrap=wrap, environ=environ) as prepared:
        with process(prepared.command, cpus=cores()[1], env=prepared.environ) as started:
            wait_until(lambda: prepared.server(started.pid) is not None, started, "OmniRoute")
            server = prepared.server(started.pid)
            assert server is not None
            wait_until(lambda: answers(f"{server.url}/readyz"), started, "OmniRoute")
            yield server
            if stop(started) != 0:
                raise SystemExit(f"OmniRoute ended with status {started.returncode} on SIGTERM")


_SHORT = "timeouts = { connect = 1, first_token = 1, between_tokens = 1 }\n"


def _config(upstream: Upstream) -> str:
    nodes = []
    for format in upstream_formats():
        for ending, base, more in (("", upstream.plain, ""), ("-tls", upstream.tls, ""), ("-failing", upstream.plain, _SHORT)):
            url = base + ("/v1" if format in _WITH_VERSION else "/v1beta" if format == "gemini" else "")
            prefix = f"bench-{format.replace('_', '-')}{ending}"
            nodes.append(
                f'[nodes.{prefix}]\nformat = "{format}"\nbase_url = "{url}"\nmodels = ["*"]\napi_key = "env:BENCH_KEY"\n{more}'
            )
    return "\n".join(nodes)


_NGINX = """
worker_processes 1;
{user}error_log stderr crit;
pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 0; client_body_buffer_size 4m; keepalive_requests 1000000000; keepalive_timeout 600;
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 2048; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 600;
    }}
  }}
}}
"""


def nginx_command() -> str | None:
    return shutil.which("nginx") or next((path for path in ("/usr/sbin/nginx",) if os.access(path, os.X_OK)), None)


@contextmanager
def running_nginx(upstream: Upstream) -> Iterator[Target | None]:
    """nginx as a plain proxy, one worker, buffering off, connections to the upstream kept; None where it is not installed."""
    command = nginx_command()
    if command is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="omniroute-bench-") as folder:
        port = free_port()
        config = Path(folder, "nginx.conf")
        user = "user root;\n" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
        config.write_text(_NGINX.format(folder=folder, port=port, upstream=upstream.port, user=user))
        line = [command, "-p", folder, "-c", str(config), "-e", "stderr", "-g", "daemon off;"]
        with process(line, cpus=cores()[1]) as started:
            wait_until(lambda: listens(port), started, "nginx")
            yield Target("nginx", port, started.pid)


def aiohttp_python() -> str | None:
    """An interpreter that has aiohttp: this one, or the one beside the peers."""
    for python in (sys.executable, str(AIOHTTP_PYTHON)):
        if os.access(python, os.X_OK) and subprocess.run([python, "-c", "import aiohttp"], capture_output=True).returncode == 0:
            return python
    return None


@contextmanager
def running_aiohttp(upstream: Upstream) -> Iterator[Target | None]:
    """A proxy on aiohttp in front of the TLS upstream; None where there is no aiohttp."""
    python = aiohttp_python()
    if python is None:
        yield None
        return
    port = free_port()
    line = [python, str(HERE / "aiohttp_proxy.py"), upstream.tls, str(upstream.certificate), str(port)]
    with process(line, cpus=cores()[1]) as started:
        wait_until(lambda: listens(port), started, "the aiohttp proxy")
        yield Target("aiohttp", port, started.pid, only_tls=True)


class Rig(NamedTuple):
    """``missing`` says in sentences what is not there."""

    upstream: Upstream
    server: Server
    targets: tuple[Target, ...]
    missing: tuple[str, ...]


@contextmanager
def running_rig(*, beside: bool = True, aiohttp: bool = False) -> Iterator[Rig]:
    """The mock upstream and OmniRoute; with ``beside`` nginx too, with ``aiohttp`` that proxy."""
    with ExitStack() as stack:
        upstream = stack.enter_context(running_upstream())
        server = stack.enter_context(running_server(upstream))
        targets = [Target("direct", upstream.port, None)]
        missing = []
        if beside:
            nginx = stack.enter_context(running_nginx(upstream))
            targets += [nginx] if nginx else []
            missing += [] if nginx else ["nginx is not installed: no ratios to it"]
        targets.append(server.target())
        if aiohttp:
            other = stack.enter_context(running_aiohttp(upstream))
            targets += [other] if other else []
            missing += [] if other else ["aiohttp is not installed (make bench-peers): no comparison over TLS"]
        yield Rig(upstream, server, tuple(targets), tuple(missing))
