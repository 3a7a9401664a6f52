"""``omniroute login``: sign in at a provider with the plan that one pays for already."""

from __future__ import annotations

import sys
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from omniroute.cli.client import AdminClient, segment
from omniroute.cli.failure import USAGE, Failure
from omniroute.cli.login_wait import wait
from omniroute.cli.options import Command
from omniroute.cli.output import moment, table
from omniroute.cli.state import State, pass_state
from omniroute.core.loopback import is_loopback
from omniroute.core.settings import suggestion

PATH = "/api/oauth"
_MAX_FILE = 512 * 1024


@click.command(
    "login",
    cls=Command,
    help="Sign in at PROVIDER (id or prefix): with the browser, with its address pasted, with a code, or from what another "
    "program has. Without PROVIDER: where one can sign in.",
    examples=(
        "omniroute login",
        "omniroute login PROVIDER",
        "omniroute login PROVIDER --paste",
        "omniroute login PROVIDER --device --no-open",
        "omniroute login PROVIDER --from-installed",
        "ssh laptop cat .provider/auth.json | omniroute login PROVIDER --import -",
    ),
)
@click.argument("provider", required=False)
@click.option("--browser", "method", flag_value="browser", help="The browser comes back to this machine by itself.")
@click.option("--paste", "method", flag_value="paste", help="Paste the address the browser ends up at, or the code it shows.")
@click.option("--device", "method", flag_value="device", help="Enter a code on any device.")
@click.option("--import", "file", metavar="FILE", help="Take over the tokens in FILE (- for standard input).")
@click.option(
    "--from-installed", is_flag=True, help="Take over the sign-in of a program on the server's machine; it is only read."
)
@click.option("--name", help="What to call the account.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="An option of the provider. Repeatable.")
@click.option("--accept-terms", is_flag=True, help="The provider's notice was read and is accepted.")
@click.option("--no-open", is_flag=True, help="Do not open a browser; only print the address.")
@pass_state
def login(
    state: State,
    provider: str | None,
    method: str | None,
    file: str | None,
    from_installed: bool,
    name: str | None,
    options: tuple[str, ...],
    accept_terms: bool,
    no_open: bool,
) -> None:
    if sum((method is not None, file is not None, from_installed)) > 1:
        raise click.UsageError("give one of --browser, --paste, --device, --import and --from-installed")
    importing = file is not None or from_installed
    with state.client(offline=provider is None or importing) as client:
        if provider is None:
            _show_providers(state, client)
            return
        known = _known(client, provider)
        _terms(state, client, known, accept_terms)
        if file is not None:
            account_id = _import_text(client, known, _text_of(file))
        elif from_installed:
            account_id = _import_installed(state, client, known)
        else:
            account_id = _sign_in(state, client, known, method, _pairs(options), no_open)
        account = client.get(f"/api/providers/{segment(account_id)}")
        if name is not None and name != account["name"]:
            account = client.call("PATCH", f"/api/providers/{segment(account_id)}", body={"name": name})
    state.note(_welcome(known, account))
    state.emit(account, "")


def _show_providers(state: State, client: AdminClient) -> None:
    items = client.every(f"{PATH}/providers")
    rows = [(p["provider"], p["prefix"], p["name"], p["methods"], p["accounts"], _obstacle(p)) for p in items]
    state.emit({"data": items}, table(rows, ("id", "prefix", "name", "ways", "accounts", "first")))


def _obstacle(provider: Mapping[str, Any]) -> str:
    if provider["missing_env"]:
        return f"set {', '.join(provider['missing_env'])}"
    return "accept its notice" if provider["terms"] and not provider["acknowledged"] else ""


def _known(client: AdminClient, word: str) -> dict[str, Any]:
    items = client.every(f"{PATH}/providers")
    for item in items:
        if word in (item["provider"], item["prefix"]):
            return item
    hint = suggestion(word, [item["provider"] for item in items])
    raise Failure(f"nobody signs in at {word!r}{hint}; see: omniroute login")


def _terms(state: State, client: AdminClient, provider: Mapping[str, Any], accepted: bool) -> None:
    """The notice is shown and asked about once; the answer is kept by the server."""
    if provider["terms"] is None or provider["acknowledged"]:
        return
    click.echo(f"{provider['name']}: {provider['terms']}", err=True)
    if not accepted:
        if not _on_terminal():
            raise Failure("read the notice above and give --accept-terms to go on", USAGE)
        if not click.confirm("Go on?", err=True):
            raise Failure("nothing was changed")
    client.post(f"{PATH}/{segment(provider['provider'])}/terms")
    state.note("Noted; it is not asked again.")


def _sign_in(
    state: State, client: AdminClient, provider: Mapping[str, Any], method: str | None, options: dict[str, str], no_open: bool
) -> str:
    chosen = method or _fitting(state, client, provider)
    try:
        begun = _begin(client, provider, chosen, options)
    except Failure as failure:
        if failure.code != "login_port_taken" or method is not None or "paste" not in provider["methods"]:
            raise
        state.note(f"{failure.message}.")
        begun = _begin(client, provider, "paste", options)
    try:
        if begun["method"] == "device":
            _show_code(begun, no_open)
        else:
            _show_address(begun, no_open)
        if begun["method"] == "paste":
            return _submit(client, begun)
        return wait(state, client, begun)
    except (KeyboardInterrupt, click.Abort):
        client.delete(f"{PATH}/sessions/{segment(begun['id'])}")
        raise


def _begin(client: AdminClient, provider: Mapping[str, Any], method: str, options: dict[str, str]) -> dict[str, Any]:
    path = f"{PATH}/{segment(provider['provider'])}"
    body: dict[str, Any] = {"options": options}
    if method == "device":
        return dict(client.post(f"{path}/device-code", body))
    return dict(client.post(f"{path}/authorize", {**body, "method": method}))


def _fitting(state: State, client: AdminClient, provider: Mapping[str, Any]) -> str:
    """The easiest way from here. The browser finds its way back by itself only on the server's own machine."""
    methods = provider["methods"]
    here = is_loopback(urlsplit(client.url or "").hostname or "") and not _far_away(state.environ)
    for way in ("browser", "device", "paste") if here else ("device", "paste", "browser"):
        if way in methods:
            return way
    raise Failure(
        f"{provider['name']} is not signed in at from here: give --from-installed, or --import FILE (- for standard input)",
        USAGE,
    )


def _far_away(environ: Mapping[str, str]) -> bool:
    """Whether the person sits at another machine than this one: logged in from afar, without a screen here."""
    return bool(environ.get("SSH_CONNECTION")) and not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def _show_address(begun: Mapping[str, Any], no_open: bool) -> None:
    click.echo(f"Open this address to sign in:\n\n  {begun['url']}\n", err=True)
    _open(begun["url"], no_open)


def _show_code(begun: Mapping[str, Any], no_open: bool) -> None:
    click.echo(f"Open {begun['verification_uri']} and enter the code:\n\n  {begun['user_code']}\n", err=True)
    _open(begun["verification_uri_complete"] or begun["verification_uri"], no_open)


def _open(url: str, no_open: bool) -> None:
    """Some browsers start slowly, or never return: nobody waits for them."""
    if not no_open and sys.stderr.isatty():
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _submit(client: AdminClient, begun: Mapping[str, Any]) -> str:
    click.echo(
        "After that the browser shows a code, or an address that it may be unable to open: copy it whole, and paste it here.",
        err=True,
    )
    if _on_terminal():
        text = click.prompt("Address or code", err=True)
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise Failure("standard input holds neither address nor code", USAGE)
    body = {"session": begun["id"], "text": text.strip()}
    return str(client.post(f"{PATH}/{segment(begun['provider'])}/exchange", body)["account_id"])


def _import_text(client: AdminClient, provider: Mapping[str, Any], text: str) -> str:
    return str(client.post(f"{PATH}/{segment(provider['provider'])}/import", {"text": text})["account_id"])


def _import_installed(state: State, client: AdminClient, provider: Mapping[str, Any]) -> str:
    found = client.every(f"{PATH}/importable", provider=provider["provider"])
    if not found:
        raise Failure(f"no program on the server's machine has a sign-in of {provider['name']}")
    chosen = found[0]
    about = f" of {chosen['label']}" if chosen["label"] else ""
    until = f", good until {moment(chosen['expires_at'])}" if chosen["expires_at"] is not None else ""
    if not state.yes:
        if not _on_terminal():
            raise Failure(f"found {chosen['path']}{about}{until}; give --yes to take it over", USAGE)
        if not click.confirm(f"Take over the sign-in{about} in {chosen['path']}{until}?", err=True):
            raise Failure("nothing was changed")
    body = {"source": chosen["source"]}
    return str(client.post(f"{PATH}/{segment(provider['provider'])}/import", body)["account_id"])


def _text_of(file: str) -> str:
    """The whole of FILE or of standard input; asked for without an echo on a terminal."""
    if file == "-":
        text = click.prompt("Tokens", hide_input=True, err=True) if _on_terminal() else sys.stdin.read(_MAX_FILE + 1)
    else:
        try:
            with Path(file).expanduser().open(encoding="utf-8") as stream:
                text = stream.read(_MAX_FILE + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if not text.strip() or len(text) > _MAX_FILE:
        raise Failure(f"{'standard input' if file == '-' else file} is empty or too long", USAGE)
    return str(text)


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Failure(f"--option takes NAME=VALUE, not {pair!r}", USAGE)
        found[name] = value
    return found


def _welcome(provider: Mapping[str, Any], account: Mapping[str, Any]) -> str:
    details = account["login"] or {}
    about = [f"as {details['email']}"] if details.get("email") else []
    about += [f"on the plan {details['plan']}"] if details.get("plan") else []
    words = " ".join(["Signed in at", provider["name"], *about])
    return f"{words}: account {account['name']!r} ({account['id']}). Its models start with {account['prefix']}/."


def _on_terminal() -> bool:
    return sys.stdin.isatty()
