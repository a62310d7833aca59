"""What a check of IDX files says, by code: English text that knows its parameters (core/said.py).

The catalogue of the room (datasets/messages.py) holds the same codes.
"""

from __future__ import annotations

from core.said import Sentences, sayer
from core.said import noop as _

REUPLOAD = _("Upload the file again and compare its size with the original.")

SENTENCES: Sentences = {
    # Of one file
    "IDX_EMPTY": (_("`{name}` has no bytes."), REUPLOAD),
    "IDX_NOT_GZIP": (
        _("`{name}` is named .gz but starts with {head}, not 1f 8b."),
        _("Compress it with gzip, or drop .gz from its name."),
    ),
    "IDX_GZIP_WITHOUT_SUFFIX": (
        _("`{name}` holds gzip data but its name does not end in .gz."),
        _("Rename it to `{name}.gz` or unpack it."),
    ),
    "IDX_BAD_MAGIC": (
        _("`{name}` starts with {magic}; an IDX file starts with 00 00."),
        _("Check that this is the IDX file and not a page or archive saved by its name."),
    ),
    "IDX_BAD_TYPE": (
        _("`{name}` has the type byte 0x{kind:02x}, which IDX does not define."),
        _("Write the values as unsigned bytes (0x08)."),
    ),
    "IDX_WRONG_TYPE": (
        _("`{name}` holds {type} values (0x{kind:02x}); unsigned bytes (0x08) are needed."),
        _("Convert the values to 0..255 and write them as unsigned bytes."),
    ),
    "IDX_SIGNED_BYTE": _("signed byte"),
    "IDX_INTEGER_16": _("16-bit integer"),
    "IDX_INTEGER_32": _("32-bit integer"),
    "IDX_FLOAT_32": _("32-bit float"),
    "IDX_FLOAT_64": _("64-bit float"),
    "IDX_WRONG_DIMS": (
        _("`{name}` declares {dims} dimension(s); its name promises {wanted}."),
        _("Write the file with the right header."),
    ),
    "IDX_SWAPPED": (
        _(
            "`{name}` declares {dims} dimension(s); its name promises {wanted}. It looks as if "
            "the images and labels files were swapped."
        ),
        _("Swap the two files."),
    ),
    "IDX_NO_ITEMS": (_("`{name}` declares 0 items."), _("Add data.")),
    "IDX_ROWS": (
        _("`{name}` declares rows = {size:,}; 1 to {most:,} are accepted."),
        _("Check the byte order of the header (big-endian) and the shape."),
    ),
    "IDX_COLUMNS": (
        _("`{name}` declares columns = {size:,}; 1 to {most:,} are accepted."),
        _("Check the byte order of the header (big-endian) and the shape."),
    ),
    "IDX_IN_MAGIC": (
        _("`{name}` ends after {offset} bytes, inside the four magic bytes."),
        REUPLOAD,
    ),
    "IDX_IN_SIZES": (
        _("`{name}` ends after {offset} bytes, inside the sizes in the header."),
        REUPLOAD,
    ),
    "IDX_TRUNCATED": (
        _(
            "`{name}` ends after {seen:,} of the {promised:,} value bytes its header promises "
            "({dims})."
        ),
        REUPLOAD,
    ),
    "IDX_TRAILING": (
        _("`{name}` goes on for {excess:,} bytes after the {promised:,} its header promises."),
        _("Correct the count in the header or cut the file to its size."),
    ),
    "IDX_TRAILING_MORE": (
        _(
            "`{name}` goes on for at least {excess:,} bytes after the {promised:,} its header "
            "promises."
        ),
        _("Correct the count in the header or cut the file to its size."),
    ),
    "IDX_CORRUPT_GZIP": (
        _("`{name}` has damaged gzip data before byte {offset:,}: {error}."),
        REUPLOAD,
    ),
    "IDX_TRUNCATED_GZIP": (
        _("`{name}` stops inside its gzip data after {offset:,} bytes: the upload was cut."),
        REUPLOAD,
    ),
    "IDX_TRAILING_GZIP": (
        _("`{name}` has bytes that are not gzip after the end of its data."),
        _("Cut the file at that byte or compress it again."),
    ),
    "IDX_PICTURE_SIZE": (
        _("Image {index} has {n} values for {rows} x {cols}."),
        _("Validate the dataset first."),
    ),
    # Of the files together
    "IDX_NO_IMAGES": (
        _("`{stem}.gz` (or the same without .gz) is missing."),
        _("Upload the {split} images under that name."),
    ),
    "IDX_NO_LABELS": (
        _("`{stem}.gz` (or the same without .gz) is missing."),
        _("Upload the {split} labels under that name."),
    ),
    "IDX_IMAGES_TWICE": (
        _("{names} all stand for the {split} images."),
        _("Keep one of them."),
    ),
    "IDX_LABELS_TWICE": (
        _("{names} all stand for the {split} labels."),
        _("Keep one of them."),
    ),
    "IDX_UNKNOWN_FILE": (
        _("`{name}` is none of the four IDX files and is left unread."),
        _("Remove it if it does not belong to the dataset."),
    ),
    "IDX_LABEL_RANGE": (
        _(
            "`{name}` has {n:,} label(s) outside 0..{last}: {labels}. The first is at byte "
            "{offset:,}."
        ),
        _("Correct the labels, or raise the number of classes."),
    ),
    "IDX_COUNT_MISMATCH": (
        _(
            "`{images}` holds {n_images:,} images, `{labels}` {n_labels:,} labels; the numbers "
            "must be equal."
        ),
        _("Use the two files of the same export."),
    ),
    "IDX_CLASS_MISSING": (
        _("`{name}` has no example of class {classes}."),
        _("A model cannot learn or be judged on a class it never sees."),
    ),
    "IDX_SHAPE_MISMATCH": (
        _(
            "`{train}` holds {rows} x {cols} images, `{test}` {test_rows} x {test_cols}; they "
            "must be equal."
        ),
        _("Scale one of the splits."),
    ),
}

say = sayer("datasets", SENTENCES)
