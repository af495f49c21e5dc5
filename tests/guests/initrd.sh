#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# initrd.sh demo|test OUT.img MODULES: builds an initrd around Debian's static busybox:
# the demonstration's with a shell, or the tests' (linux/test.init), for which OUT.sum
# gets the checksum that the guest must compute. MODULES is a folder by kernel version from
# fetch.sh. The same input gives the same bytes. Called by the Makefile.
set -eu
export LC_ALL=C
umask 022

kind=$1 out=$2 modules=$3
here=$(cd "$(dirname "$0")" && pwd)/linux
mkdir -p "$(dirname "$out")"
stage=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"

for dir in bin sbin dev etc/acpi/PWRF proc sys root tmp var/log var/run lib/modules; do
    mkdir -p "$stage/$dir"
done
cp "$(command -v busybox)" "$stage/bin/busybox"
for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$stage/bin/$applet"
done
cp -r "$modules/." "$stage/lib/modules/"
printf '#!/bin/sh\nexec /bin/poweroff %s\n' "$([ "$kind" = test ] && echo -f)" >"$stage/etc/acpi/PWRF/00000080"
chmod 755 "$stage/etc/acpi/PWRF/00000080"

case $kind in
demo)
    ln -s bin/busybox "$stage/init"
    ${CC:-gcc} -Os -Wall -Werror -static -nostdlib -ffreestanding -fno-stack-protector -fno-pie -no-pie \
        -Wl,--build-id=none -s -o "$stage/bin/wait-key" "$here/wait-key.c"
    cp "$here/demo.inittab" "$stage/etc/inittab"
    cp "$here/demo.profile" "$stage/etc/profile"
    install -m 755 "$here/demo.rc" "$stage/etc/rc"
    ;;
test)
    install -m 755 "$here/test.init" "$stage/init"
    mkdir "$stage/data"
    # Some MiB that hardly compress: a multiplicative sequence, exact in awk's doubles.
    awk 'BEGIN { for (i = 1; i <= 300000; i++) print (i * 2654435761) % 4294967296 }' >"$stage/data/numbers"
    seq 1 1000 >"$stage/data/small"
    (cd "$stage" && find bin/busybox data -type f | sort | xargs sha256sum | sha256sum | cut -d ' ' -f 1) \
        >"${out%.img}.sum"
    ;;
*)
    echo "initrd.sh: there is no kind \"$kind\"" >&2
    exit 2
    ;;
esac

find "$stage" -exec touch -h -d @0 {} +
(cd "$stage" && find . | sort | cpio --quiet -o -H newc -R 0:0 --reproducible) | gzip -9n >"$out.new"
mv "$out.new" "$out"
