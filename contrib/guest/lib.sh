# What the guest builders share. Sourced by debian.sh and micro.sh.

say() { printf '%s: %s\n' "$PROG" "$*"; }
die() { printf '%s: %s\n' "$PROG" "$*" >&2; exit 1; }

# need PROGRAM PACKAGE: refuses to begin without it, and says what would help.
need() {
    command -v "$1" >/dev/null 2>&1 || PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 ||
        die "$1 is missing: apt-get install $2"
}

# stamp FILE…: one hash over the builder's inputs.
stamp() {
    { cat "$@"; printf '%s\n' "$BUILD_INPUTS"; } | sha256sum | cut -d' ' -f1
}

# keep_if_fresh OUTDIR STAMP: ends the program when the output was built from these very inputs.
keep_if_fresh() {
    if [ "$(cat "$1/stamp" 2>/dev/null)" = "$2" ]; then
        say "$1 is up to date"
        exit 0
    fi
}

# publish TEMPDIR OUTDIR: nobody ever sees a half-built directory.
publish() {
    chmod 755 "$1"
    if [ -e "$2" ]; then
        mv -T "$2" "$1.old"
    fi
    mv -T "$1" "$2"
    rm -rf "$1.old"
}

# module_closure MODULES_DIR NAME…: the files to insert, in order, one per line, relative to
# MODULES_DIR. Names that are built into the kernel are left out; unknown ones are an error.
# modules.dep lists the dependencies of a module so that the last one is to be inserted first.
module_closure() {
    dir=$1
    shift
    for name; do
        printf '%s\n' "$name"
    done | awk -v dep="$dir/modules.dep" -v builtin="$dir/modules.builtin" '
        function base(path) { sub(/.*\//, "", path); sub(/\.ko.*/, "", path); gsub(/-/, "_", path); return path }
        BEGIN {
            while ((getline line < dep) > 0) {
                n = split(line, part, /:? +|:$/)
                deps[base(part[1])] = line
            }
            while ((getline line < builtin) > 0)
                in_kernel[base(line)] = 1
        }
        {
            name = base($1)
            if (name in in_kernel)
                next
            if (!(name in deps)) {
                print "no module " $1 > "/dev/stderr"
                exit 1
            }
            n = split(deps[name], part, /:? +|:$/)
            for (i = n; i >= 1; i--)
                if (part[i] != "" && !(part[i] in seen)) {
                    seen[part[i]] = 1
                    print part[i]
                }
        }'
}

# initramfs TREE FILE: uncompressed, since decompression costs an emulated CPU more than the bytes do.
initramfs() {
    (cd "$1" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$2"
}
