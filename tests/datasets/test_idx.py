"""IDX validation: each broken rule by its own code, file and offset; constant memory."""

import gzip
import io
import struct
import tracemalloc

import pytest
from PIL import Image

from datasets.idx import IdxError, sample, to_png, validate

STEMS = {
    ("train", "images"): "train-images-idx3-ubyte.gz",
    ("train", "labels"): "train-labels-idx1-ubyte.gz",
    ("test", "images"): "t10k-images-idx3-ubyte.gz",
    ("test", "labels"): "t10k-labels-idx1-ubyte.gz",
}


def images(count=20, rows=4, cols=3, kind=8, dims=3):
    pixels = bytes(i % 256 for i in range(count * rows * cols))
    return struct.pack(">BBBBIII", 0, 0, kind, dims, count, rows, cols) + pixels


def labels(count=20, kind=8, dims=1, classes=10):
    return struct.pack(">BBBBI", 0, 0, kind, dims, count) + bytes(i % classes for i in range(count))


def files(**raw):
    """The four gzip files of a good dataset; pass e.g. train_labels=bytes to replace one."""
    content = {
        STEMS["train", "images"]: gzip.compress(images(40)),
        STEMS["train", "labels"]: gzip.compress(labels(40)),
        STEMS["test", "images"]: gzip.compress(images(10)),
        STEMS["test", "labels"]: gzip.compress(labels(10)),
    }
    for place, data in raw.items():
        split, kind = place.split("_")
        content[STEMS[split, kind]] = data
    return openers(content)


def openers(content):
    return {name: (lambda data=data: io.BytesIO(data)) for name, data in content.items()}


def codes(report):
    return {(p.code, p.file) for p in report.problems}


def test_a_good_dataset_passes_and_is_summarised():
    report = validate(files())
    assert report.ok and report.problems == []
    assert report.summary()["train"] == {
        "count": 40,
        "shape": [4, 3],
        "classes": 10,
        "histogram": {str(k): 4 for k in range(10)},
    }
    assert report.splits["test"].count == 10
    assert report.value_bytes == 40 * 12 + 40 + 10 * 12 + 10


def test_plain_files_below_a_folder_are_accepted():
    content = {
        f"mnist-data/{STEMS[place].removesuffix('.gz')}": images(10)
        if place[1] == "images"
        else labels(10)
        for place in STEMS
    }
    assert validate(openers(content)).problems == []


BROKEN = [
    (b"", "EMPTY", 0),
    (images(40), "NOT_GZIP", 0),
    (gzip.compress(images(40))[:-9], "TRUNCATED_GZIP", None),
    (gzip.compress(images(40)) + b"junk", "TRAILING_GZIP", len(gzip.compress(images(40)))),
    (gzip.compress(b"\x00\x00\x08"), "TRUNCATED_HEADER", 3),
    (gzip.compress(b"<html>" + images(40)), "BAD_MAGIC", 0),
    (gzip.compress(images(40, kind=0x0A)), "BAD_TYPE", 2),
    (gzip.compress(images(40, kind=0x0D)), "WRONG_TYPE", 2),
    (gzip.compress(images(40, dims=2)), "WRONG_DIMS", 3),
    (gzip.compress(images(40)[:-5]), "TRUNCATED", 16 + 480 - 5),
    (gzip.compress(images(40) + b"more"), "TRAILING_BYTES", 16 + 480),
    (gzip.compress(images(0)), "NO_ITEMS", 4),
    (gzip.compress(images(40, rows=0)), "BAD_SHAPE", 8),
    (gzip.compress(struct.pack(">BBBBIII", 0, 0, 8, 3, 40, 4, 1 << 31)), "BAD_SHAPE", 12),
]


@pytest.mark.parametrize(("data", "code", "offset"), BROKEN, ids=[b[1] for b in BROKEN])
def test_each_broken_file_is_named_with_rule_and_offset(data, code, offset):
    report = validate(files(train_images=data))
    assert not report.ok
    [problem] = [p for p in report.problems if p.level == "error"]
    assert (problem.code, problem.file) == (code, STEMS["train", "images"])
    assert problem.fix and problem.file in problem.message
    if offset is not None:
        assert problem.offset == offset
    assert "train" not in report.splits and report.splits["test"].count == 10


def test_a_flipped_byte_fails_the_checksum():
    data = bytearray(gzip.compress(bytes(16)))  # replaced below by incompressible content
    noisy = images(40)[:16] + bytes((i * i * 7 + i) % 251 for i in range(480))
    data = bytearray(gzip.compress(noisy))
    data[-6] ^= 0xFF
    assert codes(validate(files(train_images=bytes(data)))) == {
        ("CORRUPT_GZIP", STEMS["train", "images"])
    }


def test_all_problems_of_all_files_come_at_once():
    swapped = files(
        train_images=gzip.compress(labels(40)),
        train_labels=gzip.compress(images(40)),
        test_labels=gzip.compress(labels(10, classes=12)[:-1] + b"\x63"),
        test_images=gzip.compress(images(11)),
    )
    report = validate(swapped)
    assert codes(report) >= {
        ("WRONG_DIMS", STEMS["train", "images"]),
        ("WRONG_DIMS", STEMS["train", "labels"]),
        ("LABEL_RANGE", STEMS["test", "labels"]),
        ("COUNT_MISMATCH", STEMS["test", "labels"]),
    }
    assert "swapped" in next(p.message for p in report.problems if p.code == "WRONG_DIMS")
    bad = next(p for p in report.problems if p.code == "LABEL_RANGE")
    assert bad.offset == 8 + 9 and "99" in bad.message


def test_shapes_of_train_and_test_must_agree():
    report = validate(files(test_images=gzip.compress(images(10, rows=5))))
    assert codes(report) == {("SHAPE_MISMATCH", STEMS["test", "images"])}
    assert "4 x 3" in report.problems[0].message and "5 x 3" in report.problems[0].message


def test_missing_duplicate_and_foreign_files():
    content = files()
    del content[STEMS["test", "labels"]]
    content["readme.txt"] = lambda: io.BytesIO(b"hello")
    content["train-labels-idx1-ubyte"] = lambda: io.BytesIO(labels(40))
    report = validate(content)
    levels = {(p.code, p.level) for p in report.problems}
    assert levels == {
        ("MISSING_FILE", "error"),
        ("DUPLICATE_ROLE", "error"),
        ("UNKNOWN_FILE", "warning"),
    }


def test_a_gzip_without_its_suffix_is_named():
    content = files()
    content["train-labels-idx1-ubyte"] = content.pop(STEMS["train", "labels"])
    assert ("GZIP_WITHOUT_SUFFIX", "train-labels-idx1-ubyte") in codes(validate(content))


def test_a_missing_class_is_only_a_warning():
    report = validate(files(train_labels=gzip.compress(labels(40, classes=9))))
    assert report.ok and {p.code for p in report.problems} == {"CLASS_MISSING"}


def test_two_gzip_members_are_one_file():
    whole = images(40)
    assert (
        validate(
            files(train_images=gzip.compress(whole[:100]) + gzip.compress(whole[100:]))
        ).problems
        == []
    )


def test_memory_stays_flat_for_a_large_file():
    """60 MB of pixels are read within 4 MiB of Python memory."""
    count = 80_000
    body = io.BytesIO()
    with gzip.GzipFile(fileobj=body, mode="wb", compresslevel=1) as out:
        out.write(struct.pack(">BBBBIII", 0, 0, 8, 3, count, 28, 28))
        block = bytes(range(196)) * 4 * 1000
        for _ in range(count // 1000):
            out.write(block)
    packed = body.getvalue()
    content = files(train_images=packed, train_labels=gzip.compress(labels(count)))
    tracemalloc.start()
    try:
        # The other split is 4 x 3: only the shape differs.
        assert {p.code for p in validate(content).problems} == {"SHAPE_MISMATCH"}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(packed) + 4 * 2**20


def test_a_gzip_bomb_is_not_inflated_to_its_end():
    """Reading stops one chunk after the promised bytes."""
    bomb = gzip.compress(images(40) + bytes(50_000_000), compresslevel=9)
    tracemalloc.start()
    try:
        report = validate(files(train_images=bomb))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert codes(report) == {("TRAILING_BYTES", STEMS["train", "images"])}
    assert "at least" in report.problems[0].message and peak < 4 * 2**20


def test_samples_are_the_right_pictures():
    picked = sample(files(), 4)
    assert [(s.index, s.label) for s in picked] == [(0, 0), (10, 0), (20, 0), (30, 0)]
    assert picked[1].pixels == images(40)[16 + 120 : 16 + 132]
    assert len(sample(files(), 7, split="test")) == 7
    assert sample(files(), 0) == []


def test_sampling_a_missing_split_or_a_cut_file_says_so():
    content = files(train_images=gzip.compress(images(40)[:60]))
    with pytest.raises(IdxError, match="ends after"):
        sample(content, 12)
    del content[STEMS["test", "labels"]]
    with pytest.raises(KeyError, match="`test` split"):
        sample(content, 3, split="test")


@pytest.mark.parametrize(("side", "size"), [(112, (84, 112)), (2, (1, 2)), (9_999, (384, 512))])
def test_thumbnails_are_sharp_and_bounded(side, size):
    [first] = sample(files(), 1)
    picture = Image.open(io.BytesIO(to_png(first, side=side)))
    assert picture.format == "PNG" and picture.mode == "L" and picture.size == size
    if side == 112:
        assert picture.getpixel((28, 0)) == first.pixels[1]
