#!/usr/bin/env bash
# Verifies the target and tells the steps that follow what there is. Never fails: the last step of the action is the gate.
set -uo pipefail

# The environment that the target file refers to; each value is masked before anything can print it.
while IFS= read -r line; do
    [[ -z $line || $line == \#* ]] && continue
    name=${line%%=*}
    value=${line#*=}
    if [[ $line != *=* || ! $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ || $name =~ ^(PATH|LD_|PYTHON|BASH|GITHUB_|RUNNER_) ]]; then
        echo "::error::settings: every line is NAME=value, and no name of the runner's own"
        echo "exit-code=4" >>"$GITHUB_OUTPUT"
        exit 0
    fi
    [[ -n $value ]] && echo "::add-mask::$value"
    export "$name=$value"
done <<<"${SETTINGS:-}"
unset SETTINGS

arguments=(--target "$TARGET" --out "$OUT")
[[ -n $CONTROLS ]] && arguments+=(--controls "$CONTROLS")
[[ -n $FAIL_ON ]] && arguments+=(--fail-on "$FAIL_ON")
[[ -n $WAIVERS ]] && arguments+=(--waivers "$WAIVERS")
[[ -n $BASELINE ]] && arguments+=(--baseline "$BASELINE")
[[ -n $PREVIOUS && -f $PREVIOUS ]] && arguments+=(--previous "$PREVIOUS")

[[ $EVIDENCE == true ]] && arguments+=(--evidence)
[[ -n $EVIDENCE_PREVIOUS && -f $EVIDENCE_PREVIOUS ]] && arguments+=(--evidence-previous "$EVIDENCE_PREVIOUS")
if [[ -n $EVIDENCE_KEY ]]; then
    key=$(mktemp -p "$RUNNER_TEMP")
    trap 'rm -f -- "$key"' EXIT
    printf '%s\n' "$EVIDENCE_KEY" >"$key"
    arguments+=(--evidence-key "$key")
fi
unset EVIDENCE_KEY

# What an earlier step left there is not this run's.
rm -f -- "$OUT"/{results.json,report.html,report.sarif,summary.md,comment.md,evidence.zip}

# What a target says must not be taken for a command to the runner.
stop=$(python -c 'import secrets; print(secrets.token_hex(16))')
echo "::stop-commands::$stop"
"$RUNNER_TEMP/compliance/bin/chimera-compliance" verify "${arguments[@]}"
code=$?
echo "::$stop::"

echo "exit-code=$code" >>"$GITHUB_OUTPUT"
for entry in results:results.json report:report.html sarif:report.sarif comment:comment.md evidence:evidence.zip; do
    file="$OUT/${entry#*:}"
    [[ -f $file ]] && echo "${entry%%:*}=$file" >>"$GITHUB_OUTPUT"
done
[[ -f $OUT/summary.md ]] && cat -- "$OUT/summary.md" >>"$GITHUB_STEP_SUMMARY"
exit 0
