//! Chance without a shared generator.
//!
//! Each decision draws from a stream of its own, named by what is decided. So the fate of one number does not depend on
//! which other numbers were called before it, and a seed means the same thing however the requests were interleaved.
//! The arithmetic is written out here because a crate may change its streams between versions, and recorded seeds with it.

/// A stream of numbers that depends on its name alone.
pub(super) struct Chance(u64);

impl Chance {
    /// Returns the stream for the `nth` decision of one kind about one subject.
    pub(super) fn new(seed: u64, purpose: &str, subject: &str, nth: u64) -> Self {
        let mut hash = scramble(seed);
        // The 0xff between the parts occurs in no text, so ("ab", "c") and ("a", "bc") differ.
        let parts = [purpose.as_bytes(), &[0xff], subject.as_bytes(), &[0xff]];
        for byte in parts.into_iter().flatten().chain(&nth.to_le_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self(hash)
    }

    /// Returns the next number (splitmix64).
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// Returns a number below `bound`; zero where `bound` is zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product spreads evenly without the bias of a remainder.
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).expect("a 128-bit product has 64 high bits")
    }
}

/// Spreads the bits of a number over all of it.
fn scramble(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_its_whole_name_and_on_nothing_else() {
        let first = |seed, purpose, subject, nth| Chance::new(seed, purpose, subject, nth).next();
        let base = first(1, "fate", "9876543210", 0);
        assert_eq!(base, first(1, "fate", "9876543210", 0));
        for other in [
            first(2, "fate", "9876543210", 0),
            first(1, "hold", "9876543210", 0),
            first(1, "fate", "9876543211", 0),
            first(1, "fate", "9876543210", 1),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn numbers_below_a_bound_are_spread_evenly() {
        let mut counts = [0_u32; 10];
        for nth in 0..10_000 {
            let drawn = Chance::new(7, "spread", "", nth).below(10);
            counts[usize::try_from(drawn).unwrap()] += 1;
        }
        assert!(
            counts.iter().all(|count| (900..1100).contains(count)),
            "{counts:?}"
        );
    }
}
