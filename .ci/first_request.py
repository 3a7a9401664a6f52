"""What a new user does first, with nothing but the standard library: wait for the server, list models, stream one answer.

    python .ci/first_request.py http://127.0.0.1:20128

Exits 1 with a sentence when the server does not get ready or the stream is not what was asked for.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request

_READY_SECONDS = 30
_PROMPT = "four words come back"


def wait_until_ready(base: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=2) as answer:  # noqa: S310 - an address of this machine
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"{base}/readyz did not answer 200 within {_READY_SECONDS} seconds")


def models(base: str) -> list[str]:
    with urllib.request.urlopen(f"{base}/v1/models", timeout=10) as answer:  # noqa: S310
        return [model["id"] for model in json.load(answer)["data"]]


def stream(base: str, model: str) -> tuple[str, bool]:
    """The streamed text, and whether the stream ended with its terminator."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": _PROMPT}]}
    request = urllib.request.Request(  # noqa: S310
        f"{base}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    text, done = "", False
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        for line in answer:
            data = line.decode().removeprefix("data:").strip()
            if data == "[DONE]":
                done = True
            elif line.startswith(b"data:"):
                text += "".join(choice["delta"].get("content") or "" for choice in json.loads(data)["choices"])
    return text, done


def main(base: str) -> None:
    wait_until_ready(base)
    listed = models(base)
    if "demo/echo" not in listed:
        raise SystemExit(f"demo/echo is not among the models: {', '.join(listed[:20])}")
    text, done = stream(base, "demo/echo")
    if _PROMPT not in text or not done:
        raise SystemExit(f"the stream gave {text!r}, terminator seen: {done}")
    sys.stdout.write(f"ready; {len(listed)} models; demo/echo streamed {text!r}\n")


if __name__ == "__main__":
    main(sys.argv[1])
