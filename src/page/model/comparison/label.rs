//! Names of adapters where there is little room.

/// A name of at most `most` characters: its beginning and its end, which tell names of one training apart.
pub fn shortened(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_owned();
    }
    let kept = most.saturating_sub(1);
    let (head, tail) = (kept / 2, kept - kept / 2);
    name.chars().take(head).chain(['…']).chain(name.chars().skip(count - tail)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_stay() {
        assert_eq!(shortened("checkpoint-120", 14), "checkpoint-120");
        assert_eq!(shortened("llama-statute-tutor-checkpoint-120", 15), "llama-s…int-120");
        assert_eq!(shortened("über-größe", 5), "üb…ße");
        assert_eq!([shortened("abc", 1), shortened("abc", 2), shortened("", 3)], ["…", "…c", ""]);
    }
}
