"""Answer which digit a picture shows; the model is the PyTorch one saved by train.py.

Request: multipart/form-data, one or more fields with pictures (usually `image`).
Answer: one object per picture, `{field: digit, "probability": 0..1}`.
"""

import log
import numpy as np
import torch
import torch.nn.functional as F
from model_service.pytorch_model_service import PTServingBaseService
from PIL import Image, ImageOps
from torch import nn

logger = log.getLogger(__name__)

SIDE, BOX = 28, 24
MEAN, STD = 0.1307, 0.3081
MAX_PIXELS = 25_000_000  # A small file can unpack to gigabytes: look at its size before its pixels.


class Net(nn.Module):
    """The same network as in train.py: a state_dict holds numbers, not code."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3)
        self.conv2 = nn.Conv2d(16, 32, 3)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 5 * 5, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(self.dropout(torch.flatten(x, 1))))
        return F.log_softmax(self.fc2(x), dim=1)


class DigitService(PTServingBaseService):
    def __init__(self, model_name, model_path):
        super().__init__(model_name, model_path)
        torch.set_num_threads(1)  # The server already answers several requests at once.
        self.model = Net()
        self.model.load_state_dict(torch.load(model_path, map_location="cpu", weights_only=True))
        self.model.eval()
        logger.info("loaded %s", model_path)

    def _preprocess(self, data):
        names, rows = [], []
        for field, files in data.items():
            if not isinstance(files, dict):
                raise ValueError(f"Field `{field}` must be an uploaded picture.")
            for file_name, content in files.items():
                names.append(field)
                rows.append(torch.tensor(read_digit(content, file_name), dtype=torch.float32))
        if not rows:
            raise ValueError("Send a picture as multipart/form-data, for example -F image=@2.png.")
        pixels = torch.stack(rows).unsqueeze(1) / 255.0
        return {"fields": names, "pixels": (pixels - MEAN) / STD}

    def _inference(self, data):
        with torch.no_grad():
            scores = self.model(data["pixels"]).exp()
        return {"fields": data["fields"], "scores": scores}

    def _postprocess(self, data):
        return [
            {field: scores.argmax(), "probability": scores.max()}
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
