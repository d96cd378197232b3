//! Random numbers of tests: the same in every run, so that what fails once fails again.

/// An xorshift.
pub struct Dice(u64);

impl Dice {
    /// The same numbers for everyone.
    pub fn new() -> Dice {
        Dice(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `below`.
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).expect("small")
    }

    /// Up to `most` of `parts`, one behind the other.
    pub fn text(&mut self, parts: &[&str], most: usize) -> String {
        (0..self.roll(most + 1)).map(|_| parts[self.roll(parts.len())]).collect()
    }
}
