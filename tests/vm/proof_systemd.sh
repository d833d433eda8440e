#!/usr/bin/env bash
# The proof (tests/README.md) with systemd: this machine is the host, and packages are installed, upgraded and removed
# in the middle of faults: tests/vm/proof_systemd.sh [OPTION of proof.py...]
set -euo pipefail
rm -f /usr/lib/systemd/system/faultd* # the machine comes with the unit, which is of no package
ip netns add host
ip -n host link set lo up
mkdir -p /srv/fill /var/lib/faultd /etc/systemd/system/faultd.service.d
mount -t tmpfs -o mode=700,size=16m,nr_inodes=500 tmpfs /srv/fill
mount -t tmpfs -o mode=700,size=512k tmpfs /var/lib/faultd
printf '[Service]\nNetworkNamespacePath=/run/netns/host\n' >/etc/systemd/system/faultd.service.d/proof.conf
dpkg --install packages/faultd_*.deb >/dev/null
systemctl enable --quiet faultd
# Its namespace is there already, and /run/netns of the service must stay.
export FAULTD_IN_NAMESPACE=1 PYTHONDONTWRITEBYTECODE=1
exec ip netns exec host tests/e2e/run . --program ../proof/proof.py --systemd "$@"
