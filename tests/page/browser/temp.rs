use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own that goes when it is dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new(purpose: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("lorascope-{purpose}-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // An earlier process had this one's number, and what it left is no empty folder.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A copy of `file` under `name`, which may hold folders.
    pub fn copy(&self, file: &Path, name: &str) -> PathBuf {
        let copy = self.0.join(name);
        fs::create_dir_all(copy.parent().expect("a file has a folder")).expect("a folder in the temporary folder");
        fs::copy(file, &copy).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        copy
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // The browser may still be writing its profile; a leftover in the temporary folder harms nobody.
        drop(fs::remove_dir_all(&self.0));
    }
}
