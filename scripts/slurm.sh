#!/bin/sh
# A Slurm of one controller and two nodes on this machine, in the new folder $1, on ports from $2 on. Needs root and Debian's slurm-wlm and munge.
# Where the kernel lets them, the nodes have host names of their own, n1 and n2: a process of one cannot see whether one of the other lives.
# With a third argument, starts that node again. End it with SLURM_CONF=$1/slurm.conf scontrol shutdown.
set -eu
dir=$1 port=$2 host=$(hostname -s)
if unshare --uts true 2>/dev/null; then
  name() { echo "$1"; }
  node() { unshare --uts sh -c 'hostname "$2" && exec slurmd -f "$1" -N "$2"' - "$SLURM_CONF" "$1"; }
else
  name() { echo "$host"; }
  node() { slurmd -f "$SLURM_CONF" -N "$1"; }
fi
if [ "${3:-}" ]; then
  export SLURM_CONF="$dir/slurm.conf"
  node "$3"
  exit
fi
mkdir -p "$dir/state" "$dir/spool"
[ -s /etc/munge/munge.key ] || mungekey -c
install -d -o munge -g munge -m 755 /run/munge
pgrep -x munged >/dev/null || runuser -u munge -- /usr/sbin/munged
cat >"$dir/slurm.conf" <<END
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
SlurmdTimeout=30
KillWait=5
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
NodeName=n1 NodeHostname=$(name n1) NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=1 RealMemory=1000
NodeName=n2 NodeHostname=$(name n2) NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=1 RealMemory=1000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF="$dir/slurm.conf"
slurmctld -f "$SLURM_CONF"
node n1
node n2
END_OF_START=$(($(date +%s) + 30))
until [ "$(sinfo -h -N -t idle | wc -l)" = 2 ]; do
  [ "$(date +%s)" -lt "$END_OF_START" ] || { echo "the nodes did not come up" >&2; exit 1; }
  sleep 0.2
done
