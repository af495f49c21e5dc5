#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# need.sh GROUP...: are the tools that a make target uses installed? Silent when they are.
# On Debian and its relatives, root gets them installed (after being told which packages),
# anybody else gets the one line to type. On other systems it prints what is missing.
# Groups: build, run, guests, debian, test, clang, fuzz, bochs. Called by the Makefile and .ci/run.
set -eu

# GROUP PACKAGE TEST, where TEST is a command, a /file, or a word that there() knows.
table='
build   gcc                  gcc
build   libc6-dev            /usr/include/stdio.h
build   binutils             ld
build   make                 make
run     qemu-system-x86      qemu-system-x86_64
run     seabios              /usr/share/seabios/bios-256k.bin
run     grub-common          grub-mkrescue
run     grub-pc-bin          /usr/lib/grub/i386-pc/multiboot2.mod
run     grub-efi-amd64-bin   /usr/lib/grub/x86_64-efi/multiboot2.mod
run     xorriso              xorriso
run     mtools               mcopy
guests  busybox-static       static-busybox
guests  cpio                 cpio
guests  gzip                 gzip
debian  mmdebstrap           mmdebstrap
debian  e2fsprogs            mke2fs
debian  debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg
test    python3              /usr/bin/python3
test    python3-pytest       python-pytest
test    python3-pexpect      python-pexpect
test    libcmocka-dev        /usr/include/cmocka.h
test    ovmf                 /usr/share/OVMF/OVMF_CODE_4M.fd
clang   clang                clang
fuzz    clang                clang
fuzz    libclang-rt-14-dev   clang-fuzzer
bochs   bochs                bochs-bin
bochs   bochsbios            /usr/share/bochs/BIOS-bochs-latest
bochs   vgabios              /usr/share/vgabios/vgabios.bin
bochs   bochs-sdl            /usr/lib/*/bochs/plugins/libbx_sdl2_gui.so
'

there()
{
    # shellcheck disable=SC2086
    case $1 in
    /*)             ls $1 >/dev/null 2>&1 ;;
    static-busybox) b=$(command -v busybox) && LC_ALL=C ldd "$b" 2>&1 | grep -q "not a dynamic" ;;
    python-*)       /usr/bin/python3 -c "import ${1#python-}" 2>/dev/null ;;
    clang-fuzzer)   command -v clang >/dev/null &&
                    { [ -e "$(clang -print-runtime-dir)/libclang_rt.fuzzer-x86_64.a" ] ||
                      [ -e "$(clang -print-file-name=libclang_rt.fuzzer-x86_64.a)" ]; } ;;
    *)              PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null ;;
    esac
}

packages=
tools=
for group in "$@"; do
    case $table in
    *"
$group "*) ;;
    *) echo "need.sh: there is no group \"$group\"" >&2; exit 2 ;;
    esac
    while read -r g package test; do
        if [ "$g" = "$group" ] && ! there "$test"; then
            case " $packages " in
            *" $package "*) ;;
            *) packages="$packages${packages:+ }$package"; tools="$tools
    $test (Debian's package $package)" ;;
            esac
        fi
    done <<END
$table
END
done
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "These tools are missing; please install them:$tools" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "Some tools are missing. Please type this, then try again:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends $packages" >&2
    exit 1
fi

# Package lists that are missing or older than a day name versions that are gone.
lists_are_fresh()
{
    ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 &&
    [ -n "$(find /var/lib/apt/lists -maxdepth 0 -mtime -1)" ]
}
update()
{
    echo "Updating the lists of packages (apt-get update)"
    apt-get update -qq -o Acquire::Retries=3
    touch /var/lib/apt/lists
}
install()
{
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Acquire::Retries=3 --no-install-recommends $packages \
        </dev/null >"$log" 2>&1
}

echo "Installing what is missing: $packages"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
lists_are_fresh || update || true
if ! install && { ! update || ! install; }; then
    cat "$log" >&2
    echo "need.sh: apt-get could not install: $packages" >&2
    exit 1
fi
