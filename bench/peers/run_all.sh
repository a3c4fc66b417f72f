#!/usr/bin/env bash
# run_all.sh OUT: tests and measures this bundle on the machine's first NVIDIA GPU, without network and
# in under nine minutes; leaves JSON and logs in OUT and a summary on standard output.
#
# Steps end at their own limits and none starts that cannot end in time, so a slow machine loses the
# later ones, by name, in OUT/steps.jsonl. A step that finds no GPU, or skips what it should test, has
# failed. Exit status: 0 when all that ran passed, 1 when a step failed, 3 without a GPU.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: run_all.sh OUT}
mkdir -p "$out"
out=$(cd "$out" && pwd)
limit=${RUN_ALL_SECONDS:-520}
failed=0

# The bundle's own libraries come by its programs' run path. cuBLASLt is the machine's: the toolkit's,
# or the one that PyTorch brings.
python=$(command -v python3 || true)
cublas=
if [[ -n $python ]]; then
  cublas=$("$python" - <<'PYTHON' 2>/dev/null || true
import glob, importlib.util, os
folders = []
spec = importlib.util.find_spec("nvidia")
for base in (spec.submodule_search_locations if spec else []):
    folders += glob.glob(os.path.join(base, "*", "lib"))
print(":".join(f for f in folders if glob.glob(os.path.join(f, "libcublasLt.so.*"))))
PYTHON
  )
fi
for folder in /usr/local/cuda/lib64 /usr/local/cuda/targets/x86_64-linux/lib; do
  [[ -d $folder ]] && cublas=${cublas:+$cublas:}$folder
done
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH${cublas:+:}}$cublas

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L >"$out/gpu.txt" 2>&1; then
  echo "no NVIDIA driver: $(head -n 1 "$out/gpu.txt" 2>/dev/null || echo 'nvidia-smi is not there')"
  exit 3
fi
nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,pcie.link.gen.max,pcie.link.width.max \
  --format=csv >>"$out/gpu.txt" 2>&1
{ uname -srm; grep -m 1 'model name' /proc/cpuinfo; grep MemTotal /proc/meminfo; cat "$here/commit.txt"; } \
  >"$out/machine.txt" 2>/dev/null
: >"$out/steps.jsonl"

# note STEP RESULT: a line of OUT/steps.jsonl.
note() { printf '{"step": "%s", "result": "%s"}\n' "$1" "$2" | tee -a "$out/steps.jsonl"; }

# step NAME SECONDS COMMAND...: its output goes to OUT/NAME.log. Programs that are made to end well
# without a GPU say "skipped", which is a failure here.
step() {
  local name=$1 seconds=$2 status begin=$SECONDS left=$((limit - SECONDS))
  shift 2
  if ((left < 5)); then
    note "$name" "no time left"
    return
  fi
  if ((seconds > left)); then seconds=$left; fi
  timeout --kill-after=5 "$seconds" "$@" >"$out/$name.log" 2>&1
  status=$?
  local result=passed
  if ((status == 124 || status == 137)); then
    result="ended at its limit"
    failed=1
  elif ((status != 0)); then
    result="failed with $status"
    failed=1
  elif grep -q -E '^skipped: |SKIPPED' "$out/$name.log"; then
    result="skipped what it should run"
    failed=1
  fi
  printf '{"step": "%s", "result": "%s", "seconds": %d}\n' "$name" "$result" $((SECONDS - begin)) |
    tee -a "$out/steps.jsonl"
}

# 1. Correct?
step gpu_test 90 "$here/bin/gpu_test" --gtest_brief=1 --gtest_output="json:$out/gpu_test.json"
prompt_ids=5,17,42,99,7,23,61,3,11,29
for device in cpu cuda; do
  step "demo_$device" 20 "$here/bin/strata" generate --model "$here/models/demo" --device "$device" \
    --kv fp32 --prompt-ids "$prompt_ids" --max-new-tokens 24 --temperature 0 --json
done
ids_of() { grep -s -o '"output_ids": *\[[^]]*\]' "$out/$1.log"; }
if [[ -n $(ids_of demo_cpu) && $(ids_of demo_cpu) == "$(ids_of demo_cuda)" ]]; then
  note demo_same_tokens passed
else
  note demo_same_tokens "the tokens differ, or there are none"
  failed=1
fi
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null || true)
if [[ -n $sanitizer ]]; then
  for tool in memcheck racecheck synccheck initcheck; do
    step "sanitizer_$tool" 30 "$sanitizer" --tool "$tool" --error-exitcode 9 "$here/bin/gpu_test" \
      --gtest_brief=1 --gtest_filter='*SmallCases*:*GraphPass*:*RopeMatches*:*MergeAttentionMatches*:*TopLogits*'
  done
else
  note sanitizer "compute-sanitizer is not there"
fi

# 2. Fast? Each with its bound, measured in the same run.
for family in copy row_ops mat_mul attention; do
  step "bench_$family" 45 "$here/bin/cuda_${family}_bench" --benchmark_out="$out/bench_$family.json" \
    --benchmark_out_format=json
done

# 3. Models: all in gpu memory, and streamed through 16 GiB of it.
step model_llama_1.1b 40 "$here/bin/strata" bench --model "$here/models/llama-1.1b.json" \
  --load-format dummy --device cuda --prompt-tokens 512 --output-tokens 32 --batch-sizes 1,16 \
  --repeat 1 --json
host_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
if ((host_kib > 72 * 1024 * 1024)); then
  step model_opt_30b_16GiB 190 "$here/bin/strata" bench --model "$here/models/opt-30b.json" \
    --load-format dummy --device cuda --gpu-memory 16GiB --prompt-tokens 512 --output-tokens 32 \
    --batch-sizes 8 --repeat 1 --json --trace "$out/opt_30b_trace.json"
else
  note model_opt_30b_16GiB "needs 72 GiB of host memory"
fi

# 4. Peers, where PyTorch is.
if [[ -n $python ]] && "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  step peer_torch 60 "$python" "$here/peers/torch_operations.py" --output "$out/peer_torch.json"
  if "$python" -c 'import accelerate, transformers' 2>/dev/null && ((host_kib > 72 * 1024 * 1024)); then
    step peer_accelerate 140 "$python" "$here/peers/accelerate_offload.py" \
      --config "$here/models/opt-30b.json" --gpu-memory-gib 16 --output "$out/peer_accelerate.json"
  else
    note peer_accelerate "no Accelerate and Transformers, or less than 72 GiB of host memory"
  fi
else
  note peers "no PyTorch with CUDA"
fi
echo "results in $out after $SECONDS s"
exit "$failed"
