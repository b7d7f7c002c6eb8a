/// A kernel, and its CPU twin of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    Scan,
    Gram,
    Apply,
    Cross,
    Resize,
    Align,
    Multiply,
    Residual,
}

impl Kernel {
    /// Its entry point, and the name of its file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Gram => "gram",
            Self::Apply => "apply",
            Self::Cross => "cross",
            Self::Resize => "resize",
            Self::Align => "align",
            Self::Multiply => "multiply",
            Self::Residual => "residual",
        }
    }
}
