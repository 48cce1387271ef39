# The package with pods, where no systemd runs: an agent started by hand, an upgrade below it, a removal, a purge.
# Run below a root of its own, with both packages and busybox in /tmp. It ends at the first thing that is not as it should be.
set -eux
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
OLD=$1 NEW=$2 IMAGE=$3
within() { # SECONDS COMMAND…: until it succeeds
    local left=$1
    shift
    until "$@"; do
        left=$((left - 1))
        test "$left" -gt 0
        sleep 1
    done
}
running() { podstead get pods kept -o json | grep -E '"containerID"|"restartCount"'; }
is_up() { podstead status | grep -E '^Node:.*, ready'; }
is_over() { ! ps -eo args | grep -E '[c]ontainerd|[p]odstead run|[t]rap exit'; }

dpkg -i "$OLD"
mkdir /srv/kept && echo data >/srv/kept/data
podstead run --pod-manifest-path=/etc/podstead/manifests --node-ip=127.0.0.1 >/tmp/agent.log 2>&1 &
within 60 is_up
podstead image import /tmp/busybox.tar
cat >/tmp/kept.yaml <<END
apiVersion: v1
kind: Pod
metadata: {name: kept}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 2
  volumes:
  - {name: data, hostPath: {path: /srv/kept}}
  - {name: scratch, emptyDir: {medium: Memory}}
  containers:
  - name: main
    image: $IMAGE
    imagePullPolicy: IfNotPresent
    command: [sh, -c, 'trap exit TERM; while :; do sleep 3600 & wait; done']
    volumeMounts:
    - {name: data, mountPath: /data}
    - {name: scratch, mountPath: /scratch}
END
podstead apply -f /tmp/kept.yaml --wait=60s
running >/tmp/first
grep /var/lib/podstead/pods /proc/self/mountinfo # the tmpfs, which a removal must unmount

dpkg -i "$NEW"
is_up
running >/tmp/second
diff /tmp/first /tmp/second

apt-get remove -y -q podstead
within 20 is_over
if grep -E ' /(var/lib|run)/podstead' /proc/self/mountinfo; then exit 1; fi
test -e /etc/podstead/manifests/kept.yaml
apt-get purge -y -q podstead
test "$(cat /srv/kept/data)" = data
test -z "$(find / -xdev \( -path /proc -o -path /sys -o -path /tmp \) -prune -o -name '*podstead*' -print)"
test -z "$(find /run /var/lib -name '*podstead*')"
test -z "$(ls /var/log/pods /var/log/containers | grep kept)"
