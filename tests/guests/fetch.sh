#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# fetch.sh OUT cloud|full|programs...: from Debian, unmodified, into the folder OUT:
#   cloud, full   a kernel, as vmlinuz-KIND, beside the folder modules-KIND/VERSION with the two
#                 modules that a press of the power button needs and, in its folder io, what
#                 virtio's disks and networks need
#   programs      mke2fs and e2fsck with their libraries, as the folder programs
# They are downloaded as packages (apt-get checks their signatures) and unpacked, never
# installed. What is there already is not fetched again. Called by the Makefile.
set -eu

out=$1
shift
mkdir -p "$out"
out=$(cd "$out" && pwd)

power_modules='button evdev'
# With all that they depend on; what a kernel has built in is no file of it.
io_modules='virtio virtio_ring virtio_pci virtio_pci_modern_dev virtio_pci_legacy_dev
    virtio_blk virtio_net net_failover failover virtio-rng 8021q garp mrp stp llc
    ext4 jbd2 mbcache crc16 crc32c_generic'
packages='e2fsprogs libext2fs2 libcom-err2 libblkid1 libuuid1 libc6'
libraries='ld-linux-x86-64.so.2 libc.so.6 libext2fs.so.2 libe2p.so.2 libcom_err.so.2 libblkid.so.1 libuuid.so.1'

die()
{
    echo "fetch.sh: $*" >&2
    exit 1
}

# The package behind Debian's ever-changing name: linux-image-6.1.0-50-cloud-amd64 or so.
real_package()
{
    apt-cache depends "$1" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1
}

download()
{
    # As root apt would want to step down to a user who cannot write here.
    [ "$(id -u)" = 0 ] && sandbox='-o APT::Sandbox::User=root' || sandbox=
    # shellcheck disable=SC2086
    (cd "$work" && apt-get download -qq -o Acquire::Retries=3 $sandbox "$@" >"$work/log" 2>&1)
}

make_work()
{
    work=$(mktemp -d "$out/.fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
}

end_work()
{
    rm -rf "$work"
    trap - EXIT
}

need_apt()
{
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
        die "this needs apt-get and dpkg-deb (Debian or Ubuntu). Elsewhere $*"
}

# FOLDER NAME...: moves those modules that there are.
take_modules()
{
    folder=$1
    shift
    mkdir -p "$folder"
    for name in "$@"; do
        find "$work/lib" -name "$name.ko" -exec mv {} "$folder/" \;
    done
}

fetch_kernel()
{
    kind=$1 meta=$2
    [ -s "$out/vmlinuz-$kind" ] && [ -d "$out/modules-$kind" ] && ls "$out/modules-$kind"/*/io >/dev/null 2>&1 && return
    need_apt "put a Linux bzImage at $out/vmlinuz-$kind and its modules, or none, into the folder" \
        "$out/modules-$kind/VERSION/io"
    package=$(real_package "$meta")
    if [ -z "$package" ] && [ "$(id -u)" = 0 ]; then
        apt-get update -qq || true
        package=$(real_package "$meta")
    fi
    [ -n "$package" ] || die "apt does not know $meta; try: sudo apt-get update"
    echo "Fetching Debian's kernel $package (not installing it)"
    make_work
    # Lists older than the archive name a file that is gone.
    if ! download "$package"; then
        [ "$(id -u)" = 0 ] && apt-get update -qq && package=$(real_package "$meta") && download "$package" || {
            cat "$work/log" >&2
            die "could not download $package; try: sudo apt-get update"
        }
    fi
    # tar complains of modules that this kernel has built in; the two files below say whether all is well.
    # shellcheck disable=SC2046
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work" --wildcards './boot/vmlinuz-*' \
        $(printf './lib/modules/*/%s.ko ' $power_modules $io_modules) 2>"$work/log" || true
    set -- "$work"/lib/modules/*
    version=${1##*/}
    take_modules "$work/m/$version" $power_modules
    take_modules "$work/m/$version/io" $io_modules
    [ -s "$work/m/$version/evdev.ko" ] && [ -s "$work/m/$version/io/virtio_blk.ko" ] || {
        cat "$work/log" >&2
        die "$package is not as expected"
    }
    rm -rf "$out/modules-$kind"
    mv "$work/m" "$out/modules-$kind"
    mv "$work"/boot/vmlinuz-* "$out/vmlinuz-$kind"
    touch "$out/vmlinuz-$kind"
    end_work
}

fetch_programs()
{
    [ -x "$out/programs/sbin/mke2fs" ] && return
    need_apt "put mke2fs and e2fsck into $out/programs/sbin, their libraries into $out/programs/lib"
    echo "Fetching mke2fs and e2fsck from Debian (not installing them)"
    make_work
    # shellcheck disable=SC2086
    if ! download $packages; then
        [ "$(id -u)" = 0 ] && apt-get update -qq && download $packages || {
            cat "$work/log" >&2
            die "could not download $packages; try: sudo apt-get update"
        }
    fi
    mkdir -p "$work/x" "$work/programs/sbin" "$work/programs/lib" "$work/programs/lib64" "$work/programs/etc"
    for package in "$work"/*.deb; do
        dpkg-deb -x "$package" "$work/x"
    done
    cp "$work/x/sbin/mke2fs" "$work/x/sbin/e2fsck" "$work/programs/sbin/"
    cp "$work/x/etc/mke2fs.conf" "$work/programs/etc/"
    for library in $libraries; do
        cp -L "$(find "$work/x" -name "$library" | head -n 1)" "$work/programs/lib/"
    done
    mv "$work/programs/lib/ld-linux-x86-64.so.2" "$work/programs/lib64/"
    rm -rf "$out/programs"
    mv "$work/programs" "$out/programs"
    end_work
}

for kind in "$@"; do
    case $kind in
    cloud)    fetch_kernel cloud linux-image-cloud-amd64 ;;
    full)     fetch_kernel full linux-image-amd64 ;;
    programs) fetch_programs ;;
    *)        die "there is no \"$kind\": cloud, full or programs" ;;
    esac
done
