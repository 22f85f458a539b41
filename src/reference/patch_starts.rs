/// A patch rule as the shader `patch_starts` knows them. Spec section 4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PatchRule {
    /// H > threshold.
    Global(f32),
    /// H rises by more than the threshold.
    Monotonic(f32),
    /// H > first, and rises by more than the second.
    GlobalAndMonotonic(f32, f32),
    /// After the first space-like byte of a run.
    Space,
    /// Every so many bytes.
    Static(u32),
    /// Every byte.
    Byte,
    /// After a delimiter id (3).
    Delimiter,
}

/// Twin of `patch_starts`: pushed position by position, it says whether a patch
/// starts at the next one, and which patch that position is in (the patch that
/// holds BOS alone is not counted).
#[derive(Clone, Debug)]
pub struct PatchScan {
    rule: PatchRule,
    max_length: Option<u32>,
    position: u64,
    previous: Option<(u32, f32)>,
    distance: u32,
    patches: u64,
}

impl PatchScan {
    /// A scan before its first position. `max_length` is the longest patch.
    #[must_use]
    pub fn new(rule: PatchRule, max_length: Option<u32>) -> Self {
        Self {
            rule,
            max_length,
            position: 0,
            previous: None,
            distance: 0,
            patches: 0,
        }
    }

    /// Takes the token id and entropy of the next position.
    pub fn push(&mut self, id: u32, entropy: f32) -> (bool, u64) {
        let rise = self.previous.map_or(0.0, |(_, before)| entropy - before);
        let first = self.position == 0;
        let starts = first
            || match self.rule {
                PatchRule::Global(threshold) => entropy > threshold,
                PatchRule::Monotonic(threshold) => self.position == 1 || rise > threshold,
                PatchRule::GlobalAndMonotonic(threshold, add) => match self.position {
                    1 => true,
                    2 => false,
                    _ => rise > add && entropy > threshold,
                },
                PatchRule::Space => {
                    let before = self.previous.is_some_and(|(id, _)| space_like(id));
                    id < 4 || (space_like(id) && !before)
                }
                PatchRule::Static(size) => self.position.is_multiple_of(u64::from(size)),
                PatchRule::Byte => true,
                PatchRule::Delimiter => id == 3,
            };
        self.distance = if starts { 0 } else { self.distance + 1 };
        let cut = self
            .max_length
            .is_some_and(|m| self.distance.is_multiple_of(m));
        self.position += 1;
        self.previous = Some((id, entropy));
        self.patches += u64::from(starts || cut);
        (starts || cut, self.patches - 1)
    }
}

fn space_like(id: u32) -> bool {
    // Special ids are.
    let Some(byte) = id.checked_sub(4) else {
        return true;
    };
    !(matches!(byte, 0x30..=0x39 | 0x41..=0x5a | 0x61..=0x7a | 0x80..=0xbf))
}
