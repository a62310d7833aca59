"""One prediction: the three steps of the service, then JSON. Runs in a worker thread."""

from __future__ import annotations

from typing import Any

from model_service.model_service import SingleNodeService

from .answer import encode


class InputRejected(Exception):
    """_preprocess raised ValueError: the caller's data is at fault, not the model."""


class Predictor:
    """Calls one service; safe to call from several threads as far as the service is."""

    def __init__(self, service: SingleNodeService) -> None:
        self._service = service
        self._whole = type(service).inference is not SingleNodeService.inference
        self._wants_text = False

    def __call__(self, data: Any, text: str | None) -> bytes:
        """Return the JSON answer to ``data``; ``text`` is the body when it was JSON.

        Raises InputRejected, AnswerError or whatever the service raises.
        """
        if self._whole:
            return encode(self._service.inference(data))
        prepared = self._preprocess(data, text)
        return encode(self._service._postprocess(self._service._inference(prepared)))

    def _preprocess(self, data: Any, text: str | None) -> Any:
        try:
            if self._wants_text and text is not None:
                return self._service._preprocess(text)
            try:
                return self._service._preprocess(data)
            except TypeError as error:
                # The vendor's older samples for classic engines call json.loads(data) themselves.
                if text is None or "the JSON object must be str" not in str(error):
                    raise
                prepared = self._service._preprocess(text)
                self._wants_text = True
                return prepared
        except ValueError as error:
            raise InputRejected from error
