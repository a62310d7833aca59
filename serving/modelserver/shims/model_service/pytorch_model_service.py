"""Base class of PyTorch services; ``model_path`` is the .pt or .pth file."""

from model_service.model_service import SingleNodeService


class PTServingBaseService(SingleNodeService):
    """Call ``super().__init__`` and set ``self.model``; ``_inference`` then applies it."""

    def __init__(self, model_name, model_path):
        super().__init__(model_name, model_path)
        self.model = None

    def _inference(self, data):
        """Apply ``self.model`` to a tensor, or to every tensor of a dict."""
        if self.model is None:
            raise RuntimeError(
                f"{type(self).__name__} has no model: set self.model in __init__, "
                "for example by load_state_dict(torch.load(model_path))."
            )
        import torch

        with torch.no_grad():
            if isinstance(data, dict):
                return {name: self.model(value) for name, value in data.items()}
            return self.model(data)
