#!/usr/bin/env bash
# The package as others install it: an sdist, a wheel from it, and the wheel in an empty environment outside
# the clone, where a sweep and a prediction run by `dnasweep`.
#
#   tests/wheel/check.sh [/path/to/python]
set -euo pipefail

clone=$(cd "$(dirname "$0")/../.." && pwd)
tools=$clone/.venv/bin/python
python=${1:-$tools}
desk=$(mktemp -d)
trap 'rm -rf "$desk"' EXIT
export COLUMNS=100 NO_COLOR=1 OMP_NUM_THREADS=1
say() { printf '%4ds  %s\n' "$SECONDS" "$*"; }

say "sdist, and a wheel from the sdist"
mkdir "$desk/tree" "$desk/dist" "$desk/empty"
git -C "$clone" ls-files -z --cached --others --exclude-standard | tar -C "$clone" -c --null -T - | tar -C "$desk/tree" -x
(cd "$desk/tree" && "$tools" -c 'from setuptools.build_meta import build_sdist; build_sdist("../dist")') >"$desk/log" 2>&1
"$tools" -m pip wheel -qq --no-deps --no-build-isolation --no-index -w "$desk/dist" "$desk"/dist/dnasweep-*.tar.gz
ls -l "$desk/dist" | awk 'NR > 1 {print "       " $5, $9}'

say "installed with $("$python" --version)"
"$python" -m venv "$desk/venv"
venv=$desk/venv/bin
"$venv/python" -m pip install -qq -c "$clone/constraints.txt" "$desk"/dist/dnasweep-*.whl
"$venv/python" -m pip check
if "$venv/python" -m pip freeze | grep -iE '^(pytest|ruff)='; then echo "more is installed than the package needs"; exit 1; fi

cd "$desk/empty"
export PATH=$venv:/usr/bin:/bin
unset PYTHONPATH VIRTUAL_ENV
version=$("$tools" -c 'import dnasweep; print(dnasweep.__version__)')
[ "$(dnasweep --version)" = "dnasweep $version" ]
[ "$(python -m dnasweep --version)" = "dnasweep $version" ]
python - "$clone" <<'PYTHON'
import sys

import dnasweep

assert not dnasweep.__file__.startswith(sys.argv[1] + "/"), dnasweep.__file__
PYTHON
say "help of every command"
dnasweep | awk '/^  [a-z]/ && !/usage/ {print $1}' | grep -v '^dnasweep$' >../names
for name in $(cat ../names); do
  dnasweep "$name" --help >../help
  grep -q "usage: dnasweep $name" ../help
  if grep -qE '(jobs|sweeps)/[a-z_]+\.py' ../help; then echo "$name names a script"; exit 1; fi
done
[ "$(wc -l <../names)" -gt 15 ]

say "a dry run"
dnasweep tokenizer-grid --dry-run | grep -q "Nothing was started"

say "a sweep"
dnasweep tokenizer-grid --tokenizers kmer-3 --species-sets none --learning-rates 1e-2 --seeds 0 --preset 1x16 \
  --simulated-rows 40 --finetune-epochs 1 --evaluations 1 >../sweep
tail -n 3 ../sweep
say "what it says to type next"
next=$(tail -n 1 ../sweep)
[[ $next == "dnasweep shap-batch --model "* ]]
head -n 5 runs/sweeps/*/report/test_rows.csv >few.csv
bash -c "${next% --data *} --data few.csv --estimator integrated_gradients" | grep "dnasweep verify-shap"
say "a prediction"
printf '>a\n%s\n>b\n%s\n' "$(printf 'ACGT%.0s' {1..75})" "$(printf 'TATA%.0s' {1..75})" >new.fa
dnasweep predict --model models:/tokenizer-grid@best --data new.fa --out predictions.csv
cat predictions.csv
[ "$(wc -l <predictions.csv)" = 3 ]

say "a line for SLURM"
[[ $(dnasweep slurm --nodes 2 tokenizer-grid --data x.csv) == *"$desk/venv/lib/"*"/slurm.sh python -m dnasweep tokenizer-grid"* ]]

say "refusals"
code() { local got=0; "$@" >../said 2>&1 || got=$?; echo $got; }
[ "$(code dnasweep predict --model nowhere --data new.fa --out x.csv)" = 2 ]
[ "$(code dnasweep tokenizer-grid --dropout 2)" = 2 ]
[ "$(code dnasweep predictions)" = 2 ]
say "all holds"
