//! What a call costs, and how it ends early.

use std::rc::Rc;

use lorascope_kernels::cpu::CpuBackend;
use lorascope_kernels::{Change, ComputeError, FactorType, Primitives, Pulse, RawTall, Side, Sides};
use nalgebra::DMatrix;

use crate::cases::stored;
use crate::gpu;
use crate::numbers::Numbers;

/// A pulse that says stop at its n-th beat.
struct Stop(std::cell::Cell<u32>);

impl Pulse for Stop {
    async fn beat(&self) -> bool {
        self.0.set(self.0.get().saturating_sub(1));
        self.0.get() == 0
    }
}

/// A tile may be 32 MiB, on which a CPU works for a while.
#[test]
fn a_cancel_is_heard_in_the_midst_of_a_tile() {
    let tile = Rc::new(stored(&DMatrix::from_element(3000, 2000, 1.0), FactorType::Bf16, false));
    let ones = vec![1.0; 3000 * 16];
    let change = Change { before: &tile, after: &tile };
    let sides = Sides { k: 16, left: &ones, right: &ones[..2000 * 16] };
    let stop = || CpuBackend::new(Stop(3.into()));
    assert_eq!(pollster::block_on(stop().align(&[change], &[sides])).unwrap_err(), ComputeError::Cancelled);
    assert_eq!(pollster::block_on(stop().residual(&[change], &[sides])).unwrap_err(), ComputeError::Cancelled);
    for side in [Side::Left, Side::Right] {
        let weight = if side == Side::Left { sides.left } else { sides.right };
        let cancelled = pollster::block_on(stop().multiply(&[change], side, &[weight], 16)).unwrap_err();
        assert_eq!(cancelled, ComputeError::Cancelled);
    }
}

/// Many changes, whose states lie in one buffer and whose bases are the same, are one dispatch and one readback.
#[test]
fn one_call_over_many_changes_is_one_dispatch() {
    pollster::block_on(async {
        let gpu = gpu().await;
        let mut numbers = Numbers::new(3);
        let tiles: Vec<Rc<RawTall>> =
            (0..12).map(|_| Rc::new(stored(&numbers.matrix(100, 80), FactorType::Bf16, false))).collect();
        let talls = gpu.upload(&tiles).await.unwrap();
        let changes: Vec<_> = talls.windows(2).map(|pair| Change { before: &pair[0], after: &pair[1] }).collect();
        let (left, right) = (vec![0.1; 100 * 8], vec![0.1; 80 * 8]);
        let sides = vec![Sides { k: 8, left: &left, right: &right }; changes.len()];
        let before = gpu.counts();
        gpu.align(&changes, &sides).await.unwrap();
        let counts = gpu.counts();
        assert_eq!((counts.dispatches - before.dispatches, counts.readbacks - before.readbacks), (1, 1));
        // The bases once, and a few numbers per change and workgroup.
        assert!(counts.bytes_uploaded - before.bytes_uploaded < 4 * 180 * 8 + 1000 * 11);
    });
}

/// Results that do not fit one binding come back in groups.
#[test]
fn results_over_a_binding_come_back_in_groups() {
    pollster::block_on(async {
        let gpu = gpu().await;
        let (rows, k) = (60_000, 128);
        let one = DMatrix::from_fn(rows, 2, |i, j| (i % 7 + j) as f64);
        let tiles = [DMatrix::zeros(rows, 2), one].map(|m| Rc::new(stored(&m, FactorType::Bf16, false)));
        let talls = gpu.upload(&tiles).await.unwrap();
        let changes = [Change { before: &talls[0], after: &talls[1] }; 5];
        let weight: Vec<f32> = (0..2 * k).map(|n| n as f32).collect();
        let before = gpu.counts();
        let products = gpu.multiply(&changes, Side::Right, &[weight.as_slice(); 5], k as u32).await.unwrap();
        // 31 MB each.
        assert_eq!(gpu.counts().readbacks - before.readbacks, 2);
        for product in products {
            for (i, j) in [(0, 0), (rows - 1, k - 1), (12_345, 67)] {
                let exact = (i % 7 * j + (i % 7 + 1) * (k + j)) as f64;
                assert_eq!(product[(i, j)], exact);
            }
        }
    });
}
