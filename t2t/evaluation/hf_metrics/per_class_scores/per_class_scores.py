"""Loaded by path: `evaluate.load` of this folder."""

from t2t.evaluation.hf_metrics.classes import PerClassScores

METRIC = PerClassScores
