#!/bin/sh
# A machine that systemd has booted, for a test: this one's files below a layer in memory, a systemd that manages nothing
# yet, and the worker where docs/deploy/systemd.md installs it. What is done there is gone when it ends. Needs root.
#   $1 a control group for it   $2 a folder for its root   $3 the Python  $4 its environment  $5 the tree of the worker
set -e
echo $$ >"$1/cgroup.procs"
exec unshare --mount --pid --fork --uts --ipc --cgroup --propagation private --kill-child=KILL sh -ec '
  base=$1 python=$2 environment=$3 tree=$4
  mount -t tmpfs tmpfs "$base"
  mkdir "$base/upper" "$base/work" "$base/root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
  cd "$base/root"

  # Nothing of this machine is to be run, managed or set there.
  units=usr/lib/systemd/system
  for folder in dev opt run etc/systemd/system "$units" usr/lib/systemd/system-generators; do
    mount -t tmpfs -o mode=755 tmpfs "$folder"
  done
  mount -t proc proc proc
  mount --bind proc/sys proc/sys
  mount -o remount,bind,ro proc/sys
  mount -t sysfs -o ro sysfs sys
  if grep -q "name=systemd" /proc/self/cgroup; then
    mount -t tmpfs tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    mount -o remount,ro sys/fs/cgroup # it would mount the controllers of this machine there
  else
    mount -t cgroup2 cgroup2 sys/fs/cgroup
  fi
  mkdir dev/shm dev/pts
  mount -t devpts devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  for device in null zero full random urandom tty; do
    : >"dev/$device"
    mount --bind "/dev/$device" "dev/$device"
  done
  for unit in sysinit basic shutdown network-online multi-user; do
    printf "[Unit]\nDefaultDependencies=no\n" >"$units/$unit.target"
  done

  mkdir -p opt/python opt/source opt/sqs-worker/bin opt/sqs-worker/lib
  mount --bind "$python" opt/python
  mount --bind "$tree" opt/source
  mount --bind "$environment/lib" opt/sqs-worker/lib
  ln -s "/opt/python/bin/$(basename "$(readlink -f "$environment/bin/python")")" opt/sqs-worker/bin/python
  echo "home = /opt/python/bin" >opt/sqs-worker/pyvenv.cfg
  cat >opt/sqs-worker/bin/worker <<END
#!/opt/sqs-worker/bin/python
import sys
sys.path.insert(0, "/opt/source")
from sqs_worker_daemon import main
main()
END
  chmod 755 opt/sqs-worker/bin/worker
  echo /opt/python/lib >etc/ld.so.conf.d/sqs-worker-check.conf
  ldconfig -r .

  mkdir run/old
  pivot_root . run/old
  cd /
  umount -l /run/old
  exec env -i PATH="$PATH" container=sqs-worker-check \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=console --show-status=no
' sh "$2" "$3" "$4" "$5"
