use nalgebra::DMatrix;

/// Twin of `shaders/jacobi.wgsl`, in f64: the eigenvectors of MᵀM for a finite M (rows × n).
pub fn jacobi(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    // So that no square overflows or vanishes.
    let largest = matrix.amax();
    let scaled = if largest > 0.0 { matrix / largest } else { matrix.clone() };
    scaled.tr_mul(&scaled).symmetric_eigen().eigenvectors
}
