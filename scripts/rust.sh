# Finds the Rust to build with. Sourced by scripts/cargo and scripts/setup.sh.
#
# use_rust puts a cargo into reach (PATH, RUSTUP_TOOLCHAIN) whose rustc is not
# older than rust-version in Cargo.toml, sets rust_is to a word about it, and
# fails if there is none. The first of these wins: the toolchain that
# rust-toolchain.toml pins; the newest other one that rustup has; a cargo
# without rustup. It never downloads anything.
# shellcheck shell=sh disable=SC2034

root=${root:?the file that sources this one says where the checkout is}
rust_min=$(sed -n 's/^rust-version *= *"\(.*\)".*/\1/p' "$root/Cargo.toml")
rust_pinned=$(sed -n 's/^channel *= *"\(.*\)".*/\1/p' "$root/rust-toolchain.toml")

# at_least 1.90.1 1.88: is the first version not older than the second?
at_least() {
    [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# The version that "CMD... --version" prints as its second word, or nothing.
version_of() {
    "$@" --version 2>/dev/null | sed -n '1s/^[a-z]* \([0-9.]*\).*/\1/p'
}

rustup_has_pinned() {
    rustup toolchain list 2>/dev/null | grep -q "^$rust_pinned\(-\| \|\$\)"
}

# The newest toolchain of rustup that is new enough; a nightly only for want of others.
newest_of_rustup() {
    for toolchain in $(rustup toolchain list 2>/dev/null | sed -n 's/^\([^ ]*-[^ ]*\).*/\1/p'); do
        version=$(version_of rustup run "$toolchain" rustc)
        at_least "$version" "$rust_min" || continue
        case $toolchain in
            nightly*) echo "0 $version $toolchain" ;;
            *) echo "1 $version $toolchain" ;;
        esac
    done | sort -k1,1n -k2,2V | tail -n 1 | cut -d' ' -f3
}

use_rust() {
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin
    if command -v rustup >/dev/null; then
        if [ -n "${RUSTUP_TOOLCHAIN:-}" ] &&
            at_least "$(version_of rustup run "$RUSTUP_TOOLCHAIN" rustc)" "$rust_min"; then
            rust_is="toolchain $RUSTUP_TOOLCHAIN, as RUSTUP_TOOLCHAIN says"
            return 0
        fi
        if rustup_has_pinned; then
            unset RUSTUP_TOOLCHAIN
            rust_is="pinned toolchain $rust_pinned"
            return 0
        fi
        toolchain=$(newest_of_rustup)
        if [ -n "$toolchain" ]; then
            export RUSTUP_TOOLCHAIN="$toolchain"
            rust_is="toolchain $toolchain in place of the pinned $rust_pinned"
            return 0
        fi
    elif at_least "$(version_of rustc)" "$rust_min" && command -v cargo >/dev/null; then
        rust_is="rustc $(version_of rustc) from $(command -v rustc)"
        return 0
    fi
    # Debian and Ubuntu put versioned packages (rustc-1.89) into a directory of their own.
    for dir in $(printf '%s\n' /usr/lib/rust-*/bin /usr/bin | sort -rV); do
        if [ ! -x "$dir/cargo" ] || [ -x "$dir/rustup" ]; then continue; fi
        at_least "$(version_of "$dir/rustc")" "$rust_min" || continue
        PATH=$dir:$PATH
        rust_is="rustc $(version_of "$dir/rustc") from $dir"
        return 0
    done
    return 1
}
