use crate::{RawTall, Resize};

/// Twin of `shaders/resize.wgsl`, in f64, rounded to f32 once.
pub fn resize(matrix: &RawTall, to: Resize) -> RawTall {
    let (rows, cols) = (matrix.rows, matrix.cols as usize);
    let mut result: Vec<f32> = Vec::with_capacity(to.rows() as usize * cols);
    for i in 0..to.rows() {
        let (source, t) = to.source(i, rows);
        let s = source as usize;
        result.extend((0..cols).map(|j| match t {
            _ if source >= rows => 0.0,
            0.0 => matrix.get(s, j) as f32,
            t => ((1.0 - t) * matrix.get(s, j) + t * matrix.get(s + 1, j)) as f32,
        }));
    }
    super::dense(to.rows(), matrix.cols, &result)
}
