"""A proxy as one would write it with aiohttp on uvloop: a server, a client session, chunks passed on. For comparison over TLS.

python benchmarks/aiohttp_proxy.py UPSTREAM-URL CERTIFICATE-FILE PORT
"""

from __future__ import annotations

import asyncio
import ssl
import sys

from aiohttp import ClientSession, TCPConnector, web

try:
    import uvloop
except ImportError:
    uvloop = None

_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


async def _serve(base: str, certificate: str, port: int) -> None:
    context = ssl.create_default_context(cafile=certificate)
    async with ClientSession(connector=TCPConnector(ssl=context, limit=0), auto_decompress=False) as session:

        async def relay(request: web.Request) -> web.StreamResponse:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in _OURS}
            async with session.request(
                request.method, base + request.path_qs, headers=headers, data=await request.read()
            ) as reply:
                kept = {name: value for name, value in reply.headers.items() if name.lower() not in _OURS}
                answer = web.StreamResponse(status=reply.status, headers=kept)
                await answer.prepare(request)
                async for chunk in reply.content.iter_any():
                    await answer.write(chunk)
                await answer.write_eof()
                return answer

        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", relay)
        runner = web.AppRunner(app, access_log=None, handle_signals=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    loop_factory = uvloop.new_event_loop if uvloop is not None else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
