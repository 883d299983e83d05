#!/bin/sh
# `quick`, or a part of it that arguments name (--task speech --method mha,daam-v1), through a Slurm of two nodes on this machine, with four accidents: a
# node dies with its task, the controller is killed and restarted, a task hangs past its time limit, a task is pre-empted. Prints what happened, as
# Markdown; 1 where a cell is missing, was finished twice, or differs from the committed one. Needs root, and Debian's slurm-wlm and munge; eleven minutes on two free cores.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
slurm=$work/slurm
export SLURM_CONF="$slurm/slurm.conf" DAAM_HOME="$work/home" DAAM_BACKEND=wasm DAAM_CHECKPOINT_SECONDS=2
mkdir -p "$DAAM_HOME/results"
cp -r results/quick "$DAAM_HOME/results/"
run=$DAAM_HOME/runs/quick
daam() { node dist/cli.js "$@"; }
# processes of the tasks on a node, by what Slurm gives them
of_node() { grep -lz "^SLURMD_NODENAME=$1\$" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
end() {
  scancel --user=root 2>/dev/null || true
  for process in $(of_node n1) $(of_node n2); do kill -9 "$process" 2>/dev/null || true; done
  daemons=$(cat "$slurm"/*.pid 2>/dev/null || true)
  scontrol shutdown 2>/dev/null || true
  sleep 3
  for process in $daemons; do kill -9 "$process" 2>/dev/null || true; done
  rm -rf "$work"
}
trap end EXIT

begin=$(date +%s)
say() { printf '| %s s | %s |\n' "$(($(date +%s) - begin))" "$*"; }
finished() { find "$run/cells" -name '*.json' 2>/dev/null | wc -l; }
lines() { cat "$run"/cluster/*/*.log | grep -E "^[a-z]+/.* $1" || true; }
# the task on a node, as job_index, if one trains there
task_on() { squeue -h -t R -n daam-quick -o '%i %N' | awk -v node="$1" '$2 == node { print $1; exit }'; }
# waits until $1 cells are finished and a task trains on node $2, in the middle of its cells: sets $task
until_trains() {
  task='' before=0
  until [ "$(finished)" -ge "$1" ] && [ -n "$task" ] && [ "$(finished)" -gt "$before" ]; do
    sleep 0.1
    [ "$task" ] && [ "$task" = "$(task_on "$2")" ] || { task=$(task_on "$2") before=$(finished); }
    [ $(($(date +%s) - begin)) -lt 3600 ] || { say "nothing trains on $2"; squeue; exit 1; }
  done
}

sh scripts/slurm.sh "$slurm" 21000
printf '| after | what |\n|---:|---|\n'
daam submit --preset quick "$@" --minutes 1 >"$work/said"
while read -r line; do say "$line"; done <"$work/said"

until_trains 3 n2
kill -9 "$(cat "$slurm/slurmd-n2.pid")" $(of_node n2) 2>/dev/null || true
say "**a node dies**: the daemon of n2 and all processes of its task $task are killed; $(finished) cells are finished"

until_trains 6 n1
kill -9 "$(cat "$slurm/slurmctld.pid")"
say "**the controller dies** (kill -9) while $task trains on n1; $(finished) cells are finished"
sleep 10
slurmctld -f "$SLURM_CONF"
sh scripts/slurm.sh "$slurm" 21000 n2
say "the controller and n2 are back; $(finished) cells are finished"

until_trains 10 n1
for process in $(of_node n1); do kill -STOP "$process" 2>/dev/null || true; done
scontrol update JobId="$task" TimeLimit=1
say "**a task hangs past its time limit**: all processes of $task stand still, its limit is a minute; $(finished) cells are finished"

until_trains 14 n2
scontrol requeue "$task"
say "**a task is pre-empted**: $task is ended (SIGTERM, SIGKILL after KillWait) and queued again; $(finished) cells are finished"

while [ -n "$(squeue -h)" ]; do
  sleep 1
  [ $(($(date +%s) - begin)) -lt 3600 ] || { say "jobs are still queued"; squeue; exit 1; }
done
say "nothing is queued; $(finished) cells are finished"
printf '\n```\n'
daam submit --status --preset quick
printf '```\n\n'
twice=$(lines "is finished" | cut -d' ' -f1 | sort | uniq -d | wc -l)
printf 'Trainings begun or continued: %s; cells finished more than once: %s. ' "$(lines begins | wc -l)" "$twice"
compared=$(daam run --preset quick "$@" | grep agree)
printf 'Compared with the committed cells, of a local run: %s.\n' "$compared"
[ "$twice" = 0 ] && [ "${compared%% cells*}" = "$(finished) of $(finished)" ]
