//! What surrounds the work: the caller's event loop, its clock, and where the time went.

use std::future::Future;

use serde::{Deserialize, Serialize};

/// The parts of a job that time is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Files into memory.
    Read,
    /// Memory into the backend's buffers.
    Upload,
    /// The primitives.
    Compute,
    /// What is done with their small results.
    Algebra,
}

/// Milliseconds in each [`Part`]. What runs at the same time counts for each: with several workers the sum is more
/// than the time that went by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    pub read: f64,
    pub upload: f64,
    pub compute: f64,
    pub algebra: f64,
}

impl Spent {
    /// With so many milliseconds more in one part.
    pub fn and(mut self, part: Part, ms: f64) -> Self {
        *match part {
            Part::Read => &mut self.read,
            Part::Upload => &mut self.upload,
            Part::Compute => &mut self.compute,
            Part::Algebra => &mut self.algebra,
        } += ms;
        self
    }

    /// Counts what another thread spent.
    pub fn tell(self, pulse: &impl Pulse) {
        pulse.spend(Part::Read, self.read);
        pulse.spend(Part::Upload, self.upload);
        pulse.spend(Part::Compute, self.compute);
        pulse.spend(Part::Algebra, self.algebra);
    }

    /// Each part with its name.
    pub fn parts(self) -> [(&'static str, f64); 4] {
        [("read", self.read), ("upload", self.upload), ("compute", self.compute), ("algebra", self.algebra)]
    }
}

/// Called between pieces of work.
pub trait Pulse {
    /// True means: stop, the person cancelled.
    fn beat(&self) -> impl Future<Output = bool>;

    /// Ends when [`Self::beat`] would say to stop, for whoever waits for another thread; it may never.
    fn stopped(&self) -> impl Future<Output = ()> {
        std::future::pending()
    }

    /// Work begins that has to be done: a cancel that came before does not reach it.
    fn take_up(&self) {}

    /// Milliseconds since any moment; 0 where nobody asks.
    fn now(&self) -> f64 {
        0.0
    }

    /// Time that went into a part of the work.
    fn spend(&self, _part: Part, _ms: f64) {}

    /// What the caller adds to the reason for the engine, such as that workers of its own are missing.
    fn remarks(&self) -> String {
        String::new()
    }
}

/// Does the work and tells the pulse how long it took.
pub async fn timed<T>(pulse: &impl Pulse, part: Part, work: impl Future<Output = T>) -> T {
    let begin = pulse.now();
    let result = work.await;
    pulse.spend(part, pulse.now() - begin);
    result
}

/// Never cancels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steady;

impl Pulse for Steady {
    async fn beat(&self) -> bool {
        false
    }
}
