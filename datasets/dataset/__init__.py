"""Datasets: named data with numbered versions."""
