//! Names of images.

/// The longest name without tag and digest.
const NAME_BYTES: usize = 255;

/// Whether it is a name of an image. The error is the text of the kubelet.
pub(super) fn check(image: &str) -> Result<(), String> {
    let Err(why) = parse(image) else {
        return Ok(());
    };
    Err(format!(
        "Failed to apply default image tag {image:?}: couldn't parse image name {image:?}: {why}"
    ))
}

fn parse(image: &str) -> Result<(), &'static str> {
    const FORMAT: &str = "invalid reference format";
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    if !digest.is_none_or(is_digest) || !tag.is_none_or(is_tag) {
        return Err(FORMAT);
    }
    let path = match name.split_once('/') {
        Some((host, path)) if is_host(host) => path,
        _ => name,
    };
    if path.split('/').all(is_component) {
        let long = "repository name must not be more than 255 characters";
        return if name.len() > NAME_BYTES {
            Err(long)
        } else {
            Ok(())
        };
    }
    if path.to_ascii_lowercase().split('/').all(is_component) {
        return Err("invalid reference format: repository name must be lowercase");
    }
    Err(FORMAT)
}

/// A first part is a host if it has a dot, a port or a capital, or is `localhost`.
fn is_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, "1"));
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        label.bytes().all(inner)
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let marked = host.contains(['.', ':'])
        || host == "localhost"
        || host.bytes().any(|b| b.is_ascii_uppercase());
    marked
        && name.split('.').all(label)
        && !port.is_empty()
        && port.bytes().all(|b| b.is_ascii_digit())
}

fn is_component(part: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    let edges = bytes.first().is_some_and(alphanumeric) && bytes.last().is_some_and(alphanumeric);
    let mut separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    edges && separators.all(|s| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_distribution_specification() {
        let digest = format!("nginx@sha256:{}", "0".repeat(64));
        for name in [
            "nginx",
            "nginx:1.27",
            "a/b/c",
            "localhost:5000/a__b/c--d:x",
            "000000000000.dkr.ecr.us-east-1.amazonaws.com/eks/coredns:v1",
            digest.as_str(),
        ] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in [
            "",
            " ",
            "a b",
            "-v",
            "--privileged",
            "nginx:",
            "nginx@sha256:0",
            "a//b",
            "../x",
            "a:b:c",
            "/x",
            "nginx;id",
            "a/-b",
            "a___b",
            "nginx\n",
        ] {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check("NGINX").unwrap_err().ends_with("must be lowercase"));
    }
}
