"""The token estimate beside a real vocabulary, and what of a request body counts."""

from __future__ import annotations

import argparse
import base64
import dataclasses
import http.client
import inspect
import json
import random
import textwrap
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rs_bpe.bpe import openai

from omniroute._fast.tokens import estimate, estimate_body

ENGLISH = """\
The harbour lay quiet when the first boats came home. Nobody on the pier spoke much; the men threw their lines, the
women counted baskets, and the gulls argued about whatever fell between the planks. Old Martha, who had sold nets here
for forty years, said that the water had never been so warm in October. "It's the current," she told anyone who would
listen, "and it won't be the last time."

Inside the office, the clerk was busy with figures. Twelve hundred kilograms of herring, three hundred of cod, a few
boxes of crab: he wrote everything into the ledger twice, once in ink and once on the machine that the ministry had
sent. He didn't trust the machine, because it had already lost a whole week in spring. Of course, the ledger had been
lost in a flood as well, but that was long before his time and therefore did not count.

What would happen next was obvious to everybody except the visitors. They walked along the quay with their cameras,
asked whether the fish was fresh, and were surprised that nobody answered. By six o'clock the ice had been delivered,
the trucks were loaded, and the road behind the village carried a slow procession of lights towards the city. Then the
harbour belonged to the gulls again.

Later that evening the council met to discuss the new breakwater. Several proposals had been submitted, each more
expensive than the one before. The engineer explained, patiently and with many drawings, why a shorter wall would
protect the entrance better than a longer one. Someone asked about the seals. Someone else asked about the money. It was
decided, as usual, to decide in the spring.
"""

CHINESE = """\
清晨的港口十分安静,第一批渔船刚刚回来。码头上没有人多说话,男人们抛下缆绳,女人们清点篮子,海鸥在木板之间争抢掉落的小鱼。
老玛莎在这里卖了四十年渔网,她说十月的海水从来没有这么暖和过。办公室里,职员正忙着核对数字:一千二百公斤鲱鱼,三百公斤鳕鱼,
还有几箱螃蟹。他把所有内容都记录两次,一次写在账本上,一次输入到部门送来的机器里。他并不相信那台机器,因为春天的时候它已经
丢失过整整一个星期的数据。当然,账本也曾经在洪水中丢失,不过那是很久以前的事情。接下来会发生什么,除了游客以外每个人都很清楚。
他们带着相机沿着码头散步,询问鱼是不是新鲜,对于没有人回答感到惊讶。六点钟,冰块已经送到,卡车装满了货物,村庄后面的公路上,
灯光缓慢地向城市移动。晚上,委员会开会讨论新的防波堤。有几个方案已经提交,每一个都比前一个更加昂贵。工程师耐心地解释,
为什么较短的墙比较长的墙能够更好地保护入口。有人问起海豹,有人问起资金。最后,大家像往常一样决定:到春天再做决定。
"""

GERMAN = """\
Der Hafen lag still, als die ersten Boote zurückkamen. Niemand auf der Mole sprach viel; die Männer warfen die Leinen, die Frauen
zählten Körbe, und die Möwen stritten um alles, was zwischen die Bretter fiel. Die alte Martha, die hier seit vierzig Jahren Netze
verkaufte, sagte, das Wasser sei im Oktober noch nie so warm gewesen. Im Büro beschäftigte sich der Schreiber mit den Zahlen und
trug alles zweimal ein, einmal mit Tinte und einmal in die Maschine, die das Ministerium geschickt hatte. Am Abend traf sich der
Gemeinderat, um über den neuen Wellenbrecher zu beraten. Mehrere Vorschläge lagen vor, jeder teurer als der vorige. Der Ingenieur
erklärte geduldig, warum eine kürzere Mauer die Einfahrt besser schützen würde als eine längere. Man beschloss wie üblich, im
Frühjahr zu beschließen.
"""


def record(seed: int) -> dict[str, object]:
    rng = random.Random(seed)
    return {
        "id": seed,
        "name": rng.choice(["read_file", "write_file", "list_directory", "searchCode"]),
        "description": rng.choice(["Returns the content of a file.", "Changes a file in place.", "Finds a pattern in the tree."]),
        "enabled": rng.random() < 0.5,
        "score": round(rng.random(), 3),
        "tags": rng.sample(["storage", "network", "editor", "search", "beta"], 2),
        "updated_at": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:15:00Z",
        "owner": {"type": "user", "email": None, "permissions": ["read", "write"]},
    }


RECORDS = [record(i) for i in range(60)]


@pytest.fixture(scope="module")
def vocabulary() -> openai.Tokenizer:
    return openai.o200k_base()


def assert_close(vocabulary: openai.Tokenizer, text: str, bound: float) -> None:
    exact = vocabulary.count(text)
    assert exact * (1 - bound) <= estimate(text.encode()) <= exact * (1 + bound), (estimate(text.encode()), exact)


def test_english_is_within_twelve_percent(vocabulary: openai.Tokenizer) -> None:
    assert_close(vocabulary, ENGLISH, 0.12)
    for paragraph in ENGLISH.split("\n\n"):
        assert_close(vocabulary, paragraph, 0.15)


@pytest.mark.parametrize("module", [argparse, dataclasses, http.client, textwrap])
def test_code_is_within_twelve_percent(vocabulary: openai.Tokenizer, module: ModuleType) -> None:
    assert_close(vocabulary, inspect.getsource(module), 0.12)


@pytest.mark.parametrize("indent", [None, 2])
def test_json_is_within_twelve_percent(vocabulary: openai.Tokenizer, indent: int | None) -> None:
    assert_close(vocabulary, json.dumps(RECORDS, indent=indent), 0.12)


def test_chinese_is_within_fifteen_percent(vocabulary: openai.Tokenizer) -> None:
    assert_close(vocabulary, CHINESE, 0.15)


def test_other_languages_and_random_text_are_within_thirty_percent(vocabulary: openai.Tokenizer) -> None:
    noise = random.Random(7).randbytes(4000)
    assert_close(vocabulary, GERMAN, 0.30)
    assert_close(vocabulary, base64.b64encode(noise).decode(), 0.30)
    assert_close(vocabulary, noise.hex(), 0.30)


@pytest.mark.parametrize(
    "text", [b"a", b" ", b"\n", b".", b"7", b"\xff", b"\xe4", b"\xf0\x9f", "é".encode(), "😀".encode(), b"\x00"]
)
def test_any_text_is_at_least_one_token(text: bytes) -> None:
    assert estimate(text) >= 1


def test_only_empty_text_is_none() -> None:
    assert estimate(b"") == 0


def test_the_estimate_grows_with_the_text() -> None:
    counts = [estimate(ENGLISH.encode()[:length]) for length in range(0, 2000, 50)]
    assert counts == sorted(counts)


def body(messages: list[object], **members: object) -> bytes:
    return json.dumps({"model": "lab/m", "messages": messages, **members}).encode()


def test_text_of_messages_counts_like_the_text_itself() -> None:
    plain = estimate(ENGLISH.encode())
    assert estimate_body(body([{"role": "user", "content": ENGLISH}])) == plain + 4
    assert estimate_body(body([{"role": "user", "content": [{"type": "text", "text": ENGLISH}]}])) == plain + 4


def test_escapes_count_as_what_they_mean() -> None:
    messages: list[object] = [{"role": "user", "content": CHINESE + '"😀"\t\\'}]
    raw = json.dumps({"messages": messages}, ensure_ascii=False).encode()
    assert estimate_body(body(messages)) == estimate_body(raw)


@pytest.mark.parametrize(
    "request_body",
    [
        {"system": ENGLISH, "messages": []},
        {"system": [{"type": "text", "text": ENGLISH, "cache_control": {"type": "ephemeral"}}], "messages": []},
        {"instructions": ENGLISH, "input": []},
        {"input": ENGLISH},
        {"systemInstruction": {"parts": [{"text": ENGLISH}]}, "contents": []},
        {"prompt": ENGLISH},
    ],
)
def test_prompts_of_every_dialect_count(request_body: dict[str, object]) -> None:
    assert estimate_body(json.dumps(request_body).encode()) == estimate(ENGLISH.encode())


def test_what_the_model_does_not_read_counts_nothing() -> None:
    silent = body(
        [{"role": "user", "content": [], "tool_call_id": "call_0123456789"}],
        user="someone",
        metadata={"note": ENGLISH},
        stop=["x"],
    )
    assert estimate_body(silent) == 4


def test_tools_count_with_their_keys() -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string", "description": "The file to read."}}}
    tool = {"name": "read", "description": "Reads a file.", "input_schema": schema}
    compact = json.dumps([tool], separators=(",", ":")).encode()
    assert estimate_body(body([], tools=[tool])) == estimate(compact) + 8


def test_arguments_and_results_count_with_their_keys() -> None:
    value = {"path": "a/b.txt", "limit": 1500, "flags": [True, None, -1.5e3], "nested": {"id": "abc"}}
    compact = json.dumps(value, separators=(",", ":")).encode()
    call = {"type": "tool_use", "id": "toolu_01", "name": "read", "input": value}
    assert estimate_body(body([{"role": "assistant", "content": [call]}])) == estimate(compact) + estimate(b"read") + 4


BLOB = base64.b64encode(random.Random(1).randbytes(30_000)).decode()


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + BLOB}},
        {"type": "image_url", "image_url": {"url": "https://example.com/picture.png", "detail": "high"}},
        {"type": "input_image", "image_url": "https://example.com/picture.png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BLOB}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/picture.png"}},
        {"inlineData": {"mimeType": "image/png", "data": BLOB}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://bucket/film.mp4"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64," + BLOB}},
        {"type": "input_audio", "input_audio": {"data": BLOB, "format": "wav"}},
        {"images": [BLOB]},
    ],
)
def test_media_counts_flat(part: dict[str, object]) -> None:
    assert estimate_body(body([{"role": "user", "content": [part]}])) == 1304


def test_a_link_in_a_search_result_is_text() -> None:
    result = {"type": "search_result", "url": "https://example.com/picture.png"}
    assert estimate_body(body([{"role": "user", "content": [result]}])) < 30


def test_a_long_text_under_a_media_key_is_text() -> None:
    part = {"type": "document", "source": {"type": "text", "data": ENGLISH}}
    assert estimate_body(body([{"role": "user", "content": [part]}])) == estimate(ENGLISH.encode()) + 4


@pytest.mark.parametrize(
    "broken", [b"", b"{}", b"{", b"[]", b'{"messages":[', b'{"messages":["a\\', b'{"messages":[{"content":"\xff"}]}']
)
def test_any_bytes_give_at_least_one(broken: bytes) -> None:
    assert estimate_body(broken) >= 1


def test_deep_bodies_are_counted_as_text() -> None:
    deep = b'{"messages":' + b"[" * 2000 + b"]" * 2000 + b"}"
    assert estimate_body(deep) == max(1, estimate(deep))


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["url", "input", "text", "source", "é\n"]), inner)
    ),
    max_leaves=12,
)


@given(VALUE, st.sampled_from(["messages", "tools", "system", "other"]), st.booleans(), st.integers(0, 400))
def test_every_body_and_every_cut_of_it_is_counted(value: object, key: str, ascii_only: bool, cut: int) -> None:
    whole = json.dumps({key: value}, ensure_ascii=ascii_only).encode()
    assert estimate_body(whole) >= 1
    assert estimate_body(whole[:cut]) >= 1


@given(st.binary(max_size=40))
def test_any_bytes_are_counted(data: bytes) -> None:
    assert (estimate(data) == 0) == (not data)
    assert estimate_body(data) >= 1
