"""The byte-pair encoder: against rs-bpe on whole texts, and on vocabularies small enough to merge by hand."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import random
import sys
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from omniroute._fast.bpe import Vocabulary
from omniroute._fast.unicode_classes import RUNS, UNICODE
from omniroute.gateway.vocabularies import read

rs_bpe = pytest.importorskip("rs_bpe.bpe", reason="rs-bpe has no wheel for this Python").openai

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = {
    "english": "The harbour was quiet; nobody's boat had left. They'd said WE'LL wait — \"until five\", he noted (twice).\n\n",
    "chinese": "清晨的港口十分安静,第一批渔船刚刚回来。码头上没有人多说话,一共1234公斤鲱鱼!",
    "japanese": "朝の港はとても静かで、最初の漁船が戻ってきたばかりだった。ﾊﾝｶｸ、ー、々、ヶ月、10月。",
    "korean": "이른 아침 항구는 아주 조용했고 첫 배들이 막 돌아왔다. 생선 1,200킬로그램.",
    "arabic": "كان الميناء هادئًا جدًّا في الصباح، ولم يتكلم أحدٌ على الرصيف. ١٢٣٤ كيلوغرامًا.",
    "hindi": "सुबह बंदरगाह बहुत शांत था, और पहली नावें अभी लौटी थीं। १२३४ किलो मछली।",
    "thai": "ท่าเรือเงียบมากในตอนเช้า และเรือลำแรกเพิ่งกลับมา ๑๒๓๔",
    "hebrew": "הַנָּמֵל הָיָה שָׁקֵט מְאוֹד בַּבֹּקֶר, והסירות הראשונות חזרו.",
    "russian": "Гавань была тиха; никто на причале много не говорил. ЭТО 1234 кг рыбы.",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈 ok 👍🏽👍🏽 1️⃣ ☕️\u200d ✨✨✨ 🇩🇪🇫🇷",
    "code": 'class A<T>:\n\tdef f(self, x: int=0x1F)->str: # don\'t\n\t\treturn f"{x!r:>08_d}" /* //// */ //\r\n\r\n   ;\t \n',
    "rare": "ǅungla ʰʰA ſ'ſ I'ſ İı ﬁ Ⅷ ½ ²³ ͅA\u0301\u0301 \u0301'S \ufeff\u00a0\u2003x \u2028\u2029\x85\x0b\x0c \x00\x7f 𝐀𝒷 𓀀 \U000e0100 \U0010fffd",
    "blank": "  a   b\n   c \r\n \r \n\n\t\t \n  ",
}


@pytest.fixture(scope="module")
def o200k() -> Vocabulary:
    return Vocabulary(read("o200k"), "o200k")


@pytest.fixture(scope="module")
def cl100k() -> Vocabulary:
    return Vocabulary(read("cl100k"), "cl100k")


@pytest.fixture(scope="module", params=["o200k", "cl100k"])
def pair(request: pytest.FixtureRequest) -> tuple[Vocabulary, Any]:
    """Ours and the other's."""
    return request.getfixturevalue(request.param), getattr(rs_bpe, f"{request.param}_base")()


def corpus() -> Iterator[Path]:
    for folder in ("src", "tests/unit", "tests/vectors", "docs", "benchmarks"):
        for path in sorted(ROOT.joinpath(folder).rglob("*")):
            if path.suffix in (".py", ".pyx", ".pxd", ".toml", ".json", ".sse", ".md", ".sql"):
                yield path


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_encode_as_the_other_encodes_them(pair: tuple[Vocabulary, Any], name: str) -> None:
    ours, other = pair
    for text in (SAMPLES[name], SAMPLES[name] * 30, SAMPLES[name].upper(), SAMPLES[name].replace(" ", "\n")):
        assert ours.encode(text.encode()) == other.encode(text)


def test_the_tree_encodes_as_the_other_encodes_it(pair: tuple[Vocabulary, Any]) -> None:
    ours, other = pair
    texts = [text for text in (path.read_text() for path in corpus()) if len(text) < 300_000]
    assert sum(map(len, texts)) > 1_000_000
    assert ours.count(*(text.encode() for text in texts)) == sum(other.count(text) for text in texts)
    for text in texts[::7]:
        assert ours.encode(text.encode()) == other.encode(text)


@pytest.mark.parametrize(
    "unit", ["a", "A", "ab", " ", "\n", "\t", "-", "=", "/", "的", "的一", "é", "😀", "\u0301", "0", "\x00", "xyzzy ", "  \n"]
)
def test_long_repetitions_count_as_the_other_counts_them(o200k: Vocabulary, unit: str) -> None:
    other = rs_bpe.o200k_base()
    for times in (2, 63, 64, 255, 256, 257, 1000, 20_000):
        assert o200k.count((unit * times).encode()) == other.count(unit * times)


def test_long_words_of_random_letters(o200k: Vocabulary) -> None:
    other = rs_bpe.o200k_base()
    rng = random.Random(5)
    for alphabet in ("ab", "abcdefghijklmnopqrstuvwxyz", "-=", "的一是不了在人有我他", "ABCdef"):
        for size in (100, 1000, 30_000):
            text = "".join(rng.choices(alphabet, k=size))
            assert o200k.encode(text.encode()) == other.encode(text)


def test_a_megabyte_of_one_letter(o200k: Vocabulary) -> None:
    assert o200k.count(b"a" * 1_000_000) == 125_000


def test_each_text_is_a_text_of_its_own(o200k: Vocabulary) -> None:
    assert o200k.count() == 0
    assert o200k.count(b"", b"") == 0
    assert o200k.count(b"hel", b"lo") == o200k.count(b"hel") + o200k.count(b"lo") == 2
    assert o200k.count(b"hello") == 1


def test_a_piece_seen_before_counts_the_same_at_any_place(o200k: Vocabulary) -> None:
    words = [b" antidisestablishmentarianism", b"pneumonoultramicroscopic", b" x", b"\xe7\x9a\x84" * 70, b" " * 9]
    for word in words:
        assert o200k.count(word * 3, word, word) == o200k.count(word * 3) + 2 * o200k.count(word)


def test_special_tokens_are_text(o200k: Vocabulary) -> None:
    assert o200k.count(b"<|endoftext|>") == rs_bpe.o200k_base().count("<|endoftext|>") > 1


@pytest.mark.parametrize(
    "bad", [b"\xff", b"a\xe4", b"\xf0\x9f\x98", b"\x80\x80", b"\xc0\xaf", b"ok \xed\xa0\x80 ok", b"\xf8\x88\x80\x80\x80"]
)
def test_bytes_that_are_no_text_are_counted(o200k: Vocabulary, cl100k: Vocabulary, bad: bytes) -> None:
    for vocabulary in (o200k, cl100k):
        ranks = vocabulary.encode(bad)
        assert vocabulary.count(bad) == len(ranks) > 0


def test_only_bytes_are_taken(o200k: Vocabulary) -> None:
    with pytest.raises(TypeError):
        o200k.count("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        o200k.count(b"text", None)  # type: ignore[arg-type]


def test_threads_share_a_vocabulary(o200k: Vocabulary) -> None:
    texts = [text.encode() * 50 for text in SAMPLES.values()]
    expected = [o200k.count(text) for text in texts]
    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append([o200k.count(text) for text in texts])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


async def test_the_loop_goes_on_while_a_thread_counts(o200k: Vocabulary) -> None:
    counting = asyncio.create_task(asyncio.to_thread(o200k.count, "".join(SAMPLES.values()).encode() * 2000))
    turns = 0
    while not counting.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    assert counting.result() > 0


def lines(*tokens: bytes) -> bytes:
    everything = [bytes([b]) for b in range(256)] + list(tokens)
    return b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for rank, token in enumerate(everything))


def test_merges_go_by_rank_and_of_equal_ones_the_left_first() -> None:
    small = Vocabulary(lines(b"bc", b"ab", b"aa", b"aaa"), "o200k")
    assert len(small) == 260
    bc, ab, aa, aaa = 256, 257, 258, 259
    assert small.encode(b"abc") == [ord("a"), bc]
    assert small.encode(b"ab") == [ab]
    assert small.encode(b"aaaa") == [aa, aa]
    assert small.encode(b"aaa") == [aaa]
    assert small.encode(b"aaaaa") == [aa, aaa]


@pytest.mark.parametrize(
    ("ranks", "sentence"),
    [
        (b"", "the first 256"),
        (b"IQ==", "a line is not"),
        (b"IQ== 0", "a line is not"),
        (b"IQ== x\n", "a line is not"),
        (b"?? 0\n", "a line is not"),
        (b"IQ==  0\n", "a line is not"),
        (b"IQ== 0 \n", "a line is not"),
        (b"IQ== 1\n", "do not count up"),
        (b"IQ== 99999999999999999999\n", "a line is not"),
        (b"IQ== 0\nIQ== 1\n", "the first 256"),
        (lines(b"ab") + b"QQ== 257\n", "stands twice"),
        (lines(b"ab", b"ab"), "stands twice"),
        (lines(b"abc"), "not merged"),
        (lines(b"a" * 256), "than fit"),
        (lines()[:-1], "a line is not"),
        (lines() + b"YWI= 256", "a line is not"),
    ],
)
def test_ranks_that_are_none_are_refused(ranks: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Vocabulary(ranks, "o200k")


def test_rules_are_o200k_or_cl100k() -> None:
    with pytest.raises(ValueError, match="no such rules: p50k"):
        Vocabulary(lines(), "p50k")  # type: ignore[arg-type]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("unicode_classes_generator", ROOT / "tools" / "unicode_classes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def expanded() -> str:
    """The class of each code point, by another reading of the runs."""
    out: list[str] = []
    digits = ""
    for character in RUNS:
        if character.isdigit():
            digits += character
        else:
            out.append(character * int(digits or "1"))
            digits = ""
    return "".join(out).ljust(sys.maxunicode + 1, "x")


def test_the_table_is_what_the_generator_writes() -> None:
    """To the byte under a Python that has the same Unicode version; otherwise in all characters that this Python knows."""
    module = generator()
    assert module.VERSION == UNICODE
    if unicodedata.unidata_version == UNICODE:
        assert module.PLACE.read_text() == module.module(unicodedata)
    table = expanded()
    reclassified = {0x0295, 0x1171E}  # between Unicode 14 and 16
    wrong = [
        hex(point)
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) != "Cn"
        and table[point] not in ("x", module.class_of(chr(point), unicodedata.category(chr(point))))
        and point not in reclassified
    ]
    assert not wrong
    known = [point for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point))[0] in "LMNZ"]
    newer = tuple(map(int, unicodedata.unidata_version.split("."))) > tuple(map(int, UNICODE.split(".")))
    assert newer or not [hex(point) for point in known if table[point] == "x"]
