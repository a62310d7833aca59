"""Datasets and versions."""
