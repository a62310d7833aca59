"""Engines: the environments in which training code and model servers run."""
