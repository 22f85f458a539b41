//! `blt-bindgen IN.wasm OUT`: makes a module for pages. It is wasm-bindgen's own library,
//! so its version is that of the lock file, and it builds in a third of the command's time.
//! The page's font for emoji comes from a crate too, and is written beside it.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut paths = std::env::args_os().skip(1);
    let (Some(wasm), Some(out)) = (paths.next(), paths.next()) else {
        eprintln!("blt-bindgen: name the wasm file and the folder to write to");
        return ExitCode::from(2);
    };
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen
        .input_path(wasm)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true);
    let made = bindgen.web(true).and_then(|bindgen| bindgen.generate(&out));
    match made.and_then(|()| Ok(write_emoji(out.as_ref())?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("blt-bindgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn write_emoji(out: &Path) -> std::io::Result<()> {
    let fonts = out.join("fonts");
    std::fs::create_dir_all(&fonts)?;
    std::fs::write(
        fonts.join("emoji.ttf"),
        epaint_default_fonts::NOTO_EMOJI_REGULAR,
    )
}
