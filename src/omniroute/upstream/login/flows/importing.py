"""Tokens that somebody has already: pasted, or read from the files of a program that is signed in here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from omniroute.catalog.oauth import LoginFile
from omniroute.core.errors import BadRequest
from omniroute.upstream.login import Client, LoginRefused, Tokens
from omniroute.upstream.login.flows import Begun, Method, Unfinished, Unpolled
from omniroute.upstream.login.renewing import renewed
from omniroute.upstream.login.replies import claims_of, moment
from omniroute.upstream.login.way import Way

_OURS = ("access", "refresh", "id_token", "expires_at", "client_id", "client_secret")
_ALWAYS_KNOWN = (
    "email", "plan", "region", "machine_id", "user_id", "account_id", "organization_id", "profile_arn", "project",
)  # fmt: skip
_MOST, _MOST_OF_A_FACT = 20_000, 500


class Importing(Unpolled, Unfinished):
    name = "import"

    def methods(self, way: Way) -> tuple[Method, ...]:
        del way
        return ("import",)

    async def begin(self, way: Way, method: Method, options: Mapping[str, str], redirect_uri: str | None) -> Begun:
        del method, options, redirect_uri
        raise BadRequest(f"{way.provider.name} is connected by importing tokens; there is nothing to open")


async def imported(way: Way, fields: Mapping[str, str]) -> Tokens:
    """``fields`` as of ``LoginFile.fields``. A refresh token alone, or beside an access token that has ended, is proved by using
    it: what comes back replaces it. LoginRefused; BadRequest when there is nothing in ``fields``."""
    given = {name: text.strip() for name, text in fields.items() if text.strip()}
    if any(len(text) > _MOST for text in given.values()):
        raise BadRequest("that is too long for a token")
    access, refresh = _bare(given.get("access", "")), given.get("refresh")
    if not access and not refresh:
        raise BadRequest(f"{way.provider.name} needs an access token or a refresh token", param="access")
    now = way.clock.now()
    client = given.get("client_id")
    tokens = Tokens(
        access=access,
        refresh=refresh,
        expires_at=moment(given.get("expires_at")) or moment(claims_of(access).get("exp")),
        id_token=given.get("id_token"),
        client=Client(id=client, secret=given.get("client_secret")) if client and given.get("client_secret") else None,
        facts={**way.kept(way.chosen({})), **way.machine_facts(), **_facts(way, given)},
    )
    over = tokens.expires_at is not None and tokens.expires_at <= now
    if access and not over:
        return tokens
    if refresh is None or way.oauth.renews != "token":
        raise LoginRefused(f"this access token of {way.provider.name} has expired: sign in there again and import it anew")
    return await renewed(way, tokens)


def _facts(way: Way, given: Mapping[str, str]) -> dict[str, str]:
    """What is told beside the tokens. BadRequest for what this provider has no use for: facts are shown, secrets are not."""
    ways = way.provider.oauth.ways() if way.provider.oauth is not None else (way.oauth,)
    known = set(_ALWAYS_KNOWN)
    for oauth in ways:
        known |= {*oauth.facts, *oauth.options, *(name for file in _files(oauth.files) for name in file.fields)}
    facts = {name: text for name, text in given.items() if name not in _OURS}
    for name, text in facts.items():
        if name not in known or len(text) > _MOST_OF_A_FACT:
            raise BadRequest(f"{way.provider.name} has no use for {name!r}", param=name)
    return facts


def _files(files: tuple[LoginFile, ...]) -> Iterator[LoginFile]:
    for file in files:
        yield file
        yield from _files(file.beside)


def _bare(access: str) -> str:
    """The token itself, where an application keeps it as ``user::token``."""
    for mark in ("::", "%3A%3A", "%3a%3a"):
        if mark in access:
            return access.rpartition(mark)[2]
    return access


FLOW = Importing()
