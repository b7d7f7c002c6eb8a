//! The parts of a web address, as far as they are needed: where it leads is for the browser to find out.

/// An address that may be asked: `https`, or `http` on this machine. No name and password, no fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAddress {
    /// `https://huggingface.co`, with the port where there is one.
    pub origin: String,
    /// With its port: `127.0.0.1:8080`.
    pub host: String,
    /// As it was written, with its leading `/` and percent-encoding.
    pub path: String,
    /// With its `?`; empty for none.
    pub query: String,
}

impl WebAddress {
    /// # Errors
    /// A sentence: what is wrong with the address.
    pub fn parse(text: &str) -> Result<Self, String> {
        let shown = super::shown(text);
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '\\' | '<' | '>' | '"')) {
            return Err(format!("{shown}: an address holds no spaces, quotes or backslashes."));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!(
                "{shown}: not an address. Give one that begins with https://, or a Hugging Face name such as org/name."
            ));
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, rest) = rest.split_at(at);
        let (path, query) = rest.find('?').map_or((rest, ""), |at| rest.split_at(at));
        let scheme = scheme.to_ascii_lowercase();
        let host = host.to_ascii_lowercase();
        if host.contains('@') {
            return Err(format!(
                "{shown}: it holds a name or a password, which Lorascope does not send. Leave them out."
            ));
        }
        if name_of(&host).is_empty() {
            return Err(format!("{shown}: it names no host."));
        }
        match scheme.as_str() {
            "https" => {}
            "http" if is_this_machine(&host) => {}
            "http" => {
                return Err(format!(
                    "{shown}: plain http is only for servers on this machine (localhost). Give its https address."
                ));
            }
            _ => {
                return Err(format!(
                    "{shown}: only https addresses can be loaded. Download the file and drop it here."
                ));
            }
        }
        let path = if path.is_empty() { "/" } else { path };
        let origin = format!("{scheme}://{host}");
        Ok(Self { origin, host, path: path.to_owned(), query: query.to_owned() })
    }

    /// The parts between the slashes, none of them empty.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }

    pub fn is_this_machine(&self) -> bool {
        is_this_machine(&self.host)
    }

    /// The whole address.
    pub fn text(&self) -> String {
        format!("{}{}{}", self.origin, self.path, self.query)
    }
}

/// The host without its port.
fn name_of(host: &str) -> &str {
    host.split_once(':').map_or(host, |(name, _)| name)
}

fn is_this_machine(host: &str) -> bool {
    matches!(name_of(host), "localhost" | "127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_good_addresses() {
        let address = WebAddress::parse("HTTPS://Example.org:8443/a%20b/c.safetensors?x=1#frag").unwrap();
        assert_eq!(address.text(), "https://example.org:8443/a%20b/c.safetensors?x=1");
        assert_eq!((address.host.as_str(), address.segments()), ("example.org:8443", vec!["a%20b", "c.safetensors"]));
        assert_eq!(WebAddress::parse("https://example.org?x").unwrap().text(), "https://example.org/?x");
        assert!(WebAddress::parse("http://localhost:1/a").unwrap().is_this_machine());
        assert!(WebAddress::parse("http://127.0.0.1/a").unwrap().is_this_machine());
    }

    #[test]
    fn others_are_refused_in_words() {
        for (address, word) in [
            ("http://example.org/a", "plain http"),
            ("http://localhost.evil.org/a", "plain http"),
            ("http://127.0.0.1@evil.org/a", "password"),
            ("https://user:secret@example.org/a", "password"),
            ("ftp://example.org/a", "only https"),
            ("file:///etc/passwd", "no host"),
            ("https:///a", "no host"),
            ("https://:80/a", "no host"),
            ("https://a b/c", "no spaces"),
            ("https://a\\b/c", "backslashes"),
            ("javascript:alert(1)", "not an address"),
        ] {
            let said = WebAddress::parse(address).unwrap_err();
            assert!(said.contains(word), "{address}: {said}");
        }
    }
}
