"""What a request costs in our own code: µs of processor time between the bytes of a client and those for an upstream, and back.

``python benchmarks/bench_inproc.py [--requests N] [--profile]``. The whole server, with key, routing, limits and ledger, but
transports that only take note: no sockets, no kernel, no event loop in between. So it is quiet on a busy machine, and good for
comparing two versions; what a request costs in all is ``suite.py``'s to say. A lane and the normal way are measured in turn,
the least counts.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from omniroute.core import json
from omniroute.core.ids import SystemClock
from omniroute.server.app import OmniRoute
from omniroute.server.installation import Launch
from omniroute.server.wire import LimitedProtocol
from omniroute.upstream.exchange import Connection
from omniroute.upstream.pool import PooledTransport

_CONFIG = '[nodes.bench]\nformat = "openai_chat"\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "k"\n'
_ROUNDS = 15
_TEXT = "y" * 700
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ndate: Wed, 25 Nov 2026 03:00:00 GMT\r\nserver: mock\r\n%b\r\n"


class _Noting(asyncio.Transport):
    """A transport that keeps nothing but what was written last."""

    def __init__(self) -> None:
        super().__init__()
        self.last = b""
        self.watched = True

    def write(self, data: Any) -> None:
        self.last = data

    def writelines(self, parts: Any) -> None:
        self.last = b"".join(parts)

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 40000) if name in ("peername", "sockname") else default

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        raise RuntimeError("nothing is read here")

    def close(self) -> None:
        if self.watched:
            raise RuntimeError("the server hung up")

    abort = close


def _answer() -> bytes:
    fields = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mock",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 150, "total_tokens": 350},
    }  # fmt: skip
    body = json.dumps(fields)
    return _HEAD % (b"application/json", b"content-length: %d\r\n" % len(body)) + body


def _chunk(text: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if finish is None else {}, "finish_reason": finish}
    data = b"data: %b\n\n" % json.dumps(
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "mock", "choices": [choice]}
    )
    return b"%x\r\n%b\r\n" % (len(data), data)


_STREAM = [
    _HEAD % (b"text/event-stream", b"transfer-encoding: chunked\r\n") + _chunk("a"),
    *[_chunk("word " * 10)] * 98,
    _chunk("", "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
]


class Bench:
    """One client connection, one upstream connection."""

    def __init__(self, app: OmniRoute, key: str) -> None:
        config = uvicorn.Config(
            app.front,
            http=LimitedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )
        config.load()
        self.app = app
        self.state = ServerState()
        self.client, self.upstream = _Noting(), _Noting()
        self.protocol = LimitedProtocol(config, self.state, {})
        self.protocol.connection_made(self.client)
        pool = app.gateway.pipeline._transport_for("http")
        assert isinstance(pool, PooledTransport)
        self.pool = pool
        self.key = key
        self.connection: Connection | None = None

    def request(self, *, stream: bool) -> bytes:
        body = json.dumps({"model": "bench/mock", "messages": [{"role": "user", "content": "x" * 900}], "stream": stream})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {self.key}\r\naccept: */*\r\n"
        return f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    def connect(self) -> None:
        """Put a connection into the pool, as if a call had opened it."""
        loop = asyncio.get_running_loop()
        origin = next(iter(self.pool._origins.values()))
        self.connection = Connection(self.pool, origin, loop, self.pool._buffer)
        self.connection.connection_made(self.upstream)
        self.connection.idle_since = self.pool._clock.monotonic()
        origin.idle.append(self.connection)

    def hear(self, data: bytes) -> None:
        assert self.connection is not None
        self.connection.get_buffer(-1)[: len(data)] = data
        self.connection.buffer_updated(len(data))

    def lane(self, request: bytes, answer: list[bytes]) -> None:
        self.protocol.data_received(request)
        for data in answer:
            self.hear(data)

    async def normal(self, request: bytes, answer: list[bytes]) -> None:
        self.upstream.last = self.client.last = b""
        self.protocol.data_received(request)
        while not self.upstream.last:  # noqa: ASYNC110 - as often as the tasks in between need
            await asyncio.sleep(0)
        for data in answer:
            self.hear(data)
            await asyncio.sleep(0)
        while self.app.gateway.in_flight:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def _least(run: Callable[[], Any], count: int) -> float:
    """µs of this thread's processor time, of the quickest round."""
    found = []
    for _ in range(_ROUNDS):
        gc.collect()
        began = time.thread_time()
        for _ in range(count):
            again = run()
            if again is not None:
                await again
        found.append((time.thread_time() - began) / count * 1e6)
        await asyncio.sleep(0)
    return min(found)


async def _measure(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="omniroute-inproc-") as folder:
        path = Path(folder, "omniroute.toml")
        path.write_text(_CONFIG)  # noqa: ASYNC240 - before anything runs
        environ = {"REQUIRE_API_KEY": "true", "OMNIROUTE_ENVIRONMENT_ACCOUNTS": "0"}
        launch = Launch(flags={"data_dir": str(Path(folder, "data"))}, environ=environ, config=path)
        app = await OmniRoute.open(launch, SystemClock())
        key = await app.installation.first_key()
        assert key is not None
        bench = Bench(app, key)
        whole, stream = bench.request(stream=False), bench.request(stream=True)
        answer, count = [_answer()], given.requests
        target = app.gateway.pipeline
        snapshot = app.installation.snapshot
        provider = next(p for p in snapshot.catalogue.providers if p.prefix == "bench")
        call = target.executor.prepare(
            provider, snapshot.accounts["bench"][0], b"{}", snapshot.settings, model="mock", stream=False, request_id="x"
        )
        bench.pool._route(call)
        bench.connect()
        heads = app.front.heads
        app._recorder._capacity = 1000  # nobody writes the rows: the oldest go
        app._recorder._dropped = 1  # which is no news
        for _ in range(3):
            await bench.normal(whole, answer)
            await bench.normal(stream, _STREAM)
        if app.gateway.lanes.taken < 2:
            raise SystemExit("no lane was taken")
        if given.profile:
            profiler = cProfile.Profile(time.thread_time)
            profiler.enable()
            for _ in range(count):
                bench.lane(whole, answer)
            profiler.disable()
            pstats.Stats(profiler).sort_stats("tottime").print_stats(45)
            return
        lane = await _least(lambda: bench.lane(whole, answer), count)
        flowing = await _least(lambda: bench.lane(stream, _STREAM), max(1, count // 50))
        bench.protocol._heads = None
        normal = await _least(lambda: bench.normal(whole, answer), count // 4)
        pushed = await _least(lambda: bench.normal(stream, _STREAM), max(1, count // 50))
        bench.protocol._heads = heads
        print(f"JSON, 1 kB each way    lane {lane:7.1f} µs   normal way {normal:7.1f} µs")
        print(f"SSE, 100 paced chunks  lane {flowing:7.1f} µs   normal way {pushed:7.1f} µs   ({flowing / 100:.2f} µs a chunk)")
        if bench.protocol.timeout_keep_alive_task is not None:
            bench.protocol.timeout_keep_alive_task.cancel()
        bench.upstream.watched = False
        await app._transports.close()
        await app.installation.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="in each round")
    parser.add_argument("--profile", action="store_true", help="show where the lane's time goes instead")
    uvloop.run(_measure(parser.parse_args()))


if __name__ == "__main__":
    main()
