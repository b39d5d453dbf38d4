#!/usr/bin/env bash
# Everything that is to be measured on a GPU, in one go; the tables go to $OUT (a folder).
#   OUT=results VOCABULARY=spiece.model BOOKS=novels.parquet DATA_DIR=data bash benchmarks/gpu.sh
set -uo pipefail
mkdir -p "${OUT:?a folder for the results}"
# Before anything takes time; and as whole paths, for this script has changed the folder.
BOOKS="$(realpath "${BOOKS:?a Parquet file of texts}")"
VOCABULARY="$(realpath "${VOCABULARY:?a SentencePiece model}")"
DATA_DIR="$(realpath "${DATA_DIR:?the folder of official files}")"
OUT="$(realpath "$OUT")"
cd "$(dirname "$0")/.."
export PYTHONPATH="$PWD"
{
    nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader
    python -c 'import sys, torch, transformers
print(sys.version.split()[0], "torch", torch.__version__, "transformers", transformers.__version__)'
} > "$OUT/machine.txt"
step() {
    echo "== $*" | tee -a "$OUT/tables.txt"
    python "$@" 2>> "$OUT/errors.txt" | tee -a "$OUT/tables.txt" \
        || echo "FAILED: $* (see errors.txt)" | tee -a "$OUT/tables.txt"
}
step benchmarks/attention.py --device cuda --rows 64 --heads 12
for size in t5-v1.1-base t5-v1.1-large; do
    step benchmarks/train_step.py --device cuda --size "$size" --rows 64 --precisions bf16 --compiled \
        --settings '{"compile": true, "attention": "plain", "cross_attention": "plain"}' \
        --settings '{"compile": true, "attention": "flex"}' \
        --settings '{"attention": "flex", "cross_attention": "varlen"}' \
        --settings '{"compile": true, "residual": "bf16"}'
done
step benchmarks/train_step.py --device cuda --size t5-v1.1-base --rows 64 --precisions \
    --mixture --vocabulary "$VOCABULARY" --data-dir "$DATA_DIR"
step benchmarks/evaluation.py --size t5-v1.1-base --vocabulary "$VOCABULARY" --data-dir "$DATA_DIR"
for residual in fp32 bf16; do
    echo "== residual $residual, 2,000 steps on the books" | tee -a "$OUT/tables.txt"
    python -m t2t.train pretrain/span_corruption --out "$OUT/residual-$residual" \
        --set vocabulary="$VOCABULARY" --set "text.documents.files=[$BOOKS]" \
        --set train.steps=2000 --set train.residual="$residual" --set train.compile=true \
        --set train.checkpoint_every=2000 --set train.log_every=200 2>> "$OUT/errors.txt" \
        | tee -a "$OUT/tables.txt"
    rm -rf "$OUT/residual-$residual/checkpoints"
done
