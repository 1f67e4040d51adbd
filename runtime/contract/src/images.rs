//! Images of the cases: busybox under several configurations, and one whose layer is broken.
use std::collections::BTreeMap;
use std::future::ready;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncRead;
use wharf_runtime::engine::{ImageRequest, ImageSource, Layer, Manifest};
use wharf_runtime::{Error, Later};

const COMMANDS: [&str; 23] = [
    "sh", "sleep", "echo", "cat", "id", "env", "ls", "wget", "nc", "httpd", "touch", "hostname",
    "stty", "dd", "kill", "true", "false", "ps", "stat", "grep", "chown", "mkdir", "readlink",
];

/// What bash needs, which can make connections: what is static cannot look up names.
const BASH: [&str; 4] = [
    "/bin/bash",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/libtinfo.so.6",
    "/lib64/ld-linux-x86-64.so.2",
];

/// Configurations by the name of the image.
const CONFIGS: [(&str, &str); 3] = [
    (
        "busybox",
        r#"{"Cmd":["sh"],"Env":["IMAGE=yes"],"WorkingDir":"/work"}"#,
    ),
    (
        "words",
        r#"{"Entrypoint":["/bin/echo","entry"],"Cmd":["command"],"Labels":{"dev.wharf.pod":"stolen"}}"#,
    ),
    ("shop", r#"{"Cmd":["id"],"User":"shop"}"#),
];

#[derive(Debug)]
pub(crate) struct Library {
    /// By digest.
    layers: BTreeMap<String, Vec<u8>>,
    order: Vec<String>,
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| {
        text + &format!("{byte:02x}")
    })
}

fn header(size: usize, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(mode);
    header
}

fn add(archive: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, bytes: &[u8]) {
    let mut header = header(bytes.len(), mode);
    archive.append_data(&mut header, path, bytes).unwrap();
}

fn below() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let busybox = std::fs::read("/bin/busybox").unwrap();
    add(&mut archive, "bin/busybox", 0o755, &busybox);
    for name in COMMANDS {
        let mut header = header(0, 0o777);
        header.set_entry_type(tar::EntryType::Symlink);
        let path = format!("bin/{name}");
        archive.append_link(&mut header, path, "busybox").unwrap();
    }
    let passwd = "root:x:0:0::/root:/bin/sh\nshop:x:1000:1001::/home/shop:/bin/sh\n";
    add(&mut archive, "etc/passwd", 0o644, passwd.as_bytes());
    add(&mut archive, "etc/removed", 0o644, b"x");
    for path in BASH {
        let bytes = std::fs::read(path).unwrap();
        add(&mut archive, path.trim_start_matches('/'), 0o755, &bytes);
    }
    archive.into_inner().unwrap()
}

fn above() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    add(&mut archive, "etc/.wh.removed", 0o644, b"");
    archive.into_inner().unwrap()
}

impl Library {
    pub(crate) fn new() -> Self {
        let layers = [below(), above()];
        let order = layers.iter().map(|bytes| digest(bytes)).collect();
        Self {
            layers: layers
                .into_iter()
                .map(|bytes| (digest(&bytes), bytes))
                .collect(),
            order,
        }
    }

    fn manifest(&self, name: &str, config: &str) -> Manifest {
        let layers: Vec<Layer> = self
            .order
            .iter()
            .map(|digest| Layer {
                digest: digest.clone(),
                size: self.layers.get(digest).unwrap().len() as u64,
                media_type: "application/vnd.oci.image.layer.v1.tar".to_owned(),
                diff_id: digest.clone(),
            })
            .collect();
        let ids: Vec<String> = layers
            .iter()
            .map(|layer| format!("{:?}", layer.diff_id))
            .collect();
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{config},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            ids.join(",")
        );
        Manifest {
            repository: format!("localhost:4566/{name}"),
            digest: digest(name.as_bytes()),
            config_digest: digest(config.as_bytes()),
            config: config.into_bytes(),
            layers,
            place: Arc::new(()),
        }
    }
}

impl ImageSource for Library {
    fn find<'a>(&'a self, request: &'a ImageRequest, _: &'a str) -> Later<'a, Manifest> {
        let name = request.name.as_str();
        let found = CONFIGS.iter().find(|(own, _)| *own == name);
        let answer = match (found, name) {
            (Some((_, config)), _) => Ok(self.manifest(name, config)),
            (None, "broken") => {
                let mut manifest = self.manifest(name, r#"{"Cmd":["true"],"Env":["BROKEN=yes"]}"#);
                // Other bytes than those of the digest will come.
                manifest.layers[1].digest = digest(b"another");
                manifest.layers[1].diff_id = digest(b"another");
                Ok(manifest)
            }
            _ => Err(Error::Start {
                reason: "ErrImagePull",
                message: format!("there is no image {name}"),
            }),
        };
        Box::pin(ready(answer))
    }

    fn layer<'a>(
        &'a self,
        _: &'a Manifest,
        layer: &'a Layer,
    ) -> Later<'a, Box<dyn AsyncRead + Send + Unpin>> {
        let last = self.order.last().unwrap();
        let found = self.layers.get(&layer.digest);
        let bytes = found.unwrap_or_else(|| self.layers.get(last).unwrap());
        let bytes = std::io::Cursor::new(bytes.clone());
        Box::pin(ready(Ok(
            Box::new(bytes) as Box<dyn AsyncRead + Send + Unpin>
        )))
    }
}
