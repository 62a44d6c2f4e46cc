#!/bin/sh
# A user's instance of systemd, apart from everything else on this machine: in a control group, a mount and a cgroup
# namespace of its own. $1 is the folder of the control group in a hierarchy that systemd takes for its own. Needs root.
set -e
echo $$ >"$1/cgroup.procs"
exec unshare --mount --cgroup --propagation private sh -ec '
  mount -t tmpfs tmpfs /run
  mkdir -p /run/systemd/system # by this it takes the machine for one that systemd has booted
  mkdir -m 000 -p /run/systemd/inaccessible/dir # files are hidden behind these
  for kind in reg sock; do (umask 777; : >"/run/systemd/inaccessible/$kind"); done
  mkfifo -m 000 /run/systemd/inaccessible/fifo
  if grep -q "name=systemd" /proc/self/cgroup; then
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
  else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
  fi
  exec /lib/systemd/systemd --user --log-target=console --log-level=info'
