#!/usr/bin/env bash
# Cuts the fonts of the window down to Latin, Greek, Cyrillic, punctuation and
# symbols. Needs fonttools (`pip install fonttools`) and the folders with the
# whole fonts: subset.sh INTER_FOLDER JETBRAINS_MONO_FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
characters="U+0000-024F,U+0370-03FF,U+0400-04FF,U+1E00-1EFF,U+2000-209F,U+20A0-20BF,U+2100-214F,U+2190-23FF,U+2400-2426,U+2500-25FF,U+2600-2604,U+2713,U+2715,U+2717,U+FFFD"
for weight in Regular SemiBold; do
    pyftsubset "$1/Inter-$weight.otf" --unicodes="$characters" --name-IDs='*' \
        --layout-features=kern,tnum,calt,ccmp,locl,mark,mkmk,case,zero \
        --output-file="$here/Inter-$weight.otf"
done
pyftsubset "$2/JetBrainsMono-Regular.ttf" --unicodes="$characters" --name-IDs='*' \
    --layout-features=kern,ccmp,locl,mark,mkmk,zero \
    --output-file="$here/JetBrainsMono-Regular.ttf"
