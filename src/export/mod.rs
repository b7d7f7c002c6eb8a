//! What is written: an adapter as a safetensors file with its configuration, and both as a zip, in pieces.
