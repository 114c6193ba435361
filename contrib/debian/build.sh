#!/bin/sh
# build.sh OUT VERSION [ARCH SYSROOT NATIVE]: the Debian package, from the files under version control (or, without git, from all
# that is not built), in a tree of its own below OUT. For another architecture: the directory of its libraries
# (contrib/sysroot.sh), and that of programs of ours which run here.
set -eu
out=$1 version=$2 arch=${3:-}
tree=$out/roost-$version
command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null || {
    echo 'make deb: dpkg-buildpackage and dh are not here: apt-get install dpkg-dev debhelper' >&2
    exit 1
}
rm -rf "$out"
mkdir -p "$tree"
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -z
else
    find . -path ./build -prune -o -type f -print0
fi | tar --null --no-recursion -cf - -T - | tar -xf - -C "$tree"
cp -r "$tree/contrib/debian" "$tree/debian"
rm "$tree/debian/build.sh"
chmod 0755 "$tree/debian/rules"
mkdir -p "$tree/debian/source"
echo '3.0 (native)' >"$tree/debian/source/format"
# The day of the manual of roost, so that the same sources make the same package.
day=$(sed -n 's/^\.Dd //p' contrib/man/roost.1)
printf 'roost (%s) unstable; urgency=medium\n\n  * This is roost %s.\n\n -- %s  %s\n' "$version" "$version" \
    "$(sed -n 's/^Maintainer: //p' contrib/debian/control)" "$(date -R -u -d "$day")" >"$tree/debian/changelog"
if [ -n "$arch" ]; then
    cp "$4/shlibs" "$tree/debian/shlibs.local"
    export ROOST_SYSROOT="$4" ROOST_NATIVE="$5"
    set -- -a"$arch" -d
else
    set --
fi
cd "$tree"
unset MAKEFLAGS MFLAGS MAKELEVEL BUILD
exec dpkg-buildpackage "$@" -us -uc -b ${DEB_JOBS:--j2}
