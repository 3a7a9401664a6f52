"""Reader of Responses streams of ours that knows only the public rules of the dialect, and checks every one on the way."""

from __future__ import annotations

import json
from typing import Any

from unit.fast.streams import events_of

_PREFIX = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
    "local_shell_call": "lsh_",
    "shell_call": "sh_",
    "apply_patch_call": "apc_",
    "image_generation_call": "ig_",
}
_REQUIRED = {"id", "object", "created_at", "model", "status", "error", "incomplete_details", "output", "usage"}


class Reader:
    """``response`` is the final one, ``items`` what the events of each item built up, ``failed`` the error if there was one."""

    def __init__(self) -> None:
        self.response: dict[str, Any] = {}
        self.items: list[dict[str, Any]] = []
        self.done: list[dict[str, Any]] = []
        self.deltas = 0
        self.failed: dict[str, Any] | None = None
        self._open: dict[str, Any] | None = None
        self._part: dict[str, Any] | None = None
        self._number = 0
        self._notes: list[Any] = []

    def take(self, name: str, event: dict[str, Any]) -> None:
        assert event["type"] == name
        assert event["sequence_number"] == self._number
        self._number += 1
        assert not self.response or self.response["status"] == "in_progress", "nothing follows the terminal event"
        if "response" in event:
            self._lifecycle(name.removeprefix("response."), event["response"])
            return
        assert self._number > 2, "created and in_progress come first"
        if name == "response.output_item.added":
            self._added(event)
        elif name == "response.output_item.done":
            self._finished(event)
        else:
            assert self._open is not None
            assert event["item_id"] == self._open["id"]
            assert event["output_index"] == len(self.items) - 1
            self._inside(name.removeprefix("response."), event)

    def _lifecycle(self, word: str, response: dict[str, Any]) -> None:
        assert response.keys() >= _REQUIRED
        assert (response["id"], response["model"], response["object"]) == ("resp_ours", "shown/model", "response")
        if word in ("created", "in_progress"):
            assert self._number == (1 if word == "created" else 2)
            assert (response["status"], response["output"], response["usage"]) == ("in_progress", [], None)
        else:
            assert response["status"] == word
            assert word in ("completed", "incomplete", "failed")
            assert response["output"] == self.done
            if word == "failed":
                self.failed = response["error"]
                assert self.failed is not None
            else:
                assert self._open is None, "every item is finished"
                usage = response["usage"]
                assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
                assert usage["input_tokens_details"].keys() == {"cached_tokens", "cache_write_tokens"}
                assert usage["output_tokens_details"].keys() == {"reasoning_tokens"}
        self.response = response

    def _added(self, event: dict[str, Any]) -> None:
        item = event["item"]
        assert self._open is None, "items do not interleave"
        assert event["output_index"] == len(self.items)
        assert item["id"].startswith(_PREFIX[item["type"]])
        assert item["id"] not in {known["id"] for known in self.items}
        if item["type"] == "message":
            assert item["content"] == []
        if item["type"] == "reasoning":
            assert item["summary"] == []
            assert "encrypted_content" not in item
        else:
            assert item["status"] == "in_progress"
        if item["type"] == "function_call":
            assert item["arguments"] == ""
        self._open = dict(item)
        self.items.append(self._open)

    def _finished(self, event: dict[str, Any]) -> None:
        item = event["item"]
        assert self._open is not None
        assert self._part is None
        assert event["output_index"] == len(self.items) - 1
        for key in ("id", "type", "call_id", "name", "namespace"):
            assert item.get(key) == self._open.get(key)
        if item["type"] in ("message", "function_call", "custom_tool_call"):
            assert item == {**self._open, "status": "completed"}
        if item["type"] == "reasoning":
            assert item["summary"] == self._open["summary"]
        self.done.append(item)
        self.items[-1] = item
        self._open = None

    def _inside(self, word: str, event: dict[str, Any]) -> None:
        item = self._open
        assert item is not None
        self.deltas += word.endswith(".delta")
        if item["type"] == "message":
            assert event["content_index"] == len(item["content"]) - (self._part is not None)
            self._message(word, event, item)
        elif item["type"] == "reasoning":
            assert event["summary_index"] == 0
            self._reasoning(word, event, item)
        elif item["type"] in ("function_call", "custom_tool_call"):
            key = "arguments" if item["type"] == "function_call" else "input"
            stem = "function_call_arguments" if key == "arguments" else "custom_tool_call_input"
            if word == f"{stem}.delta":
                assert event["delta"]
                item[key] += event["delta"]
            else:
                assert word == f"{stem}.done"
                assert event[key] == item[key]
        else:
            assert word == "image_generation_call.completed"

    def _message(self, word: str, event: dict[str, Any], item: dict[str, Any]) -> None:
        if word == "content_part.added":
            assert self._part is None
            self._part, self._notes = dict(event["part"]), []
            item["content"].append(self._part)
            return
        part = self._part
        assert part is not None
        key = "text" if part["type"] == "output_text" else "refusal"
        if word == f"{part['type']}.delta":
            assert event["delta"]
            assert ("logprobs" in event) == (key == "text")
            part[key] += event["delta"]
        elif word == f"{part['type']}.done":
            assert event[key] == part[key]
        elif word == "output_text.annotation.added":
            assert event["annotation_index"] == len(self._notes)
            self._notes.append(event["annotation"])
        else:
            assert word == "content_part.done"
            if key == "text":
                assert event["part"]["annotations"] == self._notes
                part["annotations"] = self._notes
            assert event["part"] == part
            self._part = None

    def _reasoning(self, word: str, event: dict[str, Any], item: dict[str, Any]) -> None:
        if word == "reasoning_summary_part.added":
            assert self._part is None
            self._part = dict(event["part"])
            item["summary"].append(self._part)
            return
        assert self._part is not None
        if word == "reasoning_summary_text.delta":
            self._part["text"] += event["delta"]
        elif word == "reasoning_summary_text.done":
            assert event["text"] == self._part["text"]
        else:
            assert word == "reasoning_summary_part.done"
            assert event["part"] == self._part
            self._part = None


def read_responses(stream: bytes) -> Reader:
    """The answer in a Responses stream of ours."""
    reader = Reader()
    for name, data in events_of(stream):
        reader.take(name, json.loads(data))
    assert reader.response["status"] != "in_progress", "there is a terminal event"
    return reader
