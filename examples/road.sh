#!/usr/bin/env bash
# The whole road over HTTP: text and a model go in, features and steered text come out.
#
#   examples/road.sh [--tiny] [--keep] [TEXT [MODEL]]
#
#   TEXT    a folder or file of text, or the id of a data set on the Hub; else the newest data set of the studio
#   MODEL   a model's directory, .gguf file or Hub id; else the newest model of the studio
#   --tiny  sizes for a toy model: over in a minute, and good for nothing but seeing that it runs
#   --keep  leave what was made; else it is deleted at the end
#
# It starts nothing: a studio must run (`mistudio up`) at MISTUDIO_URL, by default this machine's, at
# MISTUDIO_PORT or 8000. A studio that wants a token gets MISTUDIO_TOKEN. Needs curl, and python3 to read JSON.
set -euo pipefail

api="${MISTUDIO_URL:-http://127.0.0.1:${MISTUDIO_PORT:-8000}}/api/v1"
context=256 tokens=400000 expansion=8 k=32 batch=2048 split_tokens=65536
keep=no text='' model=''
while (($#)); do
  case $1 in
    --tiny) context=32 tokens=2048 expansion=4 k=4 batch=128 split_tokens=1024 ;;
    --keep) keep=yes ;;
    -*) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
    *) if [[ -z $text ]]; then text=$1; else model=$1; fi ;;
  esac
  shift
done

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# read_json PATH: a value of the last answer, such as data.job_id; numbers in four digits.
read_json() {
  python3 - "$1" "$answer" <<'PYTHON'
import json, sys
value = json.load(open(sys.argv[2], encoding="utf-8"))
for key in sys.argv[1].split("."):
    value = value[int(key)] if isinstance(value, list) else value[key]
value = float(f"{value:.4g}") if isinstance(value, float) else value
print("" if value is None else value if isinstance(value, str) else json.dumps(value))
PYTHON
}

# quote TEXT: as JSON.
quote() { python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$1"; }

# call METHOD PATH [BODY]: the answer lies in $answer; an error ends the script with the studio's own words.
call() {
  local options=(--silent --output "$answer" --write-out '%{http_code}' --request "$1")
  [[ -n ${MISTUDIO_TOKEN:-} ]] && options+=(--header "Authorization: Bearer $MISTUDIO_TOKEN")
  [[ $# -gt 2 ]] && options+=(--header 'Content-Type: application/json' --data "$3")
  local status
  if ! status=$(curl "${options[@]}" "$api$2"); then
    fail "No studio answers at $api." 'Start one with `mistudio up`, or set MISTUDIO_URL.'
  fi
  if ((status >= 400)); then
    read_json error.message >/dev/null 2>&1 || fail "What answers at $api with $status is no studio." 'Set MISTUDIO_URL.'
    fail "$(read_json error.message)" "$(read_json error.details.remedy)"
  fi
}

fail() {
  printf '\nFailed: %s\n%s\n' "$1" "$2" >&2
  exit 1
}

step=0
say() {
  step=$((step + 1))
  printf '\n%2d  %s\n' "$step" "$*"
}
note() { printf '    %s\n' "$*"; }

# finish JOB: wait until the job has ended well, and tell how far it is meanwhile.
finish() {
  local before='' now
  while true; do
    call GET "/jobs/$1"
    now=$(read_json data.stage)
    if [[ -n $now && $now != "$before" ]]; then note "… $now"; before=$now; fi
    case $(read_json data.state) in
      completed) return ;;
      failed) fail "$(read_json data.error.message)" "$(read_json data.error.remedy)" ;;
      cancelled) fail 'The job was cancelled.' 'Run this script again.' ;;
      paused) fail 'The job was paused.' "Resume it in the studio, or with POST $api/jobs/$1/resume, and run this script again." ;;
      completed_with_errors) fail "$(read_json data.failed_items) items failed." "Read $api/jobs/$1/log" ;;
      *) sleep 0.3 ;;
    esac
  done
}

made=() # what is to be deleted, newest first
# plural COUNT WORD
plural() { if [[ $1 == 1 ]]; then echo "1 $2"; else echo "$1 $2s"; fi; }

# make WHAT PATH BODY: start the job that makes something, wait for it; its id is in $id.
make() {
  call POST "$2" "$3"
  finish "$(read_json data.job_id)"
  id=$(read_json data.result.id)
  made=("$1/$id" "${made[@]}")
  note "made $(read_json data.result.name) in $(read_json data.seconds) s"
}

# newest WHAT WORDS: the newest thing of the studio; its id is in $id.
newest() {
  call GET "/$1?limit=1"
  [[ $(read_json pagination.total) != 0 ]] || fail "The studio has no $2." "Give one, or run \`mistudio demo\` first."
  id=$(read_json data.0.id)
  note "$(read_json data.0.name), which is there already"
}

say "Is the studio there?"
call GET /health/ready
call GET /system/info
note "miStudio $(read_json data.version) on $(read_json data.cpu_cores) cores; jobs go through $(read_json data.queue)"

say "Text"
if [[ -n $text ]]; then
  make datasets /datasets "{\"config\": {\"sources\": [$(quote "$text")], \"held_out\": 0.1}}"
else
  newest datasets 'data set'
fi
dataset=$id

say "A language model"
if [[ -n $model ]]; then
  make models /models "{\"config\": {\"source\": $(quote "$model")}}"
else
  newest models model
fi
model=$id
call GET "/models/$model"
layer=$(($(read_json data.n_layers) / 2))
hook=resid_post.$layer
note "$(read_json data.n_layers) layers of width $(read_json data.d_model); its insides are read at $hook"

say "Tokenize the text for the model"
make tokenizations "/datasets/$dataset/tokenizations" \
  "{\"model_id\": \"$model\", \"config\": {\"context_length\": $context}}"
tokenization=$id

say "Record what the model computes on it"
make recordings /recordings \
  "{\"model_id\": \"$model\", \"tokenization_id\": \"$tokenization\", \"config\": {\"hooks\": [\"$hook\"]}}"
recording=$id

say "Train a sparse autoencoder on the recording"
sizes="\"sae\": {\"architecture\": \"topk\", \"k\": $k, \"expansion\": $expansion}"
sizes+=", \"tokens\": $tokens, \"batch_size\": $batch, \"buffer_tokens\": $((batch * 32))"
call POST /trainings "{\"recording_ids\": [\"$recording\"], \"config\": {$sizes}}"
training=$(read_json data.id)
finish "$(read_json data.job.id)"
sae=$(read_json data.result.id)
made=("saes/$sae" "trainings/$training" "${made[@]}")
call GET "/trainings/$training"
note "$(read_json data.step) steps; FVU $(read_json data.last_line.fvu), L0 $(read_json data.last_line.l0)"

say "Measure it on text that it was not trained on"
call POST "/saes/$sae/evaluations" \
  "{\"model_id\": \"$model\", \"tokenization_id\": \"$tokenization\", \"config\": {\"max_tokens\": $split_tokens}}"
finish "$(read_json data.job_id)"
call GET "/saes/$sae/evaluations"
note "on $(plural "$(read_json data.0.tokens)" token)"

say "Find what activates each of its latents"
make feature-sets /feature-sets "{\"sae_id\": \"$sae\", \"model_id\": \"$model\", \
  \"tokenization_id\": \"$tokenization\", \"recording_ids\": [\"$recording\"]}"
features=$id

say "The three latents with the largest activations"
call GET "/feature-sets/$features/features?sortBy=max&order=desc&limit=3&alive=true"
latent=$(read_json data.0.latent)
for row in 0 1 2; do
  note "latent $(read_json data.$row.latent): up to $(read_json data.$row.max), on $(plural "$(read_json data.$row.count)" token)"
done

say "Label latent $latent"
call PATCH "/feature-sets/$features/features/$latent" '{"label": "the first one I looked at", "starred": true}'
call GET "/feature-sets/$features/features?labelled=true"
note "latent $(read_json data.0.latent) is called \"$(read_json data.0.label)\""

say "Steer with it"
call GET "/steering/suggestion?feature_set_id=$features&latent=$latent"
strength=$(read_json data.moderate)
note "strength $strength. $(read_json data.reason)"
call POST /steering/compare "{\"feature_set_id\": \"$features\", \"prompts\": [\"Once there was\"], \
  \"edits\": [{\"latent\": $latent, \"strength\": $strength}], \"generate\": {\"max_new_tokens\": 24}}"
note "as it is: $(read_json data.texts.0.text)"
note "steered:  $(read_json data.texts.1.text)"

if [[ $keep == no ]]; then
  say "Delete what was made"
  for thing in "${made[@]}"; do
    call DELETE "/$thing"
    finish "$(read_json data.job_id)"
  done
  note "$(plural "${#made[@]}" thing) gone again"
fi

printf '\nThat was the whole road.\n'
