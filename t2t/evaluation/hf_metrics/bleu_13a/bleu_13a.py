"""Loaded by path: `evaluate.load` of this folder."""

from t2t.evaluation.hf_metrics.texts import Bleu13a

METRIC = Bleu13a
