//! Searching a long list of texts.

/// Entries that are on the page at first, and that each "show more" adds.
pub const PAGE: usize = 200;

/// The texts that a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Places of the first of them, in their order.
    pub first: Vec<usize>,
    /// How many there are in all.
    pub all: usize,
}

/// Those of `texts`, which are in lower case, that hold every word of `filter` in any case; the first `most` by place.
pub fn find(texts: &[String], filter: &str, most: usize) -> Found {
    let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
    let mut found = Found::default();
    for (place, text) in texts.iter().enumerate() {
        if words.iter().all(|word| text.contains(word.as_str())) {
            found.all += 1;
            if found.first.len() < most {
                found.first.push(place);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_in_any_case_and_all_are_counted() {
        let texts = ["blue eyes", "red eyes", "straße", "blue sky"].map(str::to_owned);
        assert_eq!(find(&texts, "", 2), Found { first: vec![0, 1], all: 4 });
        assert_eq!(find(&texts, " EYES  Blue", 9), Found { first: vec![0], all: 1 });
        assert_eq!(find(&texts, "STRAßE", 9), Found { first: vec![2], all: 1 });
        assert_eq!(find(&texts, "green", 9), Found::default());
    }
}
