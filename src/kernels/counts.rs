/// What a device did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Compute dispatches; 0 on the CPU.
    pub dispatches: u64,
    /// Bytes written into GPU buffers; 0 on the CPU.
    pub bytes_uploaded: u64,
    /// Times that the CPU waited for a GPU buffer.
    pub readbacks: u64,
}
