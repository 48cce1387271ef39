# The life of the package in a Debian without systemd, as an image is built; run below a root of its own with both
# packages in /tmp. It ends at the first thing that is not as it should be.
set -eux
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
OLD=$1 NEW=$2
python=/usr/lib/podstead/bin/python3
everything() {
    find / /var/lib -xdev \( -path /proc -o -path /dev -o -path /tmp -o -path /run -o -path /sys -o -path /var/lib/apt -o -path /var/cache \
        -o -path '/var/log/apt' -o -name dpkg.log -o -path /var/lib/dpkg/available \) -prune -o -print | sort
}
everything >/tmp/before

apt-get install -y -q --no-install-recommends "$OLD"
test -L /etc/systemd/system/multi-user.target.wants/podstead.service
podstead version
printf '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}' >/tmp/web.yaml
podstead check /tmp/web.yaml
# A large manifest is decoded by a child of its own, which must find the libraries as well.
{ cat /tmp/web.yaml; for _ in $(seq 2000); do echo '# filler'; done; } >/tmp/large.yaml
podstead check /tmp/large.yaml
for module in msgspec._core yaml._yaml multidict._multidict google._upb._message grpclib.client wsproto jeepney inotify_simple; do
    $python -I -c "import $module as it; assert it.__file__.startswith('/usr/lib/podstead/'), it.__file__"
done
# Nothing of the administrator's or a user's gets in.
mkdir -p /usr/local/lib/python3/dist-packages /root/evil && echo 'raise SystemExit(9)' >/root/evil/msgspec.py
PYTHONPATH=/root/evil podstead check /tmp/web.yaml
(cd /root/evil && podstead check /tmp/web.yaml)
rm -r /root/evil /usr/local/lib/python3
# Compiled for the Python that is here: a start reads no source.
test "$(find /usr/lib/podstead -name '*.pyc' | wc -l)" -gt 300

echo 'PODSTEAD_OPTS="--v=4"' >/etc/podstead/podstead.conf
dpkg -i "$NEW"
dpkg -s podstead | grep -q '^Version: 0.1.1~test$'
grep -q -- --v=4 /etc/podstead/podstead.conf
test "$(stat -c %a /etc/podstead/manifests)" = 700
# Another Python comes: everything is compiled again.
find /usr/lib/podstead -name '*.pyc' -delete
dpkg-trigger --by-package=python3-minimal --no-await /usr/bin/python3
dpkg --configure -a
test "$(find /usr/lib/podstead -name '*.pyc' | wc -l)" -gt 300

mkdir -p /var/lib/podstead/pods/11-aa /var/lib/podstead/state/records /var/log/pods/default_web_11-aa \
    /var/log/pods/default_done_22-bb /var/log/pods/kube-system_other_33-cc
touch /var/lib/podstead/state/records/default_done_22-bb.json /etc/podstead/manifests/web.yaml
apt-get remove -y -q podstead
test ! -e /usr/lib/podstead && test ! -e /usr/bin/podstead
test -d /var/lib/podstead/state && test -e /etc/podstead/manifests/web.yaml && grep -q -- --v=4 /etc/podstead/podstead.conf
# A removal is no purge: the service comes back enabled.
dpkg -i "$NEW" && test -e /etc/systemd/system/multi-user.target.wants/podstead.service
apt-get remove -y -q podstead

# What is mounted below the state may be a directory of the host: it is never emptied.
mkdir /srv/kept && echo data >/srv/kept/data && mkdir /var/lib/podstead/pods/11-aa/sub
mount --bind /srv/kept /var/lib/podstead/pods/11-aa/sub
if apt-get purge -y -q podstead; then exit 1; fi
grep -q data /srv/kept/data
umount /var/lib/podstead/pods/11-aa/sub
mount --bind /srv/kept /etc/podstead/manifests
if apt-get purge -y -q podstead; then exit 1; fi
grep -q data /srv/kept/data
umount /etc/podstead/manifests
apt-get purge -y -q podstead
test "$(cat /srv/kept/data)" = data
test "$(ls /var/log/pods)" = kube-system_other_33-cc
rm -r /srv/kept /var/log/pods
everything >/tmp/after
diff /tmp/before /tmp/after
