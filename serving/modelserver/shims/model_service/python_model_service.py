"""Base class of scikit-learn and XGBoost services; ``model_path`` is the model file."""

from model_service.model_service import SingleNodeService


class XgSklServingBaseService(SingleNodeService):
    """Works without overriding: JSON ``{"data": {"req_data": [{column: value}]}}`` in, one
    ``{"predictresult": value}`` per row out.
    """

    def __init__(self, model_name="", model_path=None):
        # Vendor samples call super().__init__(model_path) as well as (model_name, model_path).
        if model_path is None:
            model_name, model_path = "", model_name
        super().__init__(model_name, model_path)
        self._loaded = None

    def _preprocess(self, data):
        try:
            rows = data["data"]["req_data"]
            return [list(row.values()) if isinstance(row, dict) else list(row) for row in rows]
        except (KeyError, TypeError) as error:
            raise ValueError(
                'The body must look like {"data": {"req_data": [{"x1": 1.0, "x2": 2.0}]}}.'
            ) from error

    def _inference(self, data):
        if self._loaded is None:
            import joblib

            self._loaded = joblib.load(self.model_path)
        return self._loaded.predict(data)

    def _postprocess(self, data):
        return [{"predictresult": value} for value in data]
