"""The base of every service class: preprocess, infer, postprocess, in that order."""


class SingleNodeService:
    """Contract (vendor: Specifications for Compiling Model Inference Code).

    ``__init__(model_name, model_path)`` loads the model. ``data`` of ``_preprocess`` is
    ``{field: {file name: file-like}}`` for multipart/form-data and the parsed body for JSON; what
    ``_postprocess`` returns becomes the JSON answer.
    """

    def __init__(self, model_name="", model_path=""):
        self.model_name = model_name
        self.model_path = model_path

    def _preprocess(self, data):
        return data

    def _inference(self, data):
        raise NotImplementedError(
            f"{type(self).__name__} has no _inference(self, data): this base class brings none."
        )

    def _postprocess(self, data):
        return data

    def inference(self, data):
        """Run the three steps; overriding this replaces them."""
        return self._postprocess(self._inference(self._preprocess(data)))
