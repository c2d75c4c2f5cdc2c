# Finds the Go that builds the collector of tests/e2e. Sourced, after rust.sh
# (at_least), by scripts/setup.sh and tests/e2e/build-collector.
# shellcheck shell=sh

# use_go MIN: puts into PATH a go that is not older than MIN; fails if there is none.
use_go() {
    for dir in '' /usr/local/go/bin $(printf '%s\n' /usr/lib/go-*/bin | sort -rV); do
        go=${dir:+$dir/}go
        at_least "$(GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null | sed 's/^go//')" "$1" || continue
        PATH=${dir:+$dir:}$PATH
        return 0
    done
    return 1
}
