"""Answer which digit a picture shows; the model is the scikit-learn one saved by train.py.

Request: multipart/form-data, one or more fields with pictures (usually `image`).
Answer: one object per picture, `{field: digit, "probability": 0..1}`.
"""

import joblib
import log
import numpy as np
from model_service.python_model_service import XgSklServingBaseService
from PIL import Image, ImageOps

logger = log.getLogger(__name__)

SIDE, BOX = 28, 24
MAX_PIXELS = 25_000_000  # A small file can unpack to gigabytes: look at its size before its pixels.


class DigitService(XgSklServingBaseService):
    def __init__(self, model_name, model_path):
        super().__init__(model_name, model_path)
        self.model = joblib.load(model_path)
        logger.info("loaded %s", model_path)

    def _preprocess(self, data):
        names, rows = [], []
        for field, files in data.items():
            if not isinstance(files, dict):
                raise ValueError(f"Field `{field}` must be an uploaded picture.")
            for file_name, content in files.items():
                names.append(field)
                rows.append(read_digit(content, file_name).reshape(-1) / np.float32(255))
        if not rows:
            raise ValueError("Send a picture as multipart/form-data, for example -F image=@2.png.")
        return {"fields": names, "pixels": np.stack(rows)}

    def _inference(self, data):
        return {"fields": data["fields"], "scores": self.model.predict_proba(data["pixels"])}

    def _postprocess(self, data):
        return [
            {field: self.model.classes_[scores.argmax()], "probability": scores.max()}
            for field, scores in zip(data["fields"], data["scores"], strict=True)
        ]


def read_digit(content, file_name):
    """Turn an uploaded picture into 28 x 28 grey values, white digit on black.

    Black on white is inverted (told by the border), transparency counts as white paper. A
    picture of another size is cut to the digit and fitted into the middle 24 x 24, as in the
    training data. Raises ValueError when it is not a picture, is too large or shows nothing.
    """
    try:
        picture = Image.open(content)
    except Image.DecompressionBombError as error:
        raise ValueError(f"`{file_name}` is too large: {error}") from None
    except OSError:
        raise ValueError(f"`{file_name}` is not a picture (PNG, JPEG, BMP ...).") from None
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"`{file_name}` is {width} x {height} pixels; the limit is 25 million.")
    try:
        picture = ImageOps.exif_transpose(picture)
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            paper = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(paper, picture)
        picture = picture.convert("L")
    except (OSError, SyntaxError) as error:
        raise ValueError(f"`{file_name}` is a damaged picture: {error}.") from None
    grey = np.asarray(picture)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(border) > 127:
        picture = ImageOps.invert(picture)
    if picture.size == (SIDE, SIDE):
        return np.asarray(picture)
    ink = picture.point(lambda value: 255 if value > 48 else 0).getbbox()
    if ink is None:
        raise ValueError(f"`{file_name}` shows nothing but background.")
    digit = ImageOps.contain(picture.crop(ink), (BOX, BOX), Image.Resampling.BOX)
    canvas = Image.new("L", (SIDE, SIDE))
    canvas.paste(digit, ((SIDE - digit.width) // 2, (SIDE - digit.height) // 2))
    return np.asarray(canvas)
