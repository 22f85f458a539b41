"""Texts of all kinds, one or many, and arrays without copies."""

import numpy as np
import pyarrow as pa
import pytest

import blt

TEXT = "어둠 속에서 the ship"
BYTES = TEXT.encode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        BYTES,
        bytearray(BYTES),
        memoryview(BYTES),
        np.frombuffer(BYTES, dtype=np.uint8),
        np.frombuffer(BYTES, dtype=np.int8),
        np.repeat(np.frombuffer(BYTES, dtype=np.uint8), 2)[::2],
        np.str_(TEXT),
        np.bytes_(BYTES),
    ],
    ids=lambda text: type(text).__name__,
)
def test_one_text(model, text):
    patches = model.patch(text)
    assert b"".join(map(bytes, patches)) == BYTES
    np.testing.assert_array_equal(model.entropies(text), model.entropies(BYTES))


@pytest.mark.parametrize("text", [None, 7, ["a"], object(), {"a": 1}])
def test_no_text(model, text):
    with pytest.raises(TypeError, match="a text is str, bytes"):
        model.patch(text)


def test_wide_items_are_no_bytes(model):
    with pytest.raises(TypeError, match="not of items of 4 bytes"):
        model.patch(np.zeros(3, dtype=np.float32))


def test_half_a_character(model):
    with pytest.raises(blt.ArgumentError, match="surrogate pair at character 2"):
        model.patch("ab\ud800")


def test_an_empty_text(model, whole):
    for each in (model, whole):
        patches = each.patch("")
        assert len(patches) == 0 and list(patches) == [] and patches.mean is None
        assert each.entropies("").shape == (0,)
        assert each.entropies("", to_come=True).shape == (1,)
        score = each.score("")
        assert (score.bytes, score.patches, score.nll) == (0, 0, 0.0)
        assert score.bits_per_byte is None and score.byte_perplexity is None
        assert len(each.generate("", 3, ignore_end=True).bytes) == 3


def test_patches_are_a_sequence(model):
    patches = model.patch("The quick brown fox")
    assert patches[-1] == patches[len(patches) - 1]
    assert patches[1:3] == [patches[1], patches[2]]
    assert patches[::-1] == list(reversed(patches))
    with pytest.raises(IndexError, match="none has the index"):
        patches[len(patches)]
    assert patches[0] in patches
    assert repr(patches[0]).startswith("Patch(start=0, bytes=b'The ', entropy=")
    entropies = [patch.entropy for patch in patches]
    assert all(entropy > patches.threshold for entropy in entropies[1:])
    assert model.patch("abc", threshold=0.5).threshold == 0.5
    assert model.patch("abc", mode="space").threshold is None


TEXTS = ["The quick brown fox", None, "", TEXT, "x" * 3000, "a\0b"]


def arrays():
    yield "list", TEXTS
    yield "tuple", tuple(TEXTS)
    yield "numpy", np.array(TEXTS, dtype=object)
    yield "bytes", [None if text is None else text.encode() for text in TEXTS]
    for kind in ("string", "large_string", "binary", "large_binary", "string_view", "binary_view"):
        yield kind, pa.array(TEXTS, type=getattr(pa, kind)())
    padded = pa.array(["before", *TEXTS, "after"])
    yield "slice", padded[1:-1]
    yield "chunked", pa.chunked_array([TEXTS[:2], TEXTS[2:]])


@pytest.mark.parametrize(("kind", "texts"), list(arrays()), ids=lambda kind: kind if isinstance(kind, str) else "")
def test_many_texts(model, kind, texts):
    batch = model.patch_batch(texts, entropies=True, nll=True)
    table = batch.to_pyarrow()
    assert batch.column_names == ["patch_lengths", "entropies", "nll"]
    assert table.schema.field("patch_lengths").type == pa.list_(pa.int32())
    for name in ("entropies", "nll"):
        assert table.schema.field(name).type == pa.list_(pa.float32())
    assert len(batch) == len(TEXTS) == table.num_rows
    for text, lengths, entropies, nll in zip(TEXTS, *table.columns):
        if text is None:
            assert not (lengths.is_valid or entropies.is_valid or nll.is_valid)
            continue
        alone = model.patch(text)
        assert lengths.as_py() == alone.lengths.tolist()
        np.testing.assert_allclose(
            np.array(entropies.as_py(), dtype=np.float32), alone.entropies, atol=1e-5
        )
        nlls = model.score(text, part="entropy").nlls
        np.testing.assert_allclose(np.array(nll.as_py(), dtype=np.float32), nlls, rtol=1e-4, atol=1e-4)


def test_a_batch_may_be_cut_anywhere(model):
    texts = [TEXT[:length] for length in range(len(TEXT))] * 3
    whole = model.patch_batch(texts, entropies=True, nll=True).to_pyarrow()
    for size in (1, 7):
        cut = [texts[at : at + size] for at in range(0, len(texts), size)]
        parts = [model.patch_batch(some, entropies=True, nll=True).to_pyarrow() for some in cut]
        assert pa.Table.from_batches(parts).combine_chunks().to_batches()[0].equals(whole)


def test_texts_of_numpy_strings(model):
    texts = np.array(["one", "two three"])
    table = model.patch_batch(texts).to_pyarrow()
    assert table["patch_lengths"].to_pylist() == [
        model.patch(str(text)).lengths.tolist() for text in texts
    ]


@pytest.mark.parametrize("part", ["blt", "entropy", "both"])
def test_many_scores(model, part):
    table = model.score_batch(TEXTS, part=part).to_pyarrow()
    for text, row in zip(TEXTS, table.to_pylist()):
        if text is None:
            assert set(row.values()) == {None}
            continue
        alone = model.score(text, part=part)
        assert (row["bytes"], row["patches"]) == (alone.bytes, alone.patches)
        assert row["nll"] == pytest.approx(alone.nll, rel=1e-5)
        if text == "":
            assert row["bits_per_byte"] is None
            continue
        assert row["bits_per_byte"] == pytest.approx(alone.bits_per_byte, rel=1e-5)
        if part == "both":
            wanted = pytest.approx(alone.entropy_bits_per_byte, rel=1e-5)
            assert row["entropy_bits_per_byte"] == wanted


def test_no_texts(model):
    assert model.patch_batch([]).to_pyarrow().num_rows == 0
    assert model.score_batch(pa.array([], type=pa.string())).to_pyarrow().num_rows == 0
    assert model.answers([]) == []


def test_one_text_is_not_many(model):
    for text in ("abc", b"abc", bytearray(b"abc"), np.zeros(3, dtype=np.uint8)):
        with pytest.raises(TypeError, match="several texts are wanted"):
            model.patch_batch(text)
    with pytest.raises(TypeError, match="not of Int64"):
        model.patch_batch(pa.array([1, 2]))
    with pytest.raises(TypeError, match="a text is str, bytes"):
        model.patch_batch(["a", 1])


def test_arrow_arrays_share_memory(model):
    batch = model.patch_batch(["some text", "and more"])
    addresses = {batch.to_pyarrow()["patch_lengths"].buffers()[3].address for _ in range(3)}
    assert len(addresses) == 1
    # They outlive what they came from.
    table = batch.to_pyarrow()
    wanted = table["patch_lengths"].to_pylist()
    del batch
    assert table["patch_lengths"].to_pylist() == wanted
    assert pa.schema(model.patch_batch([])).names == ["patch_lengths"]
