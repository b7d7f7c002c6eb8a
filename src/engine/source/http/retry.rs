//! How often something is asked for again, and after how long.

/// Waits that a server may ask for, for one request.
const MOST_WAITS: u32 = 4;
/// The longest of them; a server that asks for more is not waited for.
const LONGEST_S: u64 = 120;
/// Where it does not say: doubled each time.
const FIRST_S: u64 = 4;
/// Before something is asked for once more.
const PAUSE_MS: u32 = 800;

/// One request's tries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tries {
    waits: u32,
    again: bool,
}

impl Tries {
    /// Milliseconds after which to ask again what has just failed; `None` where it failed before.
    pub fn again(&mut self) -> Option<u32> {
        (!std::mem::replace(&mut self.again, true)).then_some(PAUSE_MS)
    }

    /// Seconds to wait where a server asks for it, `asked` being its own number; `None`: no more.
    pub fn wait(&mut self, asked: Option<u64>) -> Option<u64> {
        let seconds = asked.unwrap_or(FIRST_S << self.waits.min(16));
        self.waits += 1;
        (self.waits <= MOST_WAITS && seconds <= LONGEST_S).then_some(seconds.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_again_and_some_waits() {
        let mut tries = Tries::default();
        assert!(tries.again().is_some() && tries.again().is_none());
        assert_eq!(tries.wait(Some(0)), Some(1), "never at once");
        assert_eq!((tries.wait(None), tries.wait(None)), (Some(8), Some(16)));
        assert_eq!((tries.wait(Some(120)), tries.wait(Some(1))), (Some(120), None));
        assert_eq!(Tries::default().wait(Some(121)), None);
        assert_eq!(Tries::default().wait(Some(u64::MAX)), None);
    }
}
