#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# fetch.sh OUT cloud|full...: Debian's own kernels, unmodified, into the folder OUT as
# vmlinuz-cloud and vmlinuz-full, beside a folder modules-KIND with the two modules that
# a press of the power button needs. They are downloaded as packages (apt-get checks their
# signatures) and unpacked, never installed. What is there already is not fetched again.
# Called by the Makefile.
set -eu

out=$1
shift
mkdir -p "$out"
out=$(cd "$out" && pwd)

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
    (cd "$work" && apt-get download -qq -o Acquire::Retries=3 $sandbox "$1" >"$work/log" 2>&1)
}

fetch()
{
    kind=$1 meta=$2
    [ -s "$out/vmlinuz-$kind" ] && [ -d "$out/modules-$kind" ] && return
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || die "this needs apt-get and dpkg-deb" \
        "(Debian or Ubuntu). Elsewhere put a Linux bzImage at $out/vmlinuz-$kind and make an empty folder" \
        "$out/modules-$kind"
    package=$(real_package "$meta")
    if [ -z "$package" ] && [ "$(id -u)" = 0 ]; then
        apt-get update -qq || true
        package=$(real_package "$meta")
    fi
    [ -n "$package" ] || die "apt does not know $meta; try: sudo apt-get update"
    echo "Fetching Debian's kernel $package (not installing it)"
    work=$(mktemp -d "$out/.fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # Lists older than the archive name a file that is gone.
    if ! download "$package"; then
        [ "$(id -u)" = 0 ] && apt-get update -qq && package=$(real_package "$meta") && download "$package" || {
            cat "$work/log" >&2
            die "could not download $package; try: sudo apt-get update"
        }
    fi
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work" --wildcards './boot/vmlinuz-*' \
        './lib/modules/*/kernel/drivers/acpi/button.ko' './lib/modules/*/kernel/drivers/input/evdev.ko'
    rm -rf "$out/modules-$kind"
    mkdir "$work/m"
    for module in "$work"/lib/modules/*/kernel/drivers/*/*.ko; do
        version=${module#"$work"/lib/modules/}
        mkdir -p "$work/m/${version%%/*}"
        mv "$module" "$work/m/${version%%/*}/"
    done
    mv "$work/m" "$out/modules-$kind"
    mv "$work"/boot/vmlinuz-* "$out/vmlinuz-$kind"
    touch "$out/vmlinuz-$kind"
    rm -rf "$work"
    trap - EXIT
}

for kind in "$@"; do
    case $kind in
    cloud) fetch cloud linux-image-cloud-amd64 ;;
    full)  fetch full linux-image-amd64 ;;
    *)     die "there is no kind of kernel \"$kind\": cloud or full" ;;
    esac
done
