#!/bin/sh
# A part of `quick` through a Slurm of two nodes on this machine, with four accidents: a node dies with its task, a task hangs past its time limit, the
# controller is killed and restarted, a task is pre-empted. Prints what happened, as Markdown; 1 where a cell is missing, was finished twice, or differs
# from the committed one. Needs root and Debian's slurm-wlm and munge; some ten minutes.
set -eu
cd "$(dirname "$0")/.."
methods=mha,daam-v1,daam-v2,gqdaam,mixture,no-attention
home=$(mktemp -d) slurm=$(mktemp -d)
export DAAM_HOME="$home" SLURM_CONF="$slurm/slurm.conf"
mkdir "$home/results"
cp -r results/quick "$home/results/"
begin=$(date +%s)
say() { printf '| %s s | %s |\n' "$(($(date +%s) - begin))" "$*"; }
daam() { node dist/cli.js "$@"; }
# processes of a task on a node, by what Slurm gives them
of_node() { grep -lz "^SLURMD_NODENAME=$1\$" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
end() {
  scancel --user=root 2>/dev/null || true
  scontrol shutdown 2>/dev/null || true
  sleep 3
  pkill -9 -f "$slurm" || true
  rm -rf "$home" "$slurm"
}
trap end EXIT
finished() { find "$home/runs/quick/cells" -name '*.json' 2>/dev/null | wc -l; }
running() { squeue -h -t R -o '%i %N %j' | grep "daam-quick" | grep "_" | grep " $1" | head -1 | cut -d' ' -f1; }
# waits until $1 cells are finished and node $2 has a task
until_at() { until [ "$(finished)" -ge "$1" ] && [ -n "$(running "$2")" ]; do sleep 1; done; }

sh test/support/slurm.sh "$slurm" 21000
printf '| after | what |\n|---:|---|\n'
daam submit --preset quick --task speech --method $methods --minutes 1 | while read -r line; do say "$line"; done

until_at 3 n2
task=$(running n2)
job=$(squeue -h -t R -o '%i %A' | grep "^$task " | cut -d' ' -f2)
kill -9 "$(cat "$slurm/slurmd-n2.pid")" $(pgrep -f "slurmstepd: \[$job\.") 2>/dev/null || true
kill -9 $(of_node n2) 2>/dev/null || true
say "**a node dies**: n2 and all processes of its task $task are killed; $(finished) cells are finished"

until_at 6 n1
kill -9 "$(cat "$slurm/slurmctld.pid")"
say "**the controller dies** (kill -9); $(finished) cells are finished"
sleep 10
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF" -N n2
say "the controller and n2 are back"

until_at 10 n1
task=$(running n1)
scontrol update JobId="$task" TimeLimit=1
for process in $(of_node n1); do kill -STOP "$process" 2>/dev/null || true; done
say "**a task hangs past its time limit**: all processes of $task stand still, its limit is a minute; $(finished) cells are finished"

until_at 14 n2
task=$(running n2)
scontrol requeue "$task"
say "**a task is pre-empted**: $task is ended (SIGTERM, SIGKILL after KillWait) and queued again; $(finished) cells are finished"

until [ -z "$(squeue -h)" ]; do
  sleep 2
  [ $(($(date +%s) - begin)) -lt 1500 ] || { say "jobs are still queued"; squeue; exit 1; }
done
say "nothing is queued; $(finished) cells are finished"
printf '\n```\n'
daam submit --status --preset quick | sed "s#$home#…#g" | grep -v "not submitted$"
printf '```\n\n'
logs="$home/runs/quick"
twice=$(grep -rhoE '^speech/.* is finished' "$logs" --include='*.log' --include='*.out' | sort | uniq -d | wc -l)
begun=$(grep -rhoE '^speech/.* begins' "$logs" --include='*.log' --include='*.out' | wc -l)
printf 'Trainings begun: %s; cells finished more than once: %s. ' "$begun" "$twice"
compared=$(daam run --preset quick --task speech --method $methods | grep agree)
printf 'Compared with the committed cells, of a local run: %s.\n' "$compared"
[ "$twice" = 0 ] && [ "$compared" = "30 of 30 cells agree with the published ones" ]
