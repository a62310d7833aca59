"""Every table of the room."""

from training.job.models import Attempt, MetricPoint, OutputClaim, TrainingJob

__all__ = ["Attempt", "MetricPoint", "OutputClaim", "TrainingJob"]
