//! The one source of made-up numbers.

#![allow(dead_code, reason = "each test program uses its own part")]

/// Numbers of a fixed sequence (splitmix64), the same on every machine.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// In (0, 1].
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    pub fn gaussian(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// From −max to max.
    pub fn integer(&mut self, max: i64) -> f64 {
        ((self.bits() % (2 * max as u64 + 1)) as i64 - max) as f64
    }

    /// From 0 to below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end.max(1) as u64) as usize
    }

    /// In ±0.02, as a model's weights are.
    pub fn weight(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u32 << 23) as f32 * 0.02 - 0.02
    }

    /// In (-1, 1), odd multiples of 1/128: F16 and BF16 hold them exactly.
    pub fn seventh(&mut self) -> f64 {
        ((self.bits() >> 57) as f64 + 0.5) / 64.0 - 1.0
    }
}
