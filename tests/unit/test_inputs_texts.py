"""Texts from lists and files: names, columns, encodings, and rows that are wrong."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unseen.errors import InputError, ItemError
from unseen.inputs import TextItem, count_texts, iter_texts
from unseen.inputs.texts import MAX_CHARACTERS, check_text

if TYPE_CHECKING:
    from collections.abc import Iterator


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(source: Any, **options: Any) -> list[tuple[str, str | None]]:
    """Line (or row) and text, or its error, of each item."""
    return [(item.name.rpartition(":")[2], item.text or item.error) for item in iter_texts(source, **options)]


# In memory


def test_lists_and_generators_of_strings() -> None:
    expected = [TextItem("text-0", "a bird"), TextItem("text-1", " a bus ")]
    for source in (["a bird", " a bus "], ("a bird", " a bus "), iter(["a bird", " a bus "])):
        assert list(iter_texts(source)) == expected
    assert count_texts(["a", "b"]) == 2
    assert count_texts(iter(["a"])) is None
    assert count_texts([Path("x.csv")]) is None


def test_generators_are_drawn_lazily() -> None:
    drawn = []

    def source() -> Iterator[str]:
        for i in range(3):
            drawn.append(i)
            yield str(i)

    items = iter_texts(source())
    assert drawn == [0]
    assert len(list(items)) == 3


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (None, "must be a string; got nothing"),
        (3, "must be a string; got int"),
        (b"x", "must be a string; got bytes"),
        ("a\0b", "holds a NUL character; the file may be binary, or UTF-16 without its byte-order mark"),
        ("x" * (MAX_CHARACTERS + 1), "too long: more than 100,000 characters"),
        ("a\ud800", "is not Unicode: a lone surrogate at character 2"),
        ("caf\udce9", "is not UTF-8: byte 0xe9 at character 4; save the file as UTF-8"),
    ],
)
def test_texts_that_cannot_be_encoded_are_rows(text: Any, error: str) -> None:
    with pytest.raises(ItemError, match=re.escape(error)):
        check_text(text)
    assert list(iter_texts(["fine", text])) == [TextItem("text-0", "fine"), TextItem("text-1", None, error)]


def test_the_longest_text_is_taken() -> None:
    assert check_text("x" * MAX_CHARACTERS) == "x" * MAX_CHARACTERS


@pytest.mark.parametrize("source", [None, 3, b"text", {"a": 1}, {"a"}, io.StringIO("a\n")])
def test_what_is_no_source_is_refused(source: Any) -> None:
    words = rf"^iter_texts: source must be a path to a .txt, .*; got {type(source).__name__}\. Pass a list of strings"
    with pytest.raises(InputError, match=words):
        iter_texts(source)


def test_a_text_taken_for_a_path_says_so() -> None:
    with pytest.raises(InputError, match=r"source must be a file that exists; got 'a red bird'\. Put texts themselves"):
        iter_texts("a red bird")
    with pytest.raises(InputError, match=r"source must be a file that can be read; got '…x+'\. Put texts themselves"):
        iter_texts("x" * 5000)
    for path in ("", "a\0b"):
        with pytest.raises(InputError, match=r"source must be a path; got '.*'\. Pass a file's path, or texts in"):
            iter_texts(path)


def test_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"source must be at least one text; got none\. Pass a text"):
        iter_texts([])
    for name, content in (("a.txt", "\n\n"), ("b.csv", "text\n"), ("c.jsonl", "")):
        with pytest.raises(InputError, match=rf"source must be at least one text; got '.*{name}'\. Pass"):
            iter_texts(write(tmp_path / name, content))


# Files in general


def test_a_mistyped_file_lists_near_ones(tmp_path: Path) -> None:
    write(tmp_path / "queries.csv", "text\na\n")
    with pytest.raises(InputError, match=r"Near names there: queries.csv\.$"):
        iter_texts(tmp_path / "querys.csv")
    with pytest.raises(InputError, match=r"Near names there: queries.csv\.$"):
        iter_texts(["a", tmp_path / "querys.csv"])


def test_other_kinds_and_folders_are_refused(tmp_path: Path) -> None:
    words = r"iter_texts: file '.*a.docx' must be a \.txt, \.csv, \.tsv, .* file; got \.docx\. Rename or convert"
    with pytest.raises(InputError, match=words):
        iter_texts(write(tmp_path / "a.docx", "x"))
    with pytest.raises(InputError, match=r"got no suffix\. Rename"):
        iter_texts(write(tmp_path / "README", "x"))
    with pytest.raises(InputError, match=r"got a folder\. Rename"):
        iter_texts(tmp_path)
    (tmp_path / "dir.txt").mkdir()
    with pytest.raises(InputError, match=r"must be a file that can be read; got one that is a folder, not a file\."):
        iter_texts(tmp_path / "dir.txt")


def test_paths_in_an_iterable_are_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "one\ntwo\n")
    items = list(iter_texts(element for element in ["zero", path, "three", tmp_path / "none.txt"]))
    assert [item.name for item in items[:4]] == ["text-0", f"{path}:1", f"{path}:2", "text-3"]
    assert items[4].name == str(tmp_path / "none.txt")
    assert "must be a file that exists" in str(items[4].error)


def test_files_are_closed_when_done_and_when_dropped(tmp_path: Path) -> None:
    """An open file that is dropped would warn, and warnings are errors here."""
    for name, content in (("a.txt", "a\nb\n"), ("a.csv", "text\na\nb\n"), ("a.jsonl", '"a"\n"b"\n')):
        assert len(list(iter_texts(write(tmp_path / name, content)))) == 2
        iterator = iter_texts(tmp_path / name)
        assert next(iterator).text == "a"
        del iterator


# .txt


def test_lines_keep_their_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "one\n\n  \r\ntwo\r\nthree\rfour")
    assert rows(path) == [("1", "one"), ("4", "two"), ("5", "three"), ("6", "four")]
    assert next(iter_texts(str(path))).name == f"{path}:1"
    assert count_texts(path) == 4
    with pytest.raises(InputError, match=r"column must be None for a \.txt file; got 'text'\. A \.txt file has one"):
        iter_texts(path, column="text")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_with_and_without_a_mark(tmp_path: Path, encoding: str) -> None:
    lines = "schön\n猫\n👩‍🚀\n"
    assert rows(write(tmp_path / "a.txt", lines.encode(encoding))) == [("1", "schön"), ("2", "猫"), ("3", "👩‍🚀")]
    table = f"id,text\n1,{lines.splitlines()[0]}\n".encode(encoding)
    assert rows(write(tmp_path / "a.csv", table)) == [("2", "schön")]
    assert rows(write(tmp_path / "a.jsonl", '{"text": "猫"}\n'.encode(encoding))) == [("1", "猫")]


def test_other_encodings_name_the_line_and_the_byte(tmp_path: Path) -> None:
    error = "is not UTF-8: byte 0xe9 at character 4; save the file as UTF-8"
    assert rows(write(tmp_path / "a.txt", b"fine\ncaf\xe9\nfine\n")) == [("1", "fine"), ("2", error), ("3", "fine")]
    assert rows(write(tmp_path / "a.csv", b"text,n\ncaf\xe9,1\nok,2\n")) == [("2", error), ("3", "ok")]
    assert rows(write(tmp_path / "a.jsonl", b'"caf\xe9"\n"ok"\n')) == [("1", error), ("2", "ok")]


def test_utf16_without_a_mark_and_utf32_are_refused(tmp_path: Path) -> None:
    for name in ("a.txt", "a.csv", "a.jsonl"):
        words = rf"file '.*{name}' must be UTF-8, or UTF-16 with a byte-order mark; got {{}}\. Save it as UTF-8"
        with pytest.raises(InputError, match=words.format("binary data, or UTF-16 without its mark")):
            iter_texts(write(tmp_path / name, "one\ntwo\n".encode("utf-16-le")))
        with pytest.raises(InputError, match=words.format("UTF-32")):
            iter_texts(write(tmp_path / name, codecs.BOM_UTF32_LE + "one".encode("utf-32-le")))


def test_damaged_utf16_ends_with_a_row(tmp_path: Path) -> None:
    data = codecs.BOM_UTF16_LE + "one\n".encode("utf-16-le") * 9000 + b"\x00\xd8x\0"
    for name, head in (("a.txt", ""), ("a.csv", "text\n"), ("a.jsonl", "")):
        content = codecs.BOM_UTF16_LE + head.encode("utf-16-le") + data[2:]
        last = list(iter_texts(write(tmp_path / name, content)))[-1]
        assert last.text is None
        assert re.fullmatch(
            r"is not UTF-16: byte \d+ of a block is wrong. The rest of the file was not read", str(last.error)
        )


def test_a_nul_is_a_row(tmp_path: Path) -> None:
    got = rows(write(tmp_path / "a.txt", b"one\nt\0wo\nthree\n"))
    assert got[1][1] == "holds a NUL character; the file may be binary, or UTF-16 without its byte-order mark"
    assert got[2] == ("3", "three")


@pytest.mark.parametrize(("name", "head", "quote"), [("a.txt", "", ""), ("a.csv", "text\n", ""), ("a.jsonl", "", '"')])
def test_huge_lines_are_rows_and_reading_goes_on(tmp_path: Path, name: str, head: str, quote: str) -> None:
    longish, huge = "x" * (MAX_CHARACTERS + 5), "y" * 3_000_000
    lines = [f"{quote}{text}{quote}" for text in ("one", longish, huge, "two")]
    got = rows(write(tmp_path / name, head + "\n".join(lines) + "\n"))
    start = 2 if head else 1
    assert got == [
        (str(start), "one"),
        (str(start + 1), "too long: more than 100,000 characters"),
        (str(start + 2), "too long: a line of more than 1,048,576 characters"),
        (str(start + 3), "two"),
    ]


def test_a_failing_disk_ends_with_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.BytesIO):
        """Reads well once to be looked at, and once more; then the disk is gone."""

        reads = 0

        def read1(self, size: int | None = -1, /) -> bytes:
            self.reads += 1
            if self.reads > 1:
                raise OSError(5, "Input/output error")
            return super().read1(10)

    for name, content in (
        ("a.txt", b"one\ntwo\nthree\n"),
        ("a.jsonl", b'"one"\n"two"\n"three"\n'),
        ("a.csv", b"text\none\ntwo\nthree\n"),
    ):
        path = write(tmp_path / name, content)
        monkeypatch.setattr("unseen.inputs.tables.open_regular", lambda _, content=content: Failing(content))
        got = rows(path)
        assert got[0][1] == "one"
        assert got[-1][1] == "cannot be read: OSError. The rest of the file was not read"


# .csv and .tsv


def test_columns_are_chosen_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'id,text,note\n1,"one, two",x\n2,three,y\n')
    assert rows(path) == [("2", "one, two"), ("3", "three")]
    assert rows(path, column="note") == [("2", "x"), ("3", "y")]
    assert rows(write(tmp_path / "b.csv", "sentence\none\n")) == [("2", "one")]
    assert rows(write(tmp_path / "c.tsv", "id\ttext\n1\ta, b\n")) == [("2", "a, b")]
    assert rows(write(tmp_path / "d.csv", "id;text\n1;a, b\n")) == [("2", "a, b")]
    assert count_texts(path) is None


def test_a_wrong_column_lists_the_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,sentence\n1,a\n")
    words = r"file '.*a.csv' must be a table with {}; got columns 'id', 'sentence'\. Name {}"
    with pytest.raises(
        InputError, match=words.format("a sole column or one called 'text'", "the column: column=, or --column")
    ):
        iter_texts(path)
    with pytest.raises(InputError, match=words.format("one column 'txt'", "one of them, and each column once")):
        iter_texts(path, column="txt")
    with pytest.raises(InputError, match=r"one column 'a'; got columns 'a', 'a'\."):
        iter_texts(write(tmp_path / "b.csv", "a,a\n1,2\n"), column="a")
    with pytest.raises(InputError, match=r"got no columns\."):
        iter_texts(write(tmp_path / "c.csv", ""))


def test_ragged_blank_and_quoted_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'id,text\n1\n\n2,"two\nlines"\n3,\n4,four,more\n')
    assert rows(path) == [
        ("2", "has 1 fields; column 'text' is number 2"),
        ("4", "two\nlines"),
        ("6", "is empty"),
        ("7", "four"),
    ]


def test_an_open_quote_ends_with_a_row_and_bounded_memory(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text\nfine\n"open\n' + "more and more\n" * 40_000)
    got = rows(path)
    assert got[0] == ("2", "fine")
    assert got[1][0] == "3"
    assert re.fullmatch(
        r"is not closed by a quote \(field larger.*\)\. The rest of the file was not read", str(got[1][1])
    )
    assert len(got) == 2


def test_a_field_beyond_the_limit_of_csv_is_one_row(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    got = rows(write(tmp_path / "a.csv", "text,n\nfine,1\n" + "x" * (limit + 1) + ",2\nfine,3\n"))
    assert [number for number, _ in got] == ["2", "3", "4"]
    assert str(got[1][1]).startswith("is no CSV: field larger than field limit")
    assert got[2][1] == "fine"
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("header", ["x" * 200_000 + ",b\n", "y" * 1_100_000 + "\n"])
def test_a_damaged_header_is_an_error(tmp_path: Path, header: str) -> None:
    with pytest.raises(InputError, match=r"must be a table with a header line; got a damaged one \(.*\)\. Mend its"):
        iter_texts(write(tmp_path / "a.csv", header))


# .jsonl


def test_objects_and_strings(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"id": 1, "text": "one"}\n\n"two"\n{"id": 2, "text": "th\\u00e9"}\n')
    assert rows(path) == [("1", "one"), ("3", "two"), ("4", "thé")]
    assert rows(write(tmp_path / "b.ndjson", '{"q": "one"}\n')) == [("1", "one")]
    assert rows(write(tmp_path / "c.jsonl", '{"a": "x", "b": "y"}\n'), column="b") == [("1", "y")]
    assert rows(write(tmp_path / "d.jsonl", '"one"\n"two"\n')) == [("1", "one"), ("2", "two")]
    assert count_texts(path) is None


def test_wrong_lines_are_rows(tmp_path: Path) -> None:
    lines = ['{"text": "one"}', '{"text": "two"', "[1]", "3", '{"t": "x"}', '{"text": 3}', '{"text": null}']
    lines += ['{"text": "\\ud800"}', "[" * 100_000, "1" * 10_000, '{"text": "last"}']
    assert rows(write(tmp_path / "a.jsonl", "\n".join(lines))) == [
        ("1", "one"),
        ("2", "is no JSON: Expecting ',' delimiter at character 16"),
        ("3", "must be an object or a string; got list"),
        ("4", "must be an object or a string; got int"),
        ("5", "has no field 'text'"),
        ("6", "must be a string; got int"),
        ("7", "must be a string; got nothing"),
        ("8", "is not Unicode: a lone surrogate at character 1"),
        ("9", "is no JSON that can be read: too deep, or a number too long"),
        ("10", "is no JSON that can be read: too deep, or a number too long"),
        ("11", "last"),
    ]


def test_a_wrong_field_is_an_error_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "".join(json.dumps({"id": i, "body": "x"}) + "\n" for i in range(99)))
    with pytest.raises(InputError, match=r"a sole column or one called 'text'; got columns 'id', 'body'\."):
        iter_texts(path)
    with pytest.raises(InputError, match=r"a table with one column 'text'; got columns 'id', 'body'\."):
        iter_texts(path, column="text")
    some = write(tmp_path / "b.jsonl", '{"id": 1}\n{"id": 2, "body": "x"}\n')
    assert rows(some, column="body") == [("1", "has no field 'body'"), ("2", "x")]


# .parquet


def test_parquet_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"id": [1, 2, 3], "text": ["one", None, "three"]})
    pq.write_table(table, path, row_group_size=2)
    assert rows(path) == [("1", "one"), ("2", "must be a string; got nothing"), ("3", "three")]
    assert count_texts(path) == 3
    for kind in (pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        pq.write_table(pa.table({"t": pa.array(["one", "two"]).cast(kind)}), path)
        assert rows(path) == [("1", "one"), ("2", "two")]


def test_wrong_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": [1], "body": ["x"]}), path)
    with pytest.raises(InputError, match=r"one called 'text'; got columns 'id', 'body'\."):
        iter_texts(path)
    with pytest.raises(InputError, match=r"must be a table whose column 'id' holds strings; got int64\. Name a column"):
        iter_texts(path, column="id")
    for content in (b"", b"PAR1 no", b"text"):
        write(path, content)
        with pytest.raises(InputError, match=r"must be a Parquet file; got damaged or other data\. Write it again"):
            iter_texts(path)
        with pytest.raises(InputError, match="must be a Parquet file"):
            count_texts(path)


def test_damaged_pages_of_parquet_end_with_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = [f"{i * 7919 % 10_007} is a number" for i in range(20_000)]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=5000, compression="snappy", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = b"\xff" * 3000
    write(path, bytes(data))
    items = list(iter_texts(path))
    assert [item.text for item in items[:1000]] == texts[:1000]
    assert str(items[-1].error).startswith("cannot be read: ")
    assert str(items[-1].error).endswith("The rest of the file was not read")
    assert len(items) < 20_000


def test_parquet_strings_that_are_no_unicode_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    strings = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\3\0\0\0\6\0\0\0"), pa.py_buffer(b"onec\xe9t")]
    )
    pq.write_table(pa.table({"text": strings}), path)
    assert rows(path) == [("1", "one"), ("2", "is not UTF-8")]


@pytest.mark.parametrize(
    ("body", "line", "after"),
    [
        ('1,a\n2,"open\n3,c\n4,d\n', "3", []),
        ('1,a\n2,"open\n3,c\n4,"d"\n5,e\n', "3", []),
        ('1,a\n2,"open\n', "3", []),
        ('1,a\n2,"5" disk\n3,c\n', "3", [("4", "c")]),
    ],
)
def test_a_stray_quote_never_makes_one_text_of_several_rows(
    tmp_path: Path, body: str, line: str, after: list[tuple[str, str]]
) -> None:
    got = rows(write(tmp_path / "a.csv", "id,text\n" + body))
    assert got[0] == ("2", "a")
    assert got[1][0] == line
    assert re.match(r"is not closed by a quote \(|is no CSV: ", str(got[1][1]))
    assert got[2:] == after
