"""The ``model_service`` package that ModelArts images supply to customize_service.py."""
