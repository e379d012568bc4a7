#!/usr/bin/env bash
# Runs leakline diagnose in a CI job and writes every report that CI systems read to one directory. Called by
# .github/actions/gate/action.yml and .gitlab/leakline.yml; can be run by hand. Environment:
#   LEAKLINE            the program (default: leakline from PATH)
#   LEAKLINE_COMMAND    shell command that starts the service; empty: the reference service
#   LEAKLINE_TARGET     its URL            LEAKLINE_TRAFFIC   log to replay     LEAKLINE_ROUNDS
#   LEAKLINE_MAX_GROWTH growth budget      LEAKLINE_BASELINE  committed file    LEAKLINE_INCONCLUSIVE fail|warn|pass
#   LEAKLINE_ARGUMENTS  further options, separated by blanks
#   LEAKLINE_OUT        directory of the reports (default: leakline-report)
# Exit code: 0 no leak, 1 leak or failed gate, 2 usage, 3 inconclusive, 4 invalid.
set -uo pipefail

out=${LEAKLINE_OUT:-leakline-report}
mkdir -p "$out" || exit 4

arguments=(diagnose --format text)
for extension in json md html junit.xml sarif codequality.json csv svg prom; do
  arguments+=(-o "$out/leakline.$extension")
done
add() { [ -z "$2" ] || arguments+=("$1" "$2"); }
add --target "${LEAKLINE_TARGET:-}"
add --traffic "${LEAKLINE_TRAFFIC:-}"
add --rounds "${LEAKLINE_ROUNDS:-}"
add --max-growth "${LEAKLINE_MAX_GROWTH:-}"
add --baseline "${LEAKLINE_BASELINE:-}"
add --inconclusive "${LEAKLINE_INCONCLUSIVE:-}"
read -r -a more <<< "${LEAKLINE_ARGUMENTS:-}"
arguments+=(${more[@]+"${more[@]}"})
if [ -n "${LEAKLINE_COMMAND:-}" ]; then
  # eval: the command is quoted as in any step's script.
  eval "command=($LEAKLINE_COMMAND)"
  arguments+=(-- "${command[@]}")
fi

"${LEAKLINE:-leakline}" "${arguments[@]}"
code=$?
case $code in
  0) verdict=no_leak ;; 1) verdict=leak ;; 3) verdict=inconclusive ;; *) verdict=invalid ;;
esac
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'verdict=%s\n' "$verdict" >> "$GITHUB_OUTPUT"
  # Without reports, as after a usage error, the steps that read them are skipped.
  [ ! -s "$out/leakline.json" ] || printf 'reports=%s\n' "$out" >> "$GITHUB_OUTPUT"
fi
exit $code
