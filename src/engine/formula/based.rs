//! Updates that are defined on the base model's weight W: ΔW = W' − W, formed whole.

use nalgebra::DMatrix;

use super::{Array, Dense, whole};
use lorascope_format::adapter::Module;
use lorascope_format::adapter::update::{Axis, Formula, Recipe, Update};

/// Why there is no update although the weight is there, as part of a sentence.
pub type Refused = String;

/// ΔW with its scale, of the base's weight `w` (rows × cols as stored there).
///
/// # Errors
/// The sizes do not fit, or the formula has no meaning for these numbers.
pub fn with_base(module: &Module, tensors: &[Array<'_>], w: &Dense) -> Result<Dense, Refused> {
    let Update::Recipe(recipe) = &module.update else { return Err("it needs no base weight".to_owned()) };
    let count: u64 = tensors.iter().map(Array::not_finite).sum();
    if count > 0 {
        return Err(format!("its tensors hold {count} values that are not finite"));
    }
    apply(recipe, module, tensors, w)?.ok_or_else(|| "its tensors are not those of its formula".to_owned())
}

fn apply(recipe: &Recipe, module: &Module, tensors: &[Array<'_>], w: &Dense) -> Result<Option<Dense>, Refused> {
    let (rows, cols) = (w.rows, w.cols);
    Ok(match (&recipe.formula, tensors) {
        (Formula::Dora { direction, axis }, [direct @ .., magnitude]) => {
            // Before anything of that size is formed.
            fits(module.shape.map(|d| usize::try_from(d).unwrap_or(usize::MAX)), w)?;
            let Some(direction) = whole(direction, module.shape, direct) else { return Ok(None) };
            Some(dora(w, &direction, module.scale, (magnitude, *axis))?)
        }
        (Formula::Ia3 { axis, offset }, [l, rest @ ..]) => Some(ia3(w, l, (*axis, *offset), rest)?),
        (Formula::Hira, [a, b]) => {
            let (a, b) = (a.matrix(), b.matrix());
            fits([b.nrows(), a.ncols()], w)?;
            Some(by_rows(w, |first, count, w| w.component_mul(&(b.rows(first, count) * &a))))
        }
        (Formula::Glora, [a1, a2, b1, b2]) => Some(glora(w, [a1, a2, b1, b2], module.scale)?),
        (Formula::Oft { rescale, constraint }, [blocks, rest @ ..]) => {
            let rescale = rest.first().filter(|_| *rescale);
            let clamps = rest.last().filter(|_| *constraint).is_some_and(|c| c.get(0) != 0.0);
            if clamps {
                return Err("its rotations are clamped by a constraint, which is not computed here".to_owned());
            }
            Some(oft(w, blocks, rescale)?)
        }
        (Formula::Miss, [block]) => {
            fits([block.cols(), cols], w)?;
            let (r, out) = (block.rows(), block.cols());
            Some(Dense::by_rows(rows, cols, |first, count| {
                DMatrix::from_fn(count, cols, |o, i| block.get(i % r * out + first + o))
            }))
        }
        (Formula::Replace, [new]) => {
            fits([new.rows(), new.cols()], w)?;
            Some(by_rows(w, |first, _, w| {
                DMatrix::from_fn(w.nrows(), cols, |o, i| new.get((first + o) * cols + i)) - w
            }))
        }
        _ => None,
    })
}

fn fits([rows, cols]: [usize; 2], w: &Dense) -> Result<(), Refused> {
    if [rows, cols] == [w.rows, w.cols] {
        return Ok(());
    }
    Err(format!("its update is {rows} × {cols}, and the base's weight {} × {}", w.rows, w.cols))
}

/// Rows of ΔW out of the rows of W at the same place.
fn by_rows(w: &Dense, mut of: impl FnMut(usize, usize, DMatrix<f64>) -> DMatrix<f64>) -> Dense {
    Dense::by_rows(w.rows, w.cols, |first, count| of(first, count, rows_of(w, first, count)))
}

fn rows_of(w: &Dense, first: usize, count: usize) -> DMatrix<f64> {
    DMatrix::from_fn(count, w.cols, |o, i| w.get(first + o, i))
}

/// W' = m·V/‖V‖ with V = W + s·ΔV, norms along the magnitude's axis (Liu et al., "DoRA", 2024, eq. 5; PEFT
/// `tuners/lora/dora.py`, LyCORIS `modules/locon.py`).
fn dora(w: &Dense, direction: &Dense, scale: f64, (magnitude, axis): (&Array<'_>, Axis)) -> Result<Dense, Refused> {
    let groups = magnitude.size();
    // A channel of a convolution has as many columns as its kernel has taps.
    let taps = w.cols.checked_div(groups).unwrap_or(1).max(1);
    let group = |row: usize, col: usize| match axis {
        Axis::In => col / taps,
        Axis::Column => col,
        _ => row,
    };
    let wanted = group(w.rows.saturating_sub(1), w.cols.saturating_sub(1)) + 1;
    if groups != wanted {
        return Err(format!("its magnitude has {groups} numbers, and the base's weight asks for {wanted}"));
    }
    let mut squares = vec![0.0; groups];
    for row in 0..w.rows {
        for col in 0..w.cols {
            let v = w.get(row, col) + scale * direction.get(row, col);
            squares[group(row, col)] += v * v;
        }
    }
    if squares.contains(&0.0) {
        return Err("a direction of W + s·B·A has no length, so that no magnitude can be given to it".to_owned());
    }
    let gains: Vec<f64> = squares.iter().zip(magnitude.numbers()).map(|(square, m)| m / square.sqrt()).collect();
    Ok(Dense::by_rows(w.rows, w.cols, |first, count| {
        DMatrix::from_fn(count, w.cols, |o, col| {
            let (row, base) = (first + o, w.get(first + o, col));
            gains[group(row, col)] * (base + scale * direction.get(row, col)) - base
        })
    }))
}

/// PEFT: W ⊙ (l − 1). LyCORIS stores the offset: W ⊙ l.
fn ia3(w: &Dense, l: &Array<'_>, (axis, offset): (Axis, bool), rest: &[Array<'_>]) -> Result<Dense, Refused> {
    let n = l.size();
    // Only a convolution's channel has more than one column.
    let channels_fit = if l.order() > 2 { n > 0 && w.cols.is_multiple_of(n) } else { n == w.cols };
    let by_row = match axis {
        Axis::Out => true,
        Axis::Flag => rest.first().is_none_or(|flag| flag.get(0) == 0.0),
        // Both may fit; PEFT scales outputs unless the layer is named as feed-forward.
        Axis::Either => n == w.rows,
        Axis::In | Axis::Column => false,
    };
    if (by_row && n != w.rows) || (!by_row && !channels_fit) {
        return Err(format!("it has {n} numbers, and the base's weight is {} × {}", w.rows, w.cols));
    }
    let taps = w.cols / n.max(1);
    let gains: Vec<f64> = l.numbers().map(|l| if offset { l } else { l - 1.0 }).collect();
    Ok(by_rows(w, |first, _, w| {
        DMatrix::from_fn(w.nrows(), w.ncols(), |o, i| {
            w[(o, i)] * gains[if by_row { first + o } else { i / taps.max(1) }]
        })
    }))
}

/// s·(W·a1·a2 + b1·b2), a1·a2 acting on the input channels (LyCORIS, `modules/glora.py`).
fn glora(w: &Dense, [a1, a2, b1, b2]: [&Array<'_>; 4], scale: f64) -> Result<Dense, Refused> {
    let (a1, a2, b1, b2) = (a1.matrix(), a2.matrix(), b1.matrix(), b2.matrix());
    fits([b1.nrows(), b2.ncols()], w)?;
    let inputs = a1.nrows();
    let taps = w.cols / inputs.max(1);
    Ok(by_rows(w, |first, count, w| {
        let mut delta = b1.rows(first, count) * &b2;
        for k in 0..taps {
            let channels = DMatrix::from_fn(count, inputs, |o, i| w[(o, i * taps + k)]);
            let turned = channels * &a1 * &a2;
            for i in 0..inputs {
                let mut column = delta.column_mut(i * taps + k);
                column += turned.column(i);
            }
        }
        delta * scale
    }))
}

/// W'[k·n + m] = Σ_j R[k, j, m]·W[k·n + j] with R = (I + Q)(I − Q)⁻¹, Q = X − Xᵀ, times the rescale (LyCORIS,
/// `modules/diag_oft.py`).
fn oft(w: &Dense, blocks: &Array<'_>, rescale: Option<&Array<'_>>) -> Result<Dense, Refused> {
    let (k, n) = (blocks.dim(0), blocks.dim(1));
    fits([k * n, w.cols], w)?;
    let mut delta = Dense { rows: w.rows, cols: w.cols, numbers: Vec::with_capacity(w.rows * w.cols) };
    for block in 0..k {
        let x = DMatrix::from_fn(n, n, |i, j| blocks.get((block * n + i) * n + j));
        let q = &x - x.transpose();
        let one = DMatrix::<f64>::identity(n, n);
        let inverse = (&one - &q).try_inverse().ok_or_else(|| "one of its rotations has no inverse".to_owned())?;
        let rotation = (&one + &q) * inverse;
        let before = rows_of(w, block * n, n);
        let mut after = rotation.tr_mul(&before);
        for (m, mut row) in after.row_iter_mut().enumerate() {
            row *= rescale.map_or(1.0, |rescale| rescale.get(block * n + m));
        }
        let change = after - before;
        delta.numbers.extend(change.transpose().iter().map(|&x| x as f32));
    }
    Ok(delta)
}
