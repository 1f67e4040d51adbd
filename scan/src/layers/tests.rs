use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::Files;

/// One entry of a tar archive: path, type, link target, content.
pub(crate) fn entry(path: &str, kind: u8, link: &str, content: &[u8]) -> Vec<u8> {
    let mut head = vec![0; 512];
    head[..path.len()].copy_from_slice(path.as_bytes());
    head[100..108].copy_from_slice(b"0000644\0");
    head[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
    head[148..156].copy_from_slice(b"        ");
    head[156] = kind;
    head[157..157 + link.len()].copy_from_slice(link.as_bytes());
    head[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u64 = head.iter().map(|b| u64::from(*b)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head.extend_from_slice(content);
    head.resize(head.len().next_multiple_of(512), 0);
    head
}

/// An archive of regular files.
pub(crate) fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut all: Vec<u8> = files
        .iter()
        .flat_map(|(path, content)| entry(path, b'0', "", content.as_bytes()))
        .collect();
    all.extend_from_slice(&[0; 1024]);
    all
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn small() -> Limits {
    Limits {
        layer_bytes: 8 << 20,
        image_bytes: 12 << 20,
        ratio: 100,
        ratio_from: 1 << 20,
        entries: 100,
        ..Limits::default()
    }
}

fn read(limits: Limits, layer: &[u8]) -> Result<Option<String>, Error> {
    let mut files = Files::new(limits);
    files.add_layer(layer)?;
    let found = files.content("etc/os-release")?;
    Ok(found.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
}

#[test]
fn a_layer_is_read_however_it_is_packed() {
    let plain = tar(&[("./x", "1"), ("./etc/os-release", "ID=x"), ("y", "2")]);
    let (first, second) = plain.split_at(700);
    // RFC 8878, 3.1.2: frames that are to be skipped.
    let skipped = [b"\x50\x2a\x4d\x18\x03\0\0\0abc".as_slice(), &zstd(first)].concat();
    for layer in [
        plain.clone(),
        gzip(&plain),
        [gzip(first), gzip(second)].concat(),
        zstd(&plain),
        [skipped.clone(), skipped[..11].to_vec(), zstd(second)].concat(),
    ] {
        let found = read(Limits::default(), &layer).unwrap();
        assert_eq!(found.as_deref(), Some("ID=x"));
    }
}

#[test]
fn bombs_are_given_up() {
    let zeros = vec![0; 16 << 20];
    let file = entry("zeros", b'0', "", &zeros);
    for bomb in [gzip(&file), zstd(&file), file.clone()] {
        assert!(matches!(read(small(), &bomb), Err(Error::TooLarge { .. })));
    }
    let limits = Limits {
        layer_bytes: u64::MAX,
        image_bytes: u64::MAX,
        ..small()
    };
    let by_ratio = read(limits, &gzip(&file)).unwrap_err();
    assert!(matches!(by_ratio, Error::TooLarge { limit: 100, .. }));
    // Two layers that are small enough alone are not together.
    let half = gzip(&entry("zeros", b'0', "", &zeros[..7 << 20]));
    let limits = Limits {
        ratio: u64::MAX,
        ..small()
    };
    let mut files = Files::new(limits);
    files.add_layer(half.as_slice()).unwrap();
    let second = files.add_layer(half.as_slice()).unwrap_err();
    assert!(matches!(second, Error::TooLarge { limit, .. } if limit == 12 << 20));
    let many = tar(&vec![("x", ""); 101]);
    assert!(matches!(read(small(), &many), Err(Error::Limit { .. })));
}

#[test]
fn names_and_headers_are_bounded() {
    let long = entry("././@LongLink", b'L', "", "a".repeat(5000).as_bytes());
    assert!(matches!(read(small(), &long), Err(Error::Limit { .. })));
    let path = format!("{}/etc/os-release", "../".repeat(1000));
    let mut layer = entry("././@LongLink", b'L', "", path.as_bytes());
    layer.extend(entry("x", b'0', "", b"ID=y"));
    assert_eq!(read(small(), &layer).unwrap().as_deref(), Some("ID=y"));
    let mut layer = entry("x", b'x', "", b"28 path=/abs/../etc/os-release\n");
    assert!(read(small(), &layer).is_err(), "a record of another length");
    layer = entry("x", b'x', "", b"31 path=/abs/../etc/os-release\n");
    layer.extend(entry("x", b'0', "", b"ID=z"));
    assert_eq!(read(small(), &layer).unwrap().as_deref(), Some("ID=z"));
    let limits = Limits {
        file_bytes: 3,
        ..small()
    };
    let large = tar(&[("etc/os-release", "ID=x")]);
    assert!(matches!(read(limits, &large), Err(Error::Limit { .. })));
}

#[test]
fn what_is_no_archive_is_an_error_and_nothing_is_an_empty_layer() {
    let whole = tar(&[("etc/os-release", "ID=x")]);
    assert_eq!(read(small(), b"").unwrap(), None);
    for broken in [
        b"layer of x".to_vec(),
        vec![b'x'; 2000],
        whole[..600].to_vec(),
        gzip(&whole)[..60].to_vec(),
        gzip(b"text"),
        zstd(&whole)[..20].to_vec(),
        b"\x1f\x8b".to_vec(),
        b"\x28\xb5\x2f\xfd".to_vec(),
    ] {
        let error = read(small(), &broken).unwrap_err();
        assert!(matches!(error, Error::Archive(_)), "{error:?}");
    }
}

#[test]
fn an_error_of_the_source_is_not_one_of_the_archive() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    for head in [
        gzip(&tar(&[("a", "b")])),
        tar(&[("a", "b")]),
        zstd(&tar(&[("a", "b")])),
    ] {
        let half = head[..head.len() / 2].to_vec();
        let layer = std::io::Cursor::new(half).chain(Failing);
        let error = Files::new(small()).add_layer(layer).unwrap_err();
        assert!(matches!(error, Error::Read(_)), "{error:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), packed in 0..3) {
        let layer = match packed {
            0 => bytes,
            1 => gzip(&bytes),
            _ => [b"\x28\xb5\x2f\xfd".as_slice(), &bytes].concat(),
        };
        drop(read(small(), &layer));
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0..2560usize, byte: u8) {
        let mut layer = tar(&[("etc/os-release", "ID=x"), ("var/lib/dpkg/status", "y")]);
        layer.extend(entry("a", b'x', "", b"20 path=var/lib/apk\n"));
        if let Some(there) = layer.get_mut(at) {
            *there = byte;
        }
        drop(read(small(), &layer));
    }
}
