"""A few images of a dataset with their labels, and thumbnails of them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from .reader import IdxError, IdxStream, Opener
from .roles import find_roles
from .sentences import say

MAX_SAMPLES = 100
MAX_THUMBNAIL = 512


@dataclass(frozen=True)
class Sample:
    """One image: grey values row by row (0 black, 255 white), its label, its place in the file."""

    index: int
    label: int
    rows: int
    cols: int
    pixels: bytes


def sample(
    files: Mapping[str, Opener], n: int, *, split: str = "train", within: int = 2_000
) -> list[Sample]:
    """Return up to ``n`` images, evenly spaced over the first ``within`` of ``split``.

    The reach is bounded because gzip can only be read from the front: a page must not inflate
    60,000 images to show twelve. Raises IdxError for files that break the format and KeyError
    when the split is not there.
    """
    n = max(0, min(n, MAX_SAMPLES))
    roles, _ = find_roles(files)
    names = {
        role.kind: (role, found[0])
        for role, found in roles.items()
        if role.split == split and found
    }
    if set(names) != {"images", "labels"}:
        raise KeyError(f"The dataset has no complete `{split}` split.")
    (image_role, images_name), (label_role, labels_name) = names["images"], names["labels"]
    with (
        IdxStream(files[images_name], name=images_name, dims=image_role.dims) as images,
        IdxStream(files[labels_name], name=labels_name, dims=label_role.dims) as labels,
        closing(images.items()) as pixels,
        closing(labels.items()) as marks,
    ):
        count = min(images.dims[0], labels.dims[0], max(within, n))
        if n == 0:
            return []
        wanted = {i * count // n for i in range(n)}
        return [
            Sample(index, mark[0], images.dims[1], images.dims[2], picture)
            for index, (picture, mark) in enumerate(
                islice(zip(pixels, marks, strict=False), max(wanted) + 1)
            )
            if index in wanted
        ]


def to_png(image: Sample, *, side: int = 112) -> bytes:
    """Draw ``image`` as a grey PNG whose longer side is about ``side`` pixels (at most 512).

    Small images grow by whole factors, so that pixels stay square and sharp.
    """
    if len(image.pixels) != image.rows * image.cols:
        raise IdxError(
            "BAD_SHAPE",
            say(
                "IDX_PICTURE_SIZE",
                index=image.index,
                n=len(image.pixels),
                rows=image.rows,
                cols=image.cols,
            ),
        )
    from PIL import Image  # the child that reads the files is without it

    side = max(1, min(side, MAX_THUMBNAIL))
    picture = Image.frombytes("L", (image.cols, image.rows), image.pixels)
    longest = max(picture.size)
    if longest > side:
        picture.thumbnail((side, side))
    elif (factor := side // longest) > 1:
        picture = picture.resize(
            (image.cols * factor, image.rows * factor), Image.Resampling.NEAREST
        )
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
