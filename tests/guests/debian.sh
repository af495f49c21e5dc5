#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# debian.sh OUT: a whole Debian 12 with systemd into the folder OUT: debian.img, an ext4 file
# system for the disk that the guest calls /dev/vda, and its kernel and initrd beside it,
# debian.vmlinuz and debian.initrd. All from Debian's packages, put together by mmdebstrap, as
# root or, where the system allows it, as anybody. Takes a minute or two. Boot it with
#
#   root=/dev/vda rw console=ttyS0
#
# User root has no password. Network: DHCP on every interface, or a fixed address with the
# kernel's own words, ip=10.0.0.2::10.0.0.1:255.255.255.0:debian::none. Called by the Makefile.
set -eu
export LC_ALL=C SOURCE_DATE_EPOCH=1700000000 E2FSPROGS_FAKE_TIME=1700000000
PATH=$PATH:/usr/sbin:/sbin
umask 022

out=$1
size=512M
mkdir -p "$out"
work=$(mktemp -d "$out/.debian.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Run by mmdebstrap beside the new system, whose folder is $1.
before='set -e
mkdir -p "$1/etc/initramfs-tools/conf.d"
printf "MODULES=list\nRESUME=none\n" >"$1/etc/initramfs-tools/conf.d/small"
printf "virtio_pci\nvirtio_blk\next4\n" >"$1/etc/initramfs-tools/modules"
'
# What ip= asks for comes before 95-dhcp (systemd-network-generator names it 91-default.network).
# Without wait-online, which fails when there is no network to be had.
after='set -e
echo debian >"$1/etc/hostname"
printf "127.0.0.1 localhost debian\n" >"$1/etc/hosts"
echo "/dev/vda / ext4 defaults 0 1" >"$1/etc/fstab"
printf "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n" \
    >"$1/etc/systemd/network/95-dhcp.network"
chroot "$1" passwd -q -d root
chroot "$1" systemctl -q enable systemd-networkd systemd-network-generator
chroot "$1" systemctl -q disable systemd-networkd-wait-online
cp "$1"/boot/vmlinuz-* "$1/debian.vmlinuz"
cp "$1"/boot/initrd.img-* "$1/debian.initrd"
'
# The second sight of the folder is without what is mounted in it.
image='set -e
rm -rf "$1/debian.vmlinuz" "$1/debian.initrd" "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*
mkdir "$1.root"
mount --bind "$1" "$1.root"
mke2fs -q -F -t ext4 -L debian -U 5ec1e000-0000-4000-8000-000000000001 \
    -E hash_seed=5ec1e000-0000-4000-8000-000000000002,root_owner=0:0 -m 0 -d "$1.root" "$1.img" '$size'
umount "$1.root"
rmdir "$1.root"
mv "$1.img" "$1/debian.img"
'

echo "Building a Debian 12 with systemd (a minute or two)"
mmdebstrap --quiet --variant=minbase --format=null \
    --include=systemd-sysv,udev,kmod,iproute2,iputils-ping,linux-image-cloud-amd64,initramfs-tools \
    --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --aptopt='Acquire::Retries "3"' \
    --essential-hook="$before" --customize-hook="$after" \
    --customize-hook="download /debian.vmlinuz $work/debian.vmlinuz" \
    --customize-hook="download /debian.initrd $work/debian.initrd" \
    --customize-hook="$image" --customize-hook="download /debian.img $work/debian.img" \
    bookworm /dev/null >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    echo "debian.sh: mmdebstrap failed" >&2
    exit 1
}
# The transfer has filled the holes.
fallocate --dig-holes "$work/debian.img" 2>/dev/null || true
mv "$work/debian.vmlinuz" "$work/debian.initrd" "$out/"
mv "$work/debian.img" "$out/"
