//! Volumes of pods.
use serde_json::{Value, json};

use super::claim::default_claim_spec;
use super::container::default_field_ref;
use crate::fields;
use crate::validation::VOLUME_SOURCES;

/// What each source of a volume has by itself, besides those below.
const PLAIN: [(&str, &str, &str); 6] = [
    ("iscsi", "iscsiInterface", "default"),
    ("rbd", "pool", "rbd"),
    ("rbd", "user", "admin"),
    ("rbd", "keyring", "/etc/ceph/keyring"),
    ("scaleIO", "storageMode", "ThinProvisioned"),
    ("scaleIO", "fsType", "xfs"),
];

/// 0644.
const FILE_MODE: i32 = 420;

pub(super) fn default_volume(volume: &mut Value) {
    if !VOLUME_SOURCES
        .iter()
        .any(|source| fields::has(volume, source))
    {
        fields::set(volume, "emptyDir", json!({}));
    }
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = fields::child(volume, source) {
            fields::default_pointer(source, "defaultMode", FILE_MODE);
        }
    }
    if let Some(path) = fields::child(volume, "hostPath") {
        fields::default_pointer(path, "type", "");
    }
    if let Some(files) = fields::child(volume, "downwardAPI") {
        fields::each(files, "items").for_each(default_file);
    }
    if let Some(projected) = fields::child(volume, "projected") {
        for source in fields::each(projected, "sources") {
            if let Some(files) = fields::child(source, "downwardAPI") {
                fields::each(files, "items").for_each(default_file);
            }
            if let Some(token) = fields::child(source, "serviceAccountToken") {
                fields::default_pointer(token, "expirationSeconds", 3600);
            }
        }
    }
    if let Some(ephemeral) = fields::child(volume, "ephemeral")
        && let Some(template) = fields::child(ephemeral, "volumeClaimTemplate")
        && let Some(spec) = fields::ensure(template, "spec")
    {
        default_claim_spec(spec);
    }
    for (source, field, value) in PLAIN {
        if let Some(source) = fields::child(volume, source) {
            fields::default_plain(source, field, value);
        }
    }
    if let Some(disk) = fields::child(volume, "azureDisk") {
        fields::default_pointer(disk, "cachingMode", "ReadWrite");
        fields::default_pointer(disk, "fsType", "ext4");
        fields::default_pointer(disk, "readOnly", false);
        fields::default_pointer(disk, "kind", "Shared");
    }
}

fn default_file(item: &mut Value) {
    default_field_ref(item);
    if let Some(of) = fields::child(item, "resourceFieldRef") {
        fields::default_pointer(of, "divisor", "0");
    }
}
