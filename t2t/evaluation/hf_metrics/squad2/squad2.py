"""Loaded by path: `evaluate.load` of this folder."""

from t2t.evaluation.hf_metrics.texts import Squad2

METRIC = Squad2
