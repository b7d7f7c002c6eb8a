//! Texts that most profiles hold, each as one byte. Version 1's list: never changed.

/// [`FIRST`] and up stand for these, in order.
const PHRASES: [&str; 15] = [
    "the largest layer number in the modules' names, plus 1",
    "the largest layer number of a stack, plus 1",
    "\x0alegal-exam\x03\x0estatute_recall",
    "\x0flogic_reasoning",
    "\x13style_gutachtenstil",
    "\x05early\x03mid\x04late",
    "PEFT LoRA",
    ", adapter_config",
    "model.layers.",
    ".self_attn.",
    "_proj",
    ".mlp.",
    "transformer_blocks",
    "text_model_encoder_layers_",
    "Instruct",
];

const FIRST: u8 = 0xf0;
/// The byte after this one is itself.
const ITSELF: u8 = 0xff;

pub fn shorten(bytes: &[u8]) -> Vec<u8> {
    let mut short = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        let phrase = (FIRST..ITSELF).zip(PHRASES).find_map(|(code, p)| Some((code, rest.strip_prefix(p.as_bytes())?)));
        if let Some((code, after)) = phrase {
            short.push(code);
            rest = after;
            continue;
        }
        if *byte >= FIRST {
            short.push(ITSELF);
        }
        short.push(*byte);
        rest = after;
    }
    short
}

/// What was shortened; `None` where it would have more than `most` bytes or ends within a code.
pub fn lengthen(short: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(short.len());
    let mut rest = short.iter();
    while let Some(&byte) = rest.next() {
        match byte {
            ITSELF => bytes.push(*rest.next()?),
            FIRST.. => bytes.extend(PHRASES.get(usize::from(byte - FIRST))?.bytes()),
            _ => bytes.push(byte),
        }
        if bytes.len() > most {
            return None;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let name = b"model.layers.3.self_attn.q_proj and _pro".as_slice();
        for bytes in [&all, name, b"", PHRASES.concat().as_bytes()] {
            let short = shorten(bytes);
            assert_eq!(lengthen(&short, bytes.len()).as_deref(), Some(bytes));
            assert!(bytes.is_empty() || lengthen(&short, bytes.len() - 1).is_none());
        }
        assert_eq!(shorten(name).len(), 3 + "3.q".len() - 1 + " and _pro".len());
        assert_eq!(lengthen(&[ITSELF], 9), None);
    }
}
