//! What the window looks like, pixel by pixel.

use egui_kittest::SnapshotOptions;

use super::{Hand, plain};
use crate::device::DeviceClass;
use crate::window::screens::Screen;
use crate::window::theme::{self, Palette};
use crate::window::{App, AppOptions};

#[test]
fn bars_are_as_high_and_as_deep_as_their_entropies() {
    let mut hand = Hand::open(AppOptions {
        text: Some("The quick brown fox jumps over the lazy dog.".into()),
        ..plain()
    });
    hand.settle();
    let image = hand.harness.render().unwrap();
    let app = hand.harness.state();
    let palette = Palette::of_theme(egui::Theme::Light);
    let entropies = app.patch.text.entropies();
    let (origin, layout) = app.patch.layout();
    let ground = palette.background;
    let mut checked = 0;
    for slot in &layout.slots {
        let entropy = entropies[slot.byte as usize];
        if app.patch.text.starts()[slot.byte as usize] {
            // The dot of the threshold lies on the bar.
            continue;
        }
        let x = origin.x + (slot.left + slot.right) / 2.0;
        let foot = origin.y + slot.foot;
        let height = (entropy / theme::MOST).min(1.0) * theme::BARS.staff;
        let threshold = app.patch.text.cutting().threshold / theme::MOST * theme::BARS.staff;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "places of pixels"
        )]
        let at = |above: f32| image.get_pixel(x as u32, (foot - above) as u32).0;
        for above in 1_u8..28 {
            let above = f32::from(above);
            if (above - threshold).abs() < 2.0 || (above - height).abs() < 1.5 {
                continue;
            }
            let wanted = match above < height {
                true => palette.entropy(entropy),
                false => ground,
            };
            let found = at(above);
            for (wanted, found) in wanted.to_array().iter().zip(found).take(3) {
                assert!(
                    wanted.abs_diff(found) <= 2,
                    "byte {} ({entropy} nats) {above} points above its foot: {found:?}, not {wanted:?}",
                    slot.byte
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 500, "{checked}");
}

fn looks_as_it_did(name: &str, theme: egui::Theme, screen: Screen) {
    let options = AppOptions {
        theme: Some(theme),
        screen: Some(screen),
        ..plain()
    };
    let mut hand = Hand::of_size(&options, [1000.0, 640.0]);
    hand.settle();
    let software = hand.devices.graphics().unwrap().summary().class == DeviceClass::Software;
    hand.harness.state_mut().hide_machine();
    hand.harness.step();
    // Drivers round the edges of letters and bars differently.
    let most = if software { 0 } else { 4000 };
    let options = SnapshotOptions::new()
        .output_path("tests/snapshots/window")
        .max_failed_pixels(most);
    hand.harness.snapshot_options(name, &options);
}

#[test]
fn the_patch_screen_looks_as_it_did_in_light() {
    looks_as_it_did("patch_light", App::LIGHT, Screen::Patch);
}

#[test]
fn the_patch_screen_looks_as_it_did_in_dark() {
    looks_as_it_did("patch_dark", App::DARK, Screen::Patch);
}

#[test]
fn the_compare_screen_looks_as_it_did() {
    looks_as_it_did("compare_light", App::LIGHT, Screen::Compare);
}

/// Where shaders cannot read buffers, triangles show the same.
#[test]
fn triangles_show_what_the_shaders_show() {
    for figure in [false, true] {
        let mut hand = Hand::of_size(&plain(), [1000.0, 640.0]);
        hand.settle();
        if figure {
            hand.harness.state_mut().patch.toggle_curve();
            hand.harness.step();
        }
        let shaders = hand.harness.render().unwrap();
        crate::window::staff::draw_triangles(&hand.harness.ctx);
        hand.harness.step();
        let triangles = hand.harness.render().unwrap();
        let pairs = shaders.pixels().zip(triangles.pixels());
        let (mut differ, mut strongly) = (0, 0);
        for (a, b) in pairs {
            let most = a.0.iter().zip(b.0).map(|(a, b)| a.abs_diff(b)).max();
            differ += usize::from(most > Some(8));
            strongly += usize::from(most > Some(96));
        }
        // The edges of dots and of the curve are soft in another way.
        assert!(differ < 2400, "{figure}: {differ} pixels");
        assert!(strongly < 240, "{figure}: {strongly} pixels");
        assert!(differ > 0, "both were drawn by the same");
    }
}
