#!/usr/bin/env bash
# The proof (tests/README.md) on this machine's kernel, which has netem: tests/vm/proof.sh [OPTION of proof.py...]
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1
exec "$(dirname "$0")/../e2e/run" . --program ../proof/proof.py --jobs 2 "$@"
