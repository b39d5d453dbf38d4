"""Loaded by path: `evaluate.load` of this folder."""

from t2t.evaluation.hf_metrics.values import Spearman

METRIC = Spearman
