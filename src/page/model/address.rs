//! What the page's address asks for.

use lorascope_protocol::BackendChoice;

/// The engine asked for by `?backend=`, and a warning where it names none that we know.
///
/// `values` are the query's decoded values of `backend`, in order; the last one counts.
pub fn backend(values: &[String]) -> (BackendChoice, Option<String>) {
    let Some(value) = values.last() else { return (BackendChoice::Auto, None) };
    match value.to_ascii_lowercase().as_str() {
        "webgpu" => (BackendChoice::WebGpu, None),
        "cpu" => (BackendChoice::Cpu, None),
        "auto" | "" => (BackendChoice::Auto, None),
        _ => (
            BackendChoice::Auto,
            Some(format!(
                "The address asks for backend={value}, which Lorascope does not know. It chooses by itself; \
                 write backend=webgpu or backend=cpu to force one."
            )),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_unknown_and_absent() {
        let of = |values: &[&str]| backend(&values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[]), (BackendChoice::Auto, None));
        assert_eq!(of(&["WebGPU"]), (BackendChoice::WebGpu, None));
        assert_eq!(of(&["webgpu", "cpu"]), (BackendChoice::Cpu, None));
        let (choice, warning) = of(&["cuda"]);
        assert_eq!(choice, BackendChoice::Auto);
        assert!(warning.unwrap().contains("backend=cuda"));
    }
}
