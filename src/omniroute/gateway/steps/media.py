"""Images and documents given by URL, fetched for targets that take only their bytes."""

from __future__ import annotations

import asyncio
import base64

from omniroute.core.errors import ConfigError, Fault
from omniroute.gateway.context import Context
from omniroute.ir.caps import Profile
from omniroute.ir.request import ChatRequest, MediaKind
from omniroute.translation.format import Format
from omniroute.translation.media import File, canonical_mime, sniff, urls_to_fetch, with_files
from omniroute.translation.ops import Ops
from omniroute.upstream.fetch import Fetcher

MOST_FILES = 20
MOST_AT_ONCE = 6


async def inline_media(
    context: Context, request: ChatRequest, upstream: Format, profile: Profile, fetcher: Fetcher, ops: Ops
) -> ChatRequest:
    """``request`` with the files its URLs lead to, where ``upstream`` wants them. A file that cannot be had leaves its URL, which
    becomes a note in the text; ``ops`` says why. Each URL is fetched once for all tries of a request."""
    wanted = urls_to_fetch(request, upstream.rules, vision=profile.capabilities.vision is not False)
    if not wanted:
        return request
    missing = [url for url in wanted if url not in context.files]
    gate = asyncio.Semaphore(MOST_AT_ONCE)

    async def fetch(url: str) -> None:
        async with gate:
            context.files[url] = await _fetched(context, url, wanted[url], fetcher)

    room = MOST_FILES - len(context.files)
    for url in missing[max(0, room) :]:
        context.files[url] = f"only {MOST_FILES} files are fetched for one request"
    async with asyncio.TaskGroup() as group:
        for url in missing[: max(0, room)]:
            group.create_task(fetch(url))
    found = {url: file for url in wanted if isinstance(file := context.files[url], File)}
    failed = {url: reason for url in wanted if isinstance(reason := context.files[url], str)}
    return with_files(request, found, failed, ops)


async def _fetched(context: Context, url: str, kind: MediaKind, fetcher: Fetcher) -> File | str:
    """The file, or a few words why there is none."""
    try:
        declared, content = await fetcher.fetch(url, context.snapshot.settings)
    except Fault as fault:
        return "its address may not be fetched from" if fault.error_code == "blocked_address" else fault.message
    except ConfigError as error:
        return error.message
    if not content:
        return "it is empty"
    data = base64.b64encode(content).decode()
    mime = sniff(data) or canonical_mime(declared)
    if not _fits(mime, kind):
        return f"it is no {kind} but {mime or 'of an unknown type'}"
    return File(mime, data)


def _fits(mime: str, kind: MediaKind) -> bool:
    if kind == "document":
        return mime == "application/pdf" or mime == "application/json" or mime.startswith("text/")
    return mime.startswith(f"{kind}/")


def announced(request: ChatRequest, upstream: Format, profile: Profile, ops: Ops) -> ChatRequest:
    """``request`` with an empty file for every URL that would be fetched: for explanations, which call nobody."""
    wanted = urls_to_fetch(request, upstream.rules, vision=profile.capabilities.vision is not False)
    stand_ins = {"image": "image/png", "document": "application/pdf", "audio": "audio/wav", "video": "video/mp4"}
    return with_files(request, {url: File(stand_ins[kind], "") for url, kind in wanted.items()}, {}, ops) if wanted else request
