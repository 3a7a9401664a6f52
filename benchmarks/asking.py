"""Small questions over HTTP on loopback: what the mock upstream has billed, how the server is, what its ledger says."""

from __future__ import annotations

import asyncio
import json
from typing import Any


async def get_json(port: int, path: str, token: str | None = None) -> Any:
    """The JSON answer to a GET on 127.0.0.1. ``token`` is presented as a bearer. SystemExit when it is no 200."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        signed = f"authorization: Bearer {token}\r\n" if token else ""
        writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{signed}connection: close\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(f"GET {path}: {head.splitlines()[0].decode()}")
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        return json.loads(await reader.readexactly(length))
    finally:
        writer.close()
