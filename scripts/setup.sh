#!/bin/sh
# Installs what is missing on this machine, and nothing else; says nothing when
# all is there. Debian and Ubuntu are known; elsewhere it names what to install.
#
#   scripts/setup.sh build   C linker, clang, libbpf's headers, Rust   (default)
#   scripts/setup.sh run     the same, curl to look at the page
#   scripts/setup.sh check   the same as build, rustfmt, clippy, python3
#   scripts/setup.sh test    the same as build, systemd-analyze, and bpffs and tracefs mounted
#   scripts/setup.sh e2e     the same as test, python3, Go, Prometheus and its Python client, Chromium
#   scripts/setup.sh deploy  Go
#   scripts/setup.sh guide   the same as test, python3, what docs/operations.md types
#   scripts/setup.sh bench   the same as test, python3, libbpf, bpftrace
#   scripts/setup.sh kernels the same as build, python3, an emulator, what goes into its image
#   scripts/setup.sh roots   what makes clean root file systems, python3
#   scripts/setup.sh image   the same, an engine that builds images
#   scripts/setup.sh arm64   the same as roots, what runs programs and kernels of that machine
#   scripts/setup.sh dist    the same as build, python3, Go
#   scripts/setup.sh nobtf   the same as kernels, what a kernel is built with
#
# Prometheus is only unpacked, below target/e2e: its package would start a service.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
. scripts/rust.sh
goal=${1:-build}
clang_min=14
go_min=1.24
backports=
updated=

say() { echo "setup: $*"; }
die() {
    say "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "'$*' needs root, and there is no sudo here: run scripts/setup.sh $goal as root first"
    fi
}

# Before the first question to apt, and only then: a new machine has empty lists.
apt_update() {
    [ -z "$updated" ] || return 0
    have apt-get || die "$1 is missing, and this is not Debian or Ubuntu: install it by your system's means, then run this again"
    say "apt-get update, because $1 is missing"
    as_root apt-get update -qq
    updated=yes
    # shellcheck disable=SC1091
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    if apt-cache policy 2>/dev/null | grep -q "$codename-backports"; then
        backports=$codename-backports
    fi
}

apt_install() {
    say "apt-get install $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The version that apt would install of a package, without epoch; nothing if it has none.
candidate() {
    apt-cache policy "$@" 2>/dev/null | sed -n 's/^  Candidate: \([0-9]*:\)\{0,1\}\([0-9][0-9.]*\).*/\2/p'
}

# need WHAT PACKAGE...: installs the packages that WHAT comes from.
need() {
    what=$1
    shift
    apt_update "$what"
    apt_install "$@"
}

# newest PATTERN MIN: the package with the highest number in its name, from MIN on.
newest() {
    apt-cache pkgnames "${1%%[*}" | grep -x "$1" | sort -rV | while read -r package; do
        at_least "$(candidate "$package")" "$2" || continue
        echo "$package"
        break
    done
}

clang_here() {
    [ -z "${CLANG:-}" ] || return 0
    for path in $(echo "$PATH" | tr ':' '\n' | sed 's|$|/clang*|'); do
        case ${path##*/} in clang | clang-[0-9]*) ;; *) continue ;; esac
        version=$("$path" --version 2>/dev/null | sed -n 's/.*clang version \([0-9]*\).*/\1/p')
        at_least "$version" "$clang_min" && return 0
    done
    return 1
}

setup_clang() {
    ! clang_here || return 0
    apt_update "clang $clang_min or newer (compiles ebpf/)"
    package=clang-19
    [ -n "$(candidate "$package")" ] || package=$(newest 'clang-[0-9]*' "$clang_min")
    apt_install "${package:-clang}"
    clang_here || die "apt has no clang of $clang_min or newer: install one and set CLANG to its path"
}

setup_c() {
    have cc || need "a C linker (cc)" gcc libc6-dev
    [ -e /usr/include/bpf/bpf_helpers.h ] || need "bpf/bpf_helpers.h" libbpf-dev
}

install_pinned() {
    say "rustup toolchain install $rust_pinned"
    rustup toolchain install "$rust_pinned" --profile minimal -c rustfmt -c clippy
}

# Where another toolchain would do, the pinned one is tried once and not at every
# make: without a network that takes long to fail.
prefer_pinned() {
    tried=target/setup/tried-rust-$rust_pinned
    [ ! -e "$tried" ] || return 0
    mkdir -p target/setup
    : >"$tried"
    install_pinned || say "$rust_pinned is out of reach; building with $rust_is"
}

# Rust from the distribution: a versioned package, its own, or that of its backports.
install_packaged_rust() {
    package=$(newest 'rustc-[0-9.]*' "$rust_min")
    if [ -n "$package" ]; then
        apt_install "$package" "cargo-${package#rustc-}"
    elif at_least "$(candidate rustc)" "$rust_min"; then
        apt_install rustc cargo
    elif at_least "$(candidate rustc-web)" "$rust_min"; then
        # Debian stable keeps a newer one for its browsers. It and rustup cannot be there together.
        apt_install rustc-web cargo-web
    elif [ -n "$backports" ] && at_least "$(candidate -t "$backports" rustc)" "$rust_min"; then
        apt_install -t "$backports" rustc cargo
    fi
}

# rustup from the distribution, or else by its own installer, as its home page says.
# Neither may be in reach, which is no fault yet: a packaged Rust may do.
install_rustup() {
    if [ -n "$(candidate rustup)" ]; then
        apt_install rustup
        return
    fi
    have curl || apt_install curl
    say "rustup, by its own installer"
    curl --proto '=https' --tlsv1.2 -sSf --connect-timeout 15 https://sh.rustup.rs |
        sh -s -- -y -q --no-modify-path --profile minimal --default-toolchain none || true
    PATH=$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin
    have rustup || say "the installer of rustup is out of reach"
}

setup_rust() {
    if use_rust; then
        case $rust_is in *"in place of"*) prefer_pinned ;; esac
        return 0
    fi
    if ! have rustup; then
        apt_update "Rust $rust_min or newer"
        install_rustup
    fi
    if have rustup && install_pinned && use_rust; then return 0; fi
    apt_update "Rust $rust_min or newer"
    install_packaged_rust
    use_rust || die "no Rust of $rust_min or newer can be had by rustup or apt: install it by hand from rustup.rs, then run this again"
    say "building with $rust_is"
}

setup_rust_tools() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return 0
    if have rustup; then
        say "rustup component add rustfmt clippy"
        rustup component add rustfmt clippy
    else
        need "rustfmt and clippy" rustfmt rust-clippy
    fi
}

mounted() { grep -q " $1 $2 " /proc/mounts; }

# Never with options: they would change the file system for everybody who has it mounted.
mount_at() {
    if [ "$(id -u)" != 0 ]; then
        say "$1 is not mounted on $2; tests of the kernel need it: sudo mount -t $1 $1 $2"
        return 0
    fi
    say "mount -t $1 $1 $2"
    mkdir -p "$2"
    mount -t "$1" "$1" "$2" || say "cannot mount $1 here; tests of the kernel will say what they miss"
}

setup_mounts() {
    mounted /sys/fs/bpf bpf || mount_at bpf /sys/fs/bpf
    mounted /sys/kernel/tracing tracefs || mounted /sys/kernel/debug/tracing tracefs ||
        mount_at tracefs /sys/kernel/tracing
}

# An older Go than the collector's go.mod asks for fetches that one by itself.
setup_go() {
    . scripts/go.sh
    ! use_go "$go_min" || return 0
    apt_update "Go $go_min or newer (builds the OpenTelemetry Collector, and what packs releases)"
    package=$(newest 'golang-1[0-9.]*-go' "$go_min")
    if [ -n "$package" ]; then
        apt_install "$package"
    elif [ -n "$backports" ] && at_least "$(candidate -t "$backports" golang-go)" "$go_min"; then
        apt_install -t "$backports" golang-go
    fi
    use_go "$go_min" || die "apt has no Go of $go_min or newer: install one by hand, then run this again"
}

setup_prometheus() {
    dir=target/e2e/prometheus
    set --
    [ ! -x $dir/usr/bin/promtool ] || return 0
    if have prometheus && have promtool; then return 0; fi
    apt_update "Prometheus"
    say "unpacking Prometheus of this distribution into $dir"
    rm -rf $dir
    mkdir -p $dir/deb
    # Root's apt would rather read as another user, who may not enter here, and says so.
    (
        cd $dir/deb
        # Newer distributions have promtool in a package of its own.
        [ -z "$(candidate promtool)" ] || set -- promtool
        apt-get download -qq prometheus "$@" 2>&1 | sed '/^W: Download is performed unsandboxed/d' >&2
    )
    for deb in "$dir"/deb/*.deb; do dpkg -x "$deb" $dir; done
    [ -x $dir/usr/bin/promtool ] || die "apt's prometheus has no promtool: install both by hand"
    rm -r $dir/deb
}

# Reads pages as Prometheus' own clients do.
setup_prometheus_client() {
    [ -e /usr/lib/python3/dist-packages/prometheus_client ] ||
        need "prometheus_client (a parser of pages)" python3-prometheus-client
}

# Pages for people are looked at as people do.
setup_browser() {
    have chromium || need "Chromium (a browser without a window)" chromium fonts-dejavu-core
}

# libbpf-dev brings libbpf itself, which loads the seed's design.
setup_bench() {
    have bpftrace || need "bpftrace (one of those that are compared)" bpftrace
}

# busybox-static: a busybox that needs libraries would do on this machine, not in the image.
setup_kernels() {
    have qemu-system-x86_64 || need "an emulator (qemu-system-x86_64)" qemu-system-x86
    if ! have busybox || ldd "$(command -v busybox)" >/dev/null 2>&1; then need "a static busybox" busybox-static; fi
    have cpio || need cpio cpio
    have ip || need ip iproute2
    have setpriv || need setpriv util-linux
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || need "the keys of Debian's archive" debian-archive-keyring
}

setup_guide() {
    have curl || need curl curl
    have ip || need ip iproute2
    have setpriv || need setpriv util-linux
    have setcap || need setcap libcap2-bin
    have bpftool || need bpftool bpftool
}

setup_roots() {
    have debootstrap || need debootstrap debootstrap
    have git || need git git
    have unshare || need unshare util-linux
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || need "the keys of Debian's archive" debian-archive-keyring
}

# runc, since crun wants another arrangement of cgroups than some machines have.
setup_image() {
    if ! have podman || ! have runc; then need "an engine that builds images (podman)" podman runc; fi
    have getcap || need getcap libcap2-bin
    have nsenter || need nsenter util-linux
}

setup_arm64() {
    have qemu-aarch64-static || need "programs of 64-bit ARM (qemu-aarch64-static)" qemu-user-static
    have qemu-system-aarch64 || need "machines of 64-bit ARM (qemu-system-aarch64)" qemu-system-arm
    have cpio || need cpio cpio
}

setup_kernel_build() {
    have flex || need flex flex
    have bison || need bison bison
    have bc || need bc bc
    have xz || need xz xz-utils
    [ -e /usr/include/gelf.h ] || need "gelf.h" libelf-dev
}

# Judges deploy/systemd, and starts nothing.
setup_systemd() { have systemd-analyze || need "systemd-analyze (judges the unit)" systemd; }

setup_python() { have python3 || need python3 python3; }

if [ "$goal" = deploy ]; then
    setup_go
    exit
fi
if [ "$goal" = guide ]; then
    setup_python
    setup_guide
    goal=test
fi

case $goal in
    build | run | check | test | e2e | bench | kernels | nobtf | dist)
        setup_c
        setup_clang
        setup_rust
        ;;
    roots | image | arm64) ;;
    *) die "what is '$goal'? One of: build run check test e2e bench kernels nobtf roots image arm64 dist" ;;
esac
case $goal in run) have curl || need curl curl ;; esac
case $goal in check) setup_rust_tools ;; esac
case $goal in check | e2e | bench | kernels | nobtf | roots | image | arm64 | dist) setup_python ;; esac
case $goal in roots | image | arm64) setup_roots ;; esac
case $goal in image) setup_image ;; esac
case $goal in arm64) setup_arm64 ;; esac
case $goal in bench) setup_bench ;; esac
case $goal in kernels | nobtf) setup_kernels ;; esac
case $goal in nobtf) setup_kernel_build ;; esac
case $goal in test | e2e | bench) setup_mounts ;; esac
case $goal in e2e | dist) setup_go ;; esac
case $goal in test) setup_systemd ;; esac
if [ "$goal" = e2e ]; then
    setup_prometheus
    setup_prometheus_client
    setup_browser
fi
