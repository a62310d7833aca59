"""Every table of the room."""

from training.job.models import Attempt, InputVersion, MetricPoint, OutputClaim, TrainingJob

__all__ = ["Attempt", "InputVersion", "MetricPoint", "OutputClaim", "TrainingJob"]
