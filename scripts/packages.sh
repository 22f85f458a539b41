# Sourced by the scripts beside it: finds out what this machine lacks, says so,
# and installs it. Only Linux ever lacks anything: macOS and Windows bring their
# linker and their graphics drivers along.
#
# BLT_SETUP=no goes on without installing anything.
# shellcheck shell=bash disable=SC2034

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
missing=""
reasons=""

say() { printf "%s\n" "$*" >&2; }

# need PACKAGES REASON
need() {
    missing="$missing $1"
    reasons="$reasons  $1: $2
"
}

on_linux() { [ "$(uname -s)" = Linux ]; }

need_rust() {
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    if ! command -v cargo >/dev/null; then
        say "Rust is not installed: get it from https://rustup.rs, then run this again."
        exit 1
    fi
}

need_linker() {
    on_linux || return 0
    command -v cc >/dev/null || need "gcc libc6-dev" "the linker that the Rust compiler calls"
}

need_vulkan() {
    on_linux || return 0
    has_vulkan_loader || need "libvulkan1" "the library through which programs find Vulkan drivers"
    has_vulkan_driver || need "mesa-vulkan-drivers" \
        "Mesa's Vulkan drivers, because there is none here: Intel's, AMD's, and one that runs on the CPU"
}

need_spirv_val() {
    on_linux || return 0
    command -v spirv-val >/dev/null || need "spirv-tools" "spirv-val, with which a test checks the shaders"
}

# Texts of the window's tests are partly Korean.
need_cjk_font() {
    on_linux || return 0
    command -v fc-list >/dev/null || need "fontconfig" "the library that finds the fonts of the system"
    [ -n "$(fc-list :lang=ko 2>/dev/null)" ] ||
        need "fonts-noto-cjk" "a font with Korean letters, which tests of the window show"
}

# The window's libraries are opened when it opens, and a desktop has them.
need_desktop() {
    on_linux || return 0
    command -v Xvfb >/dev/null || need "xvfb" "a display without a screen, for a test of the window"
    command -v xdotool >/dev/null || need "xdotool" "pointer and keyboard for a test of the window"
    command -v xclip >/dev/null || need "xclip" "a clipboard for a test of the window"
    command -v import >/dev/null || need "imagemagick" "pictures of the display for a test of the window"
    local library package
    for library in libX11-xcb.so.1:libx11-xcb1 libXcursor.so.1:libxcursor1 libXi.so.6:libxi6 \
        libxkbcommon-x11.so.0:libxkbcommon-x11-0; do
        package=${library#*:}
        has_library "${library%:*}" || need "$package" "what windows on Linux are made with"
    done
}

# Debian has the module that makes environments in a package of its own.
need_python() {
    on_linux || return 0
    python3 -c 'import ensurepip, venv' 2>/dev/null ||
        need "python3 python3-venv" "Python, for the tests of its module"
    command -v java >/dev/null || need "default-jre-headless" "Java, for an example that runs on Spark"
}

need_browser() {
    on_linux || return 0
    command -v chromium >/dev/null || command -v google-chrome >/dev/null ||
        need "chromium" "a browser, for a test of the page"
    command -v npm >/dev/null || need "nodejs npm" "what drives that browser, and fetches the page's fonts"
}

has_vulkan_loader() { has_library libvulkan.so.1; }

has_library() {
    case $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) in
    *"$1"*) return 0 ;;
    *) return 1 ;;
    esac
}

# A driver is a JSON file in one of the folders in which the Vulkan loader looks.
has_vulkan_driver() {
    [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}${VK_ADD_DRIVER_FILES:-}" ] || return 0
    local folder file
    for folder in "${XDG_CONFIG_HOME:-$HOME/.config}" "${XDG_DATA_HOME:-$HOME/.local/share}" \
        /etc /etc/xdg /usr/share /usr/local/etc /usr/local/share; do
        for file in "$folder"/vulkan/icd.d/*.json; do
            [ -e "$file" ] && return 0
        done
    done
    return 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

update_lists() {
    as_root apt-get -qq update >&2 || say "The package lists could not be refreshed; going on with the old ones."
}

# apt_install PACKAGE...: quietly, unless it fails.
apt_install() {
    local log
    log=$(mktemp)
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

install_missing() {
    [ -n "$missing" ] || return 0
    [ "${BLT_SETUP:-}" != no ] || return 0
    say "This machine lacks:"
    say "$reasons"
    if ! command -v apt-get >/dev/null; then
        say "There is no apt-get here, so please install these yourself (the names are Debian's; other"
        say "distributions name them alike) and run this again, or go on without them: BLT_SETUP=no"
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        say "Installing them needs root, and there is no sudo here. As root:"
        say "  apt-get update && apt-get install --no-install-recommends$missing"
        exit 1
    fi
    say "Installing with apt-get:$missing"
    update_lists
    # shellcheck disable=SC2086  # a list of names
    if ! apt_install $missing; then
        say "apt-get could not install them; its last words are above."
        exit 1
    fi
    say "Done."
    say
}
