//! What the user data of an instance says: which cluster it means to join.
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// The longest user data, before it is encoded.
pub const MAX: usize = 16 * 1024;

/// The text of user data, which is base64 on the wire.
pub fn text(encoded: &str) -> Option<String> {
    let bytes = STANDARD.decode(encoded.trim()).ok()?;
    String::from_utf8(bytes).ok()
}

/// The cluster that a text names: an argument of `bootstrap.sh`, the `NodeConfig` of nodeadm, or the
/// settings of Bottlerocket.
pub fn cluster(text: &str) -> Option<String> {
    text.lines()
        .find_map(bootstrap)
        .or_else(|| node_config(text))
        .or_else(|| bottlerocket(text))
}

/// `/etc/eks/bootstrap.sh my-cluster --kubelet-extra-args …`
fn bootstrap(line: &str) -> Option<String> {
    let line = line.trim_start();
    if line.starts_with('#') {
        return None;
    }
    let (_, arguments) = line.split_once("bootstrap.sh")?;
    let mut words = arguments.split_whitespace();
    while let Some(word) = words.next() {
        if word.starts_with("--") {
            // The value of an option; what is in quotes is not followed.
            if !word.contains('=') {
                words.next();
            }
            continue;
        }
        return name(word);
    }
    None
}

/// `cluster:` with a `name:` below it.
fn node_config(text: &str) -> Option<String> {
    if !text.contains("NodeConfig") {
        return None;
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines();
    let depth = lines.find_map(|line| (line.trim() == "cluster:").then(|| indent(line)))?;
    for line in lines.filter(|line| !line.trim().is_empty()) {
        if indent(line) <= depth {
            return None;
        }
        if let Some(value) = line.trim().strip_prefix("name:") {
            return name(value);
        }
    }
    None
}

/// `cluster-name = "my-cluster"`
fn bottlerocket(text: &str) -> Option<String> {
    let setting = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let key = key.trim();
        (key == "cluster-name" || key == "settings.kubernetes.cluster-name").then(|| name(value))?
    };
    text.lines().find_map(setting)
}

fn name(text: &str) -> Option<String> {
    let text = text.trim().trim_matches(['"', '\'']);
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (!text.is_empty() && text.len() <= 100 && text.bytes().all(word)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_is_found_in_each_kind_of_user_data() {
        for (text, expected) in [
            (
                "#!/bin/bash\n/etc/eks/bootstrap.sh my-cluster --kubelet-extra-args '--node-labels=a=b'",
                Some("my-cluster"),
            ),
            (
                "#!/bin/bash\n/etc/eks/bootstrap.sh --apiserver-endpoint https://x 'my-cluster'",
                Some("my-cluster"),
            ),
            ("# bootstrap.sh other\nset -e", None),
            (
                "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    apiServerEndpoint: https://x\n    name: \"m11\"\n  kubelet: {}\n",
                Some("m11"),
            ),
            (
                "kind: NodeConfig\nspec:\n  cluster:\n  kubelet:\n    name: other\n",
                None,
            ),
            (
                "[settings.kubernetes]\ncluster-name = \"rocket\"\n",
                Some("rocket"),
            ),
            (
                "settings.kubernetes.cluster-name = 'rocket'",
                Some("rocket"),
            ),
            ("", None),
        ] {
            assert_eq!(cluster(text).as_deref(), expected, "{text}");
        }
        assert_eq!(text("aGVsbG8=").as_deref(), Some("hello"));
        assert_eq!(text("?"), None);
    }
}
