# An apt of our own, for packages of suites that this machine does not run. Sourced by
# fetch and build-nobtf, which say where the cache is. The mirror is the one of this
# machine's apt; TFO_DEBIAN_MIRROR names another where apt is not Debian's.
# shellcheck shell=sh disable=SC2154

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

mirror() {
    if [ -n "${TFO_DEBIAN_MIRROR:-}" ]; then
        echo "$TFO_DEBIAN_MIRROR"
        return
    fi
    # shellcheck disable=SC1091
    [ "$(. /etc/os-release && echo "$ID")" = debian ] || return 0
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
        sed -n '/^[^ ]*-security /d; s/^[^ ]* //p' | head -n 1
}

# private_apt SUITE: an apt that knows this suite and nothing else. How to reach a mirror
# (proxies and the like) is this machine's; that signatures are checked is not up to it.
private_apt() {
    mirror=$(mirror)
    [ -n "$mirror" ] || die "apt has no mirror of Debian here: set TFO_DEBIAN_MIRROR to the address of one"
    [ -e "$keyring" ] || die "$keyring is missing: apt-get install debian-archive-keyring"
    directory=$cache/apt/$1
    mkdir -p "$directory/lists/partial" "$directory/cache/archives/partial"
    echo "deb [signed-by=$keyring] $mirror $1 main" >"$directory/sources.list"
    {
        apt-config dump | grep '^Acquire::' | grep -vi 'insecure\|weak\|IndexTargets'
        for setting in AllowInsecureRepositories AllowWeakRepositories AllowDowngradeToInsecureRepositories; do
            echo "Acquire::$setting \"false\";"
        done
        echo 'APT::Get::AllowUnauthenticated "false";'
        for nothing in main parts sourceparts preferences preferencesparts; do
            echo "Dir::Etc::$nothing \"/dev/null\";"
        done
        echo "Dir::Etc::sourcelist \"$directory/sources.list\";"
        echo "Dir::State \"$directory\"; Dir::State::status \"/dev/null\";"
        echo "Dir::State::lists \"$directory/lists\"; Dir::Cache \"$directory/cache\";"
    } >"$directory/apt.conf"
    export APT_CONFIG="$directory/apt.conf"
    apt-get update -qq
}

# Root's apt would rather read as another user, who may not enter here, and says so.
download() {
    apt-get download -qq "$@" 2>&1 | sed '/^W: Download is performed unsandboxed/d' >&2
}
