"""Documents are read, freed of duplicates and split by content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.tasks import corpus
from evolve.tasks.corpus import DataError


def texts(count: int, size: int = 500) -> list[bytes]:
    return [(f"document {number}\n" * size).encode()[:size] for number in range(count)]


documents = st.lists(
    st.binary(min_size=1, max_size=60).filter(lambda text: b"\0" not in text), min_size=3, max_size=60
)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(documents, st.randoms(use_true_random=False))
def test_a_split_depends_on_the_documents_alone_and_not_on_their_order_or_number_of_copies(found, random):
    try:
        one = corpus.split(found, least=1)
    except DataError:
        return
    again = list(found) + found[:2]
    random.shuffle(again)
    assert corpus.split(again, least=1) == one


@settings(deadline=None, max_examples=50, derandomize=True)
@given(documents)
def test_each_document_is_in_exactly_one_split(found):
    try:
        parts = corpus.split(found, least=1).documents
    except DataError:
        return
    everything = [document for part in parts.values() for document in part]
    assert sorted(everything) == sorted(set(found))
    assert all(parts.values())


def test_about_a_twentieth_of_the_bytes_is_for_validation_and_as_much_for_test():
    parts = corpus.split(texts(200), least=10)
    sizes = {name: len(parts.text(name)) for name in ("train", "validation", "test")}
    assert sizes == {"train": 180 * 501, "validation": 10 * 501, "test": 10 * 501}


def test_one_long_document_does_not_swallow_a_small_split():
    parts = corpus.split([*texts(60), b"x" * 60_000], least=10).documents
    assert b"x" * 60_000 in parts["train"]


def test_documents_end_with_the_separator():
    text = corpus.split(texts(100), least=10).text("validation").tobytes()
    assert text.endswith(b"\0")
    assert text.count(b"\0") == 5


def test_another_document_gives_another_fingerprint():
    one = corpus.split(texts(100), least=10).fingerprint
    assert corpus.split(texts(101), least=10).fingerprint != one


def test_too_little_text_is_refused_with_what_is_needed_and_what_is_there():
    with pytest.raises(DataError, match=r"at least 10,280 bytes .* there are 1,500 in 3"):
        corpus.split(texts(3), least=257)


def test_documents_of_very_uneven_length_that_leave_a_split_too_short_are_refused():
    with pytest.raises(DataError, match="0 bytes for train"):
        corpus.split([b"a" * 100_000, b"b" * 1000, b"cc"], least=257)


def test_a_missing_path_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"no such file or folder: .*nowhere"):
        corpus.read(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="holds no text"):
        corpus.read(tmp_path)


def test_a_folder_gives_its_text_files_and_leaves_hidden_binary_and_linked_ones_out(tmp_path: Path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for name in ("b.txt", "deep/a.md", "deep/er/c"):
        (tmp_path / name).write_text(f"text of {name}")
    (tmp_path / ".git" / "config").write_text("hidden")
    (tmp_path / ".hidden").write_text("hidden")
    (tmp_path / "image").write_bytes(b"PNG\0\1")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "link.txt").symlink_to(tmp_path / "b.txt")
    assert corpus.read(tmp_path) == [b"text of b.txt", b"text of deep/a.md", b"text of deep/er/c"]


def test_a_single_file_is_cut_at_blank_lines_into_documents_that_make_it_up(tmp_path: Path):
    whole = b"".join(b"paragraph %d\nof two lines\n\n" % number for number in range(5000))
    (tmp_path / "book.txt").write_bytes(whole)
    found = corpus.read(tmp_path / "book.txt")
    assert b"".join(found) == whole
    assert len(found) >= corpus.CHUNKS * 0.9
    assert all(document.endswith(b"\n\n") for document in found)


@pytest.mark.parametrize("whole", [b"x" * 100_000, b"a line\n" * 9000, b"short"])
def test_text_without_blank_lines_is_cut_all_the_same(whole: bytes):
    found = list(corpus.chunks(whole))
    assert b"".join(found) == whole
    assert all(found)


def test_the_standard_library_is_read_without_its_tests():
    found = corpus.read(None)
    assert sum(map(len, found)) > 5_000_000
    assert Path(os.__file__).read_bytes() in found
    assert not any(b"class TestCase_for_assert" in document for document in found)
