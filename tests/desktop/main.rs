//! A real window on a display of its own, used with pointer and keyboard and looked
//! at as a person would: only what is on the screen counts.
//!
//! Needs Xvfb, xdotool, xclip, ImageMagick and a font with Korean letters:
//! `scripts/test desktop` installs them and runs this.

#![cfg(all(target_os = "linux", feature = "window"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a test may fail loudly, and a screen is small"
)]

mod desk;
mod picture;

use std::time::Duration;

use desk::{Desk, Spoken, until};
use picture::{Picture, Staff};

const LATIN: &str = "The quick brown fox jumps over the lazy dog.";
const KOREAN: &str = " 안녕하세요";
const SYLLABLES: usize = 5;
/// Width of a Latin letter in points, and here in pixels.
const LETTER: f32 = 12.0;

/// Left and right edges of the bytes of a text of one line: letters, then Korean
/// syllables that share the rest of the line.
fn slots(staff: &Staff, text: &str) -> Vec<(f32, f32)> {
    let latin = text.chars().take_while(char::is_ascii).count();
    let wide = text.chars().count() - latin;
    let begin = staff.left as f32 + LETTER * latin as f32;
    let width = (staff.right as f32 - begin) / wide.max(1) as f32;
    let mut at = staff.left as f32;
    let mut slots = Vec::new();
    for character in text.chars() {
        let whole = if character.is_ascii() { LETTER } else { width };
        let bytes = character.len_utf8();
        let each = whole / bytes as f32;
        slots.extend((0..bytes).map(|byte| {
            let left = at + each * byte as f32;
            (left, left + each)
        }));
        at += whole;
    }
    slots
}

/// Whether the staff shows what `blt entropy` says about a text.
fn shows(picture: &Picture, text: &str, spoken: &Spoken) -> Result<Staff, String> {
    let staff = picture.staff()?;
    let slots = slots(&staff, text);
    for (byte, (slot, entropy)) in slots.iter().zip(&spoken.entropies).enumerate() {
        picture
            .bar(&staff, *slot, *entropy)
            .map_err(|why| format!("byte {byte}, {entropy} nats: {why}"))?;
    }
    Ok(staff)
}

/// The bytes whose bars carry a dot.
fn dots(picture: &Picture, staff: &Staff, text: &str, spoken: &Spoken) -> Vec<bool> {
    slots(staff, text)
        .iter()
        .zip(&spoken.entropies)
        .map(|(slot, entropy)| picture.dot(staff, *slot, *entropy))
        .collect()
}

/// Where the Korean syllables at the end of the line are: left edges, and a width
/// that all of them have.
fn syllables(staff: &Staff, text: &str) -> Vec<(u32, u32)> {
    let slots = slots(staff, text);
    slots[slots.len() - 3 * SYLLABLES..]
        .chunks(3)
        .map(|of| (of[0].0.round() as u32, (of[2].1 - of[0].0) as u32))
        .collect()
}

#[test]
#[ignore = "needs Xvfb, xdotool, xclip, ImageMagick and a Korean font; scripts/test desktop runs it"]
fn a_window_is_used_with_pointer_and_keyboard() {
    let mut desk = Desk::open();
    let mut window = desk.window(&["--text", LATIN], &[]);
    let spoken = desk.spoken(LATIN);
    let staff = until("the numbers of the text", || {
        shows(&desk.look(), LATIN, &spoken)
    });
    let seen = dots(&desk.look(), &staff, LATIN, &spoken);
    assert_eq!(seen, spoken.starts, "dots are where patches start");

    // Keys reach a window that has the focus, and an editor that was clicked into.
    desk.click(staff.left + 30, staff.foot + 15);
    desk.hand(&["key", "ctrl+End"]);
    desk.paste(KOREAN);
    desk.point((600, 500));
    let text = format!("{LATIN}{KOREAN}");
    let spoken = desk.spoken(&text);
    let staff = until("the numbers of the pasted text", || {
        shows(&desk.look(), &text, &spoken)
    });
    let still = desk.still();
    let seen = dots(&still, &staff, &text, &spoken);
    assert_eq!(seen, spoken.starts, "dots are where patches start");
    // A box in place of a letter is the same for all of them, and bytes in hex are
    // lighter than any letter.
    let letters: Vec<Vec<bool>> = syllables(&staff, &text)
        .into_iter()
        .map(|(left, width)| still.ink(left, width, staff.foot))
        .collect();
    for (index, letter) in letters.iter().enumerate() {
        let dark = letter.iter().filter(|dark| **dark).count();
        assert!(dark > 20, "syllable {index} has {dark} dark pixels");
        for other in &letters[..index] {
            let differ = letter.iter().zip(other).filter(|(a, b)| a != b).count();
            assert!(differ > 20, "syllable {index} looks like another one");
        }
    }

    // At rest nothing runs. What is late may come once.
    until("rest", || {
        let before = window.ticks();
        std::thread::sleep(Duration::from_secs(2));
        match window.ticks() - before {
            0..=2 => Ok(()),
            ticks => Err(format!("{ticks} ticks in two seconds")),
        }
    });

    let few = seen.iter().filter(|dot| **dot).count();
    desk.drag((300, staff.threshold), (300, staff.foot - 20));
    desk.point((600, 500));
    let (moved, now) = until("a threshold that is higher", || {
        let picture = desk.look();
        let moved = shows(&picture, &text, &spoken)?;
        if moved.threshold + 5 > staff.threshold {
            return Err(format!("the line is in row {}", moved.threshold));
        }
        Ok((moved, dots(&picture, &moved, &text, &spoken)))
    });
    assert_eq!(moved.foot, staff.foot);
    assert!(moved.threshold.abs_diff(staff.foot - 20) <= 1, "{moved:?}");
    let left = now.iter().filter(|dot| **dot).count();
    assert!(0 < left && left < few, "{left} of {few} dots are left");
    for (byte, (dot, entropy)) in now.iter().zip(&spoken.entropies).enumerate().skip(1) {
        // The line is in a whole pixel.
        if (entropy - moved.nats()).abs() > 0.2 {
            assert_eq!(*dot, *entropy > moved.nats(), "byte {byte}, {entropy} nats");
        }
    }

    let before = desk.still();
    window.resize(60, 40);
    until("a very small window", || {
        let size = window.size();
        if size != (60, 40) || desk.look().differing(&before) < 100_000 {
            return Err(format!("it is {size:?}"));
        }
        Ok(())
    });
    desk.still();
    window.resize(1280, 800);
    until("what it looked like before", || {
        match desk.look().differing(&before) {
            0..=500 => Ok(()),
            pixels => Err(format!("{pixels} pixels differ")),
        }
    });

    // Who pastes from a program that has ended is told so, above the text.
    window.focus();
    desk.click(staff.left + 30, staff.foot + 15);
    let quiet = desk.still();
    desk.clear_clipboard();
    desk.hand(&["key", "ctrl+v"]);
    until("a notice", || match desk.look().changed(&quiet, 1280) {
        Some([_, top, ..]) if top < 100 => Ok(()),
        other => Err(format!("{other:?} has changed")),
    });

    desk.hand(&["key", "ctrl+q"]);
    window.end();
}

/// A surface can be configured only while the device has nothing to do, and here a
/// model always has.
#[test]
#[ignore = "needs Xvfb, xdotool, xclip and ImageMagick; scripts/test desktop runs it"]
fn a_window_is_resized_while_the_model_works() {
    let desk = Desk::open();
    let file = desk.file("long.txt", &format!("{LATIN}\n").repeat(20_000));
    let mut window = desk.window(&["--screen", "file", &file], &[]);
    for round in 0..20 {
        window.resize(900 + 10 * round, 600 + 7 * round);
        std::thread::sleep(Duration::from_millis(150));
    }
    assert_eq!(window.size(), (1090, 733));
    window.focus();
    desk.hand(&["key", "ctrl+q"]);
    window.end();
}

#[test]
#[ignore = "needs Xvfb, xdotool, xclip and ImageMagick; scripts/test desktop runs it"]
fn without_any_font_bytes_are_shown_in_hex() {
    let desk = Desk::open();
    let fonts = desk.file(
        "fonts.conf",
        "<?xml version=\"1.0\"?><fontconfig></fontconfig>",
    );
    let text = format!("{LATIN}{KOREAN}");
    let environment = [("FONTCONFIG_FILE", fonts.as_str())];
    let mut window = desk.window(&["--text", &text], &environment);
    let spoken = desk.spoken(&text);
    let staff = until("the numbers of the text", || {
        shows(&desk.look(), &text, &spoken)
    });
    let picture = desk.still();
    let places = syllables(&staff, &text);
    for (index, (left, width)) in places.iter().enumerate() {
        let ink = picture.ink(*left, *width, staff.foot);
        assert!(ink.iter().all(|dark| !dark), "syllable {index} is drawn");
    }
    let hex: Vec<Vec<bool>> = places
        .iter()
        .map(|(left, width)| picture.grey(*left, *width, staff.foot))
        .collect();
    for (index, digits) in hex.iter().enumerate() {
        let seen = digits.iter().filter(|grey| **grey).count();
        assert!(seen > 20, "syllable {index} has no bytes: {seen} pixels");
        for other in &hex[..index] {
            assert!(digits != other, "syllable {index} looks like another one");
        }
    }
    window.focus();
    desk.hand(&["key", "ctrl+q"]);
    window.end();
}

/// What is dark where the ground is white.
fn is_dim(picture: &Picture) -> bool {
    picture.pixel(5, 500)[0] < 200
}

fn wait_for(desk: &Desk, what: &str, is: impl Fn(&Picture) -> bool) -> Picture {
    until(what, || {
        let picture = desk.look();
        if is(&picture) {
            return Ok(picture);
        }
        Err("the screen shows something else".to_owned())
    })
}

#[test]
#[ignore = "needs Xvfb, xdotool, xclip and ImageMagick; scripts/test desktop runs it"]
fn menu_palette_and_keys_do_what_they_say() {
    let desk = Desk::open();
    let mut window = desk.window(&[], &[]);
    let first = "Daenerys Targaryen is in Game of Thrones";
    let spoken = desk.spoken(first);
    until("the first text", || shows(&desk.look(), first, &spoken));

    // The menu, with the pointer: the first of the sample texts.
    let menu = (1227, 30);
    desk.click(menu.0, menu.1);
    let open = wait_for(&desk, "the menu", |picture| picture.arrows().len() > 3);
    let samples = open.arrows()[1];
    desk.click(1100, samples);
    let list = until("the list of samples", || {
        let found = desk.still().changed(&open, 980);
        found.ok_or_else(|| "nothing has changed".to_owned())
    });
    assert!(list[3] - list[1] > 200, "{list:?}");
    desk.click(list[0].midpoint(list[2]), list[1] + 20);
    desk.point((600, 600));
    let sample = blt::samples::SAMPLES[0].bytes;
    let line = String::from_utf8(sample[..50].to_vec()).unwrap();
    let spoken_sample = desk.spoken(&line);
    until("the sample", || shows(&desk.look(), &line, &spoken_sample));

    // The palette, with the keyboard: a command, and a path that is typed.
    let white = desk.look();
    desk.hand(&["key", "ctrl+k"]);
    desk.write("theme dark");
    desk.hand(&["key", "Return"]);
    wait_for(&desk, "the dark", |picture| picture.pixel(5, 500)[0] < 60);
    desk.hand(&["key", "ctrl+k"]);
    desk.write("theme light");
    desk.hand(&["key", "Return"]);
    wait_for(&desk, "the light", |picture| {
        picture.pixel(5, 500) == white.pixel(5, 500)
    });
    let path = desk.file("notes.txt", LATIN);
    desk.hand(&["key", "ctrl+k"]);
    desk.write(&path);
    desk.hand(&["key", "Return"]);
    let spoken_file = desk.spoken(LATIN);
    let staff = until("the file", || shows(&desk.look(), LATIN, &spoken_file));

    // What is done is undone in its order: letters, then the file.
    desk.click(staff.left + 30, staff.foot + 15);
    desk.hand(&["key", "ctrl+End"]);
    desk.write("!");
    desk.point((600, 600));
    let longer = format!("{LATIN}!");
    let spoken_longer = desk.spoken(&longer);
    until("a letter more", || {
        shows(&desk.look(), &longer, &spoken_longer)
    });
    desk.hand(&["key", "ctrl+z"]);
    until("the file again", || {
        let staff = shows(&desk.look(), LATIN, &spoken_file)?;
        // The letter behind it is gone.
        let width = LATIN.len() as u32 * LETTER as u32;
        match staff.right.abs_diff(staff.left + width) {
            0..4 => Ok(()),
            _ => Err(format!("{staff:?}")),
        }
    });
    desk.hand(&["key", "ctrl+z"]);
    desk.point((600, 600));
    until("the sample again", || {
        shows(&desk.look(), &line, &spoken_sample)
    });
    desk.hand(&["key", "ctrl+shift+z"]);
    desk.point((600, 600));
    until("the file once more", || {
        shows(&desk.look(), LATIN, &spoken_file)
    });

    // The sheet of keys lies above all, and goes.
    desk.hand(&["key", "F1"]);
    wait_for(&desk, "the sheet of keys", is_dim);
    desk.hand(&["key", "Escape"]);
    wait_for(&desk, "the screen without it", |picture| !is_dim(picture));

    // Where there are no dialogs, that is said above the text.
    let staff = desk.look().staff().unwrap();
    desk.hand(&["key", "ctrl+o"]);
    until("the sentence", || {
        let moved = desk.look().staff()?;
        match moved.foot > staff.foot + 30 {
            true => Ok(()),
            false => Err(format!("{moved:?}")),
        }
    });
    desk.click(70, 83);
    until("the screen without it", || {
        let moved = desk.look().staff()?;
        match moved.foot == staff.foot {
            true => Ok(()),
            false => Err(format!("{moved:?}")),
        }
    });

    // Each screen by its keys.
    let mut tabs = Vec::new();
    for key in ["ctrl+1", "ctrl+2", "ctrl+3", "ctrl+4"] {
        desk.hand(&["key", key]);
        let last = tabs.last().copied();
        let picture = wait_for(&desk, key, |picture| {
            picture.tab().is_some_and(|tab| Some(tab) > last)
        });
        tabs.extend(picture.tab());
    }
    assert!(tabs.is_sorted() && tabs.len() == 4, "{tabs:?}");

    desk.hand(&["key", "ctrl+q"]);
    window.end();
    // The text is there again the next time.
    assert_eq!(desk.kept().as_deref(), Some(LATIN.as_bytes()));
    let mut window = desk.window(&[], &[]);
    until("the text of the last time", || {
        shows(&desk.look(), LATIN, &spoken_file)
    });
    desk.hand(&["key", "ctrl+q"]);
    window.end();
}
