//! Another monitor, or another size of everything: the strips stay on their bytes.

use super::bare::Bare;

#[test]
fn strips_stay_on_their_bytes_at_every_scale() {
    let text = "한글 and Latin letters, some of them wide: WWW iii, and a line\nthat ends.";
    let mut bare = Bare::of(text.as_bytes());
    for scale in [1.0f32, 1.25, 2.0, 3.0, 0.75, 1.5, 1.0] {
        bare.harness.ctx.set_pixels_per_point(scale);
        bare.harness.run_steps(3);
        let (_, layout) = bare.app().patch.layout();
        let mut seen = 0;
        for (byte, value) in text.bytes().enumerate() {
            let place = layout.rectangle(byte);
            let Some(place) = place.filter(|_| value != b'\n') else {
                continue;
            };
            assert!(place.width() > 0.0, "{scale}, {byte}");
            let found = layout.byte_at(place.center());
            assert_eq!(found, Some(byte), "{scale}: {place:?}");
            seen += 1;
        }
        assert_eq!(seen, text.len() - 1, "all bytes but the line feed");
        assert_eq!(bare.text(), text);
    }
}
