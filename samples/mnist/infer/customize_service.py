"""Which digit is on a picture? The service of the model that `train.py` leaves.

A multipart request with a picture per field is answered by a list of `{field: digit}`. Pictures
have to look like the training data: one white digit on black.
"""

import json
import os

import log
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torchvision.transforms as transforms
from model_service.pytorch_model_service import PTServingBaseService
from PIL import Image

logger = log.getLogger(__name__)
to_tensor = transforms.Compose(
    [
        transforms.Resize(28),
        transforms.CenterCrop(28),
        transforms.ToTensor(),
        transforms.Normalize((0.1307,), (0.3081,)),
    ]
)


class DigitNet(nn.Module):
    """The network of `train.py`."""

    def __init__(self):
        super(DigitNet, self).__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.drop = nn.Dropout(0.25)
        self.dense = nn.Sequential(nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, pictures):
        found = self.drop(torch.flatten(self.features(pictures), 1))
        return F.log_softmax(self.dense(found), dim=1)


class DigitService(PTServingBaseService):
    """Loads the weights once; then pictures in, digits out."""

    def __init__(self, model_name, model_path):
        super(DigitService, self).__init__(model_name, model_path)
        self.model = DigitNet()
        device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        self.model.load_state_dict(torch.load(model_path, map_location=device))
        self.model.to(device).eval()
        self.label = list(range(10))
        logger.info("%s from %s", model_name, os.path.basename(model_path))

    def _preprocess(self, data):
        batches = {}
        for field, files in data.items():
            pictures = []
            for content in files.values():
                with Image.open(content) as picture:
                    pictures.append(to_tensor(picture.convert("L")))
            # `volatile` has had no effect since PyTorch 0.4, and old scripts still pass it.
            batches[field] = torch.autograd.Variable(torch.stack(pictures, dim=0), volatile=True)
            print(batches[field].shape)
        return batches

    def _inference(self, data):
        return {field: self.model(batch) for field, batch in data.items()}

    def _postprocess(self, data):
        found = {field: self.label[int(torch.argmax(output[0]))] for field, output in data.items()}
        logger.info(json.dumps({field: np.asarray(digit).item() for field, digit in found.items()}))
        return [{field: digit} for field, digit in found.items()]
