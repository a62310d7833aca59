"""Base class of TensorFlow services; ``model_path`` is the directory of the SavedModel."""

from model_service.model_service import SingleNodeService


class TfServingBaseService(SingleNodeService):
    """Loads the SavedModel and applies its ``serving_default`` signature to a dict of arrays."""

    def __init__(self, model_name, model_path):
        super().__init__(model_name, model_path)
        try:
            import tensorflow as tf
        except ModuleNotFoundError as error:
            if error.name != "tensorflow":
                raise
            raise ModuleNotFoundError(
                "TensorFlow is not installed in this engine, so a TensorFlow package cannot run "
                "here. Deploy it with a TensorFlow engine, or convert the model.",
                name="tensorflow",
            ) from error
        self._tf = tf
        self._signature = tf.saved_model.load(str(model_path)).signatures["serving_default"]

    def _inference(self, data):
        tensors = {name: self._tf.convert_to_tensor(value) for name, value in data.items()}
        return {name: value.numpy().tolist() for name, value in self._signature(**tensors).items()}
