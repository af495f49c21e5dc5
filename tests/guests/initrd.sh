#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# initrd.sh demo|test OUT.img MODULES: builds an initrd around Debian's static busybox:
# the demonstration's with a shell, or the tests' (linux/test.init), for which OUT.sum
# gets the checksum that the guest must compute. MODULES is a folder by kernel version from
# fetch.sh. The same input gives the same bytes.
#
# initrd.sh io OUT.img MODULES PROGRAMS: what is laid over the tests' initrd to try disks and
# networks: modules, Debian's mke2fs and e2fsck (the folder PROGRAMS from fetch.sh), programs
# and scripts of our own (linux/iotest.c, linux/nettest.c, linux/io/). Called by the Makefile.
set -eu
export LC_ALL=C
umask 022

kind=$1 out=$2 modules=$3
here=$(cd "$(dirname "$0")" && pwd)/linux
mkdir -p "$(dirname "$out")"
stage=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"

# Busybox, the modules of a power button, and what a press of it does.
base()
{
    for dir in bin sbin dev etc/acpi/PWRF proc sys root tmp var/log var/run lib/modules; do
        mkdir -p "$stage/$dir"
    done
    cp "$(command -v busybox)" "$stage/bin/busybox"
    for applet in $(busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$stage/bin/$applet"
    done
    for version in "$modules"/*; do
        mkdir "$stage/lib/modules/${version##*/}"
        find "$version" -maxdepth 1 -name '*.ko' -exec cp {} "$stage/lib/modules/${version##*/}/" \;
    done
    printf '#!/bin/sh\nexec /bin/poweroff %s\n' "$1" >"$stage/etc/acpi/PWRF/00000080"
    chmod 755 "$stage/etc/acpi/PWRF/00000080"
}

case $kind in
demo)
    base ''
    ln -s bin/busybox "$stage/init"
    ${CC:-gcc} -Os -Wall -Werror -static -nostdlib -ffreestanding -fno-stack-protector -fno-pie -no-pie \
        -Wl,--build-id=none -s -o "$stage/bin/wait-key" "$here/wait-key.c"
    cp "$here/demo.inittab" "$stage/etc/inittab"
    cp "$here/demo.profile" "$stage/etc/profile"
    install -m 755 "$here/demo.rc" "$stage/etc/rc"
    ;;
test)
    base -f
    install -m 755 "$here/test.init" "$stage/init"
    mkdir "$stage/data"
    # Some MiB that hardly compress: a multiplicative sequence, exact in awk's doubles.
    awk 'BEGIN { for (i = 1; i <= 300000; i++) print (i * 2654435761) % 4294967296 }' >"$stage/data/numbers"
    seq 1 1000 >"$stage/data/small"
    (cd "$stage" && find bin/busybox data -type f | sort | xargs sha256sum | sha256sum | cut -d ' ' -f 1) \
        >"${out%.img}.sum"
    ;;
io)
    for version in "$modules"/*; do
        mkdir -p "$stage/lib/modules/${version##*/}"
        cp -r "$version/io" "$stage/lib/modules/${version##*/}/"
        # What needs what, for modprobe.
        busybox depmod -b "$stage" "${version##*/}"
        for list in "$stage/lib/modules/${version##*/}"/modules.*; do
            sort -o "$list" "$list"
        done
    done
    cp -r "$4/." "$stage/"
    mkdir "$stage/bin" "$stage/mnt" "$stage/test"
    for program in iotest nettest; do
        ${CC:-gcc} -std=gnu11 -O2 -Wall -Werror -static -s -o "$stage/bin/$program" "$here/$program.c"
    done
    cp "$here"/io/* "$stage/test/"
    ;;
*)
    echo "initrd.sh: there is no kind \"$kind\"" >&2
    exit 2
    ;;
esac

find "$stage" -exec touch -h -d @0 {} +
(cd "$stage" && find . | sort | cpio --quiet -o -H newc -R 0:0 --reproducible) | gzip -9n >"$out.new"
mv "$out.new" "$out"
