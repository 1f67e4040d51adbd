use super::*;

const D: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn parse(media_type: &str, body: &str) -> Result<Manifest<Vec<u8>>, ManifestError> {
    Manifest::parse(Some(media_type), body.as_bytes().to_vec())
}

fn image(extra: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"{}","digest":"{D}","size":3}},"layers":[{{"mediaType":"{}","digest":"{D}","size":4}}]{extra}}}"#,
        media::OCI_CONFIG,
        media::OCI_LAYER_GZIP
    )
}

#[test]
fn an_image_references_its_config_and_layers() {
    let m = parse(media::OCI_MANIFEST, &image("")).unwrap();
    assert_eq!(m.image_size, 7);
    assert_eq!(
        m.references.iter().map(|r| r.role).collect::<Vec<_>>(),
        [Role::Config, Role::Layer]
    );
    assert_eq!(m.referrer_type(), Some(media::OCI_CONFIG));
    let typed = parse(media::OCI_MANIFEST, &image(r#","artifactType":"a/b""#)).unwrap();
    assert_eq!(typed.referrer_type(), Some("a/b"));
    let inferred = Manifest::infer(image("").into_bytes()).unwrap();
    assert_eq!(inferred.media_type, media::OCI_MANIFEST);
}

// CVE-2021-41190: one document must not be readable as two things.
#[test]
fn a_document_is_either_an_image_or_an_index_and_says_so_once() {
    let both = image(r#","manifests":[]"#);
    assert_eq!(
        parse(media::OCI_MANIFEST, &both).unwrap_err(),
        ManifestError::Ambiguous
    );
    let other = image(&format!(r#","mediaType":"{}""#, media::OCI_INDEX));
    assert!(matches!(
        parse(media::OCI_MANIFEST, &other),
        Err(ManifestError::MediaTypeDiffers { .. })
    ));
    assert!(matches!(
        parse(media::OCI_INDEX, &image("")),
        Err(ManifestError::Malformed(_))
    ));
}

#[test]
fn malformed_documents_are_refused() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let sizes = ["-1", "1.5", "9223372036854775808", "1e3", "\"3\"", "NaN"]
        .map(|n| image("").replace(r#""size":3"#, &format!(r#""size":{n}"#)));
    let mut bad = vec![
        String::new(),
        "x".into(),
        "[]".into(),
        "\u{feff}{}".into(),
        format!("{} x", image("")),
        image(r#","a":1,"a":2"#),
        image(r#","annotations":{"k":"1","k":"2"}"#),
        image(&format!(r#","deep":{deep}"#)),
        image("").replace(D, "sha256:../../x"),
    ];
    bad.extend(sizes);
    for body in bad {
        assert!(
            matches!(
                parse(media::OCI_MANIFEST, &body),
                Err(ManifestError::Malformed(_))
            ),
            "{body:.80}"
        );
    }
    assert_eq!(
        parse("nonsense", &image("")).unwrap_err(),
        ManifestError::NoMediaType
    );
    assert_eq!(
        parse(media::DOCKER_SCHEMA1_SIGNED, "{}").unwrap_err(),
        ManifestError::Schema1
    );
    let big = image(&format!(r#","x":"{}""#, "x".repeat(MAX_BYTES)));
    assert_eq!(
        parse(media::OCI_MANIFEST, &big).unwrap_err(),
        ManifestError::TooLarge
    );
}

#[test]
fn only_foreign_layers_may_have_urls_and_they_need_not_be_here() {
    let with_urls = image("").replace(r#","size":4"#, r#","size":4,"urls":["http://x/"]"#);
    assert!(matches!(
        parse(media::OCI_MANIFEST, &with_urls),
        Err(ManifestError::Urls(_))
    ));
    let foreign = with_urls.replace(
        media::OCI_LAYER_GZIP,
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    );
    let m = parse(media::OCI_MANIFEST, &foreign).unwrap();
    assert_eq!(
        m.references.iter().map(|r| r.required).collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn unknown_types_and_members_are_kept_as_they_are() {
    let m = parse(
        "application/vnd.example+json",
        r#"{"hello":[1,2,{"x":null}]}"#,
    )
    .unwrap();
    assert!(m.references.is_empty());
}
