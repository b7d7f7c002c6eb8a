//! `scan`, `gram`, `apply`, `cross` and `resize` of tall factors against f64.

use std::rc::Rc;

use lorascope_kernels::{FactorType, Primitives, RawTall, Resize};
use nalgebra::DMatrix;

use crate::cases::stored;
use crate::numbers::Numbers;

/// Random matrices of awkward rows, both orders and every dtype of the kernels.
fn matrices() -> Vec<(DMatrix<f64>, Rc<RawTall>)> {
    let mut numbers = Numbers::new(7);
    let mut all = Vec::new();
    for rows in [1, 63, 255, 256, 257, 4097] {
        for cols in [1, 3, 16, 17, 40] {
            for dtype in [FactorType::F32, FactorType::F16, FactorType::Bf16] {
                for transposed in [false, true] {
                    let raw = stored(&numbers.matrix(rows, cols), dtype, transposed);
                    all.push((raw.to_f64(), Rc::new(raw)));
                }
            }
        }
    }
    all
}

fn raws(matrices: &[(DMatrix<f64>, Rc<RawTall>)]) -> Vec<Rc<RawTall>> {
    matrices.iter().map(|(_, raw)| Rc::clone(raw)).collect()
}

/// Maxima and counts are exact, whatever the bits: subnormals, infinities and NaNs of every dtype.
pub async fn scan_finds(backend: &impl Primitives) {
    let mut matrices = matrices();
    // Every f16, and the bf16 of the same bits: all subnormals, infinities and NaNs are among them.
    let every: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    for dtype in [FactorType::F16, FactorType::Bf16] {
        let raw = RawTall { rows: 8192, cols: 8, transposed: true, dtype, bytes: every.clone() };
        matrices.push((raw.to_f64(), Rc::new(raw)));
    }
    let wild = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-45, -0.0, f32::MIN_POSITIVE];
    let raw = RawTall {
        rows: 8,
        cols: 1,
        transposed: false,
        dtype: FactorType::F32,
        bytes: wild.iter().flat_map(|x| x.to_le_bytes()).collect(),
    };
    matrices.push((raw.to_f64(), Rc::new(raw)));
    let talls = backend.upload(&raws(&matrices)).await.unwrap();
    let scans = backend.scan(&talls.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(scans.len(), matrices.len());
    for ((matrix, raw), scan) in matrices.iter().zip(scans) {
        let not_finite = matrix.iter().filter(|x| !x.is_finite()).count() as u64;
        assert_eq!(scan.not_finite, not_finite, "{raw:?}");
        for (j, column) in matrix.column_iter().enumerate() {
            let max = column.iter().filter(|x| x.is_finite()).fold(0.0f64, |m, x| m.max(x.abs()));
            assert_eq!(f64::from(scan.max(j)), max, "{raw:?} column {j}");
        }
    }
}

/// Within 2e-6 of the product of the columns' norms, scales and left-out columns included.
pub async fn gram_agrees(backend: &impl Primitives) {
    let matrices = matrices();
    let talls = backend.upload(&raws(&matrices)).await.unwrap();
    let scales: Vec<Vec<f32>> = matrices
        .iter()
        .map(|(m, _)| (0..m.ncols()).map(|j| if j == 2 { 0.0 } else { 2f32.powi(j as i32 % 5 - 2) }).collect())
        .collect();
    let grams = backend.gram(&talls.iter().collect::<Vec<_>>(), &scales).await.unwrap();
    for (((matrix, raw), scales), gram) in matrices.iter().zip(&scales).zip(grams) {
        let scaled = DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)] * f64::from(scales[j]));
        let reference = scaled.tr_mul(&scaled);
        for i in 0..matrix.ncols() {
            for j in 0..matrix.ncols() {
                let bound = 2e-6 * (reference[(i, i)] * reference[(j, j)]).sqrt();
                let error = (gram[(i, j)] - reference[(i, j)]).abs();
                assert!(error <= bound, "{raw:?} ({i}, {j}): {error:e} > {bound:e}");
            }
        }
    }
}

/// Each number within 1e-6 of ‖row of X‖·‖column of W‖.
pub async fn apply_agrees(backend: &impl Primitives) {
    let matrices = matrices();
    let mut numbers = Numbers::new(11);
    let talls = backend.upload(&raws(&matrices)).await.unwrap();
    let weights: Vec<DMatrix<f64>> =
        matrices.iter().enumerate().map(|(n, (m, _))| numbers.matrix(m.ncols(), [1, 5, 16, 33][n % 4])).collect();
    let applied = backend.apply(&talls.iter().collect::<Vec<_>>(), &weights).await.unwrap();
    let read = backend.read(&applied.iter().collect::<Vec<_>>()).await.unwrap();
    for (((matrix, raw), weight), y) in matrices.iter().zip(&weights).zip(read) {
        let reference = matrix * weight;
        assert_eq!(y.shape(), reference.shape());
        for i in 0..y.nrows() {
            for j in 0..y.ncols() {
                let bound = 1e-6 * matrix.row(i).norm() * weight.column(j).norm();
                let error = (f64::from(y[(i, j)]) - reference[(i, j)]).abs();
                assert!(error <= bound, "{raw:?} ({i}, {j}): {error:e} > {bound:e}");
            }
        }
    }
}

/// Each number within 1e-6 of ‖column of X‖·‖column of Y‖, for every mixture of columns, orders and dtypes, X and Y in
/// one buffer and in two.
pub async fn cross_agrees(backend: &impl Primitives) {
    let matrices = matrices();
    let first = backend.upload(&raws(&matrices)).await.unwrap();
    let second = backend.upload(&raws(&matrices)).await.unwrap();
    let of_rows =
        |rows: usize| -> Vec<usize> { (0..matrices.len()).filter(|&n| matrices[n].0.nrows() == rows).collect() };
    let mut numbers = Vec::new();
    for rows in [1, 63, 255, 256, 257, 4097] {
        let same = of_rows(rows);
        // 7 and the 30 matrices have no common factor: over three rounds each meets three others.
        numbers
            .extend((0..3 * same.len()).map(|n| [same[n % same.len()], same[(7 * n + n / same.len()) % same.len()]]));
    }
    let pairs: Vec<_> = numbers
        .iter()
        .enumerate()
        .map(|(n, &[x, y])| [&first[x], if n.is_multiple_of(2) { &first[y] } else { &second[y] }])
        .collect();
    let products = backend.cross(&pairs).await.unwrap();
    assert_eq!(products.len(), numbers.len());
    for (&[x, y], product) in numbers.iter().zip(products) {
        let ((x, raw_x), (y, raw_y)) = (&matrices[x], &matrices[y]);
        let reference = x.tr_mul(y);
        assert_eq!(product.shape(), reference.shape());
        for i in 0..x.ncols() {
            for j in 0..y.ncols() {
                let bound = 1e-6 * x.column(i).norm() * y.column(j).norm();
                let error = (product[(i, j)] - reference[(i, j)]).abs();
                assert!(error <= bound, "{raw_x:?} by {raw_y:?} ({i}, {j}): {error:e} > {bound:e}");
            }
        }
    }
    assert!(backend.cross(&[]).await.unwrap().is_empty());
}

/// As many workgroups as [`resize_of_many`] has, natively: a software GPU in a browser takes minutes for so many barriers.
pub async fn cross_of_many(backend: &impl Primitives) {
    let mut numbers = Numbers::new(13);
    let small: Vec<Rc<RawTall>> =
        (0..7).map(|n| Rc::new(stored(&numbers.matrix(3, 1 + n % 2), FactorType::F32, false))).collect();
    let exact: Vec<DMatrix<f64>> = small.iter().map(|raw| raw.to_f64()).collect();
    let talls = backend.upload(&small).await.unwrap();
    let count = if cfg!(target_arch = "wasm32") { 5_000 } else { 66_000 };
    let pairs: Vec<_> = (0..count).map(|n| [&talls[n % 7], &talls[n / 7 % 7]]).collect();
    for (n, product) in backend.cross(&pairs).await.unwrap().into_iter().enumerate() {
        let (x, y) = (&exact[n % 7], &exact[n / 7 % 7]);
        assert!((product - x.tr_mul(y)).amax() <= 1e-6 * x.norm() * y.norm(), "{n}");
    }
}

/// Cropped and padded numbers are those of the file; interpolated ones are within 1e-6 of the larger neighbour.
pub async fn resize_agrees(backend: &impl Primitives) {
    let matrices = matrices();
    let talls = backend.upload(&raws(&matrices)).await.unwrap();
    for (n, rows) in [1, 17, 255, 256, 1000, 5000].into_iter().enumerate() {
        let to: Vec<Resize> = (0..matrices.len())
            .map(|m| if (n + m).is_multiple_of(2) { Resize::Crop(rows) } else { Resize::Linear(rows) })
            .collect();
        let resized = backend.resize(&talls.iter().collect::<Vec<_>>(), &to).await.unwrap();
        let read = backend.read(&resized.iter().collect::<Vec<_>>()).await.unwrap();
        for (((matrix, raw), to), y) in matrices.iter().zip(&to).zip(read) {
            let case = format!("{raw:?} {to:?}");
            assert_eq!(y.shape(), (rows as usize, matrix.ncols()), "{case}");
            for i in 0..y.nrows() {
                let (above, below, t) = neighbours(*to, i, matrix.nrows());
                for j in 0..y.ncols() {
                    let at = |row: Option<usize>| row.map_or(0.0, |row| matrix[(row, j)]);
                    let (a, b) = (at(above), at(below));
                    let reference = a + t * (b - a);
                    let bound = if matches!(to, Resize::Crop(_)) { 0.0 } else { 1e-6 * a.abs().max(b.abs()) };
                    let error = (f64::from(y[(i, j)]) - reference).abs();
                    assert!(error <= bound, "{case} ({i}, {j}): {error:e} > {bound:e}");
                }
            }
        }
    }
}

/// More workgroups, of 64 rows each, than one dimension of a dispatch may have.
pub async fn resize_of_many(backend: &impl Primitives) {
    let rows = 64 * 66_000;
    let steps = DMatrix::from_fn(3, 1, |i, _| i as f64);
    let talls = backend.upload(&[Rc::new(stored(&steps, FactorType::F32, false))]).await.unwrap();
    let resized = backend.resize(&[&talls[0]], &[Resize::Linear(rows)]).await.unwrap();
    let read = backend.read(&[&resized[0]]).await.unwrap();
    assert_eq!(read[0].shape(), (rows as usize, 1));
    for (i, &y) in read[0].iter().enumerate() {
        let (above, below, t) = neighbours(Resize::Linear(rows), i, 3);
        let (a, b) = (above.unwrap() as f64, below.unwrap() as f64);
        assert!((f64::from(y) - (a + t * (b - a))).abs() <= 1e-6 * b.max(a), "row {i}: {y}");
    }
}

/// The rows of an X of `rows` rows that row `i` lies between, and how far below the first: torch's formula in f64.
pub fn neighbours(to: Resize, i: usize, rows: usize) -> (Option<usize>, Option<usize>, f64) {
    match to {
        Resize::Crop(_) => (Some(i).filter(|&i| i < rows), None, 0.0),
        Resize::Linear(out) => {
            let place = ((i as f64 + 0.5) * rows as f64 / f64::from(out) - 0.5).max(0.0);
            let above = (place.floor() as usize).min(rows - 1);
            (Some(above), Some((above + 1).min(rows - 1)), place - above as f64)
        }
    }
}
