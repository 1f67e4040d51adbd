use std::io::{ErrorKind, Write as _};

use futures::FutureExt as _;
use proptest::prelude::*;

use super::headers::{DICTIONARY, Deflater, Inflater};
use super::*;

const ALPHABET: &str = "[a-z]{1,20}";

fn read(bytes: &[u8]) -> (Vec<Event>, ErrorKind) {
    let mut reader = Reader::new(bytes);
    let mut events = Vec::new();
    loop {
        match reader.next().now_or_never().unwrap() {
            Ok(event) => events.push(event),
            Err(error) => return (events, error.kind()),
        }
    }
}

/// A frame that opens a stream, as a client sends it (section 2.6.1).
pub(in super::super) fn syn_stream(stream: u32, block: &[u8], end: bool) -> Vec<u8> {
    let length = u32::try_from(block.len() + 10).unwrap();
    let mut frame = vec![0x80, 3, 0, 1];
    frame.extend((length | u32::from(end) << 24).to_be_bytes());
    frame.extend(stream.to_be_bytes());
    frame.extend([0; 6]);
    frame.extend(block);
    frame
}

/// Data as a client sends it.
pub(in super::super) fn data(stream: u32, bytes: &[u8], end: bool) -> Vec<u8> {
    frame::data(stream, bytes, end)
}

/// The headers of a client's streams.
#[derive(Debug, Default)]
pub(in super::super) struct Blocks(Deflater);

impl Blocks {
    pub(in super::super) fn block(&mut self, headers: &[(&str, &str)]) -> Vec<u8> {
        self.0.block(headers)
    }
}

fn opened(events: &[Event], name: &str) -> Vec<String> {
    let of = |event: &Event| match event {
        Event::Open { headers, .. } => Some(headers.get(name).to_owned()),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn the_dictionary_is_that_of_the_specification() {
    // Section 2.6.10.1: it begins with "options" and ends with ",enq=0.".
    assert_eq!(DICTIONARY[..11], *b"\0\0\0\x07options");
    assert!(DICTIONARY.ends_with(b",enq=0."));
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in DICTIONARY {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    assert_eq!((b << 16) | a, 0xe3c6_a7c2);
}

#[test]
fn what_kubectl_sends_is_read() {
    // Two streams as Go's client of Kubernetes opens them: deflated with the dictionary, the second
    // block referring to the first.
    let blocks: [&[u8]; 2] = [include_bytes!("error.block"), include_bytes!("data.block")];
    let mut bytes = syn_stream(1, blocks[0], false);
    bytes.extend(syn_stream(3, blocks[1], true));
    let (events, end) = read(&bytes);
    assert_eq!(end, ErrorKind::UnexpectedEof);
    assert_eq!(opened(&events, "streamtype"), ["error", "data"]);
    assert_eq!(opened(&events, "port"), ["8080", "8080"]);
    assert_eq!(opened(&events, "requestid"), ["0", "0"]);
}

#[test]
fn a_stored_block_is_what_the_reader_of_blocks_reads() {
    let mut deflater = Deflater::default();
    let mut inflater = Inflater::new();
    for _ in 0..3 {
        let block = deflater.block(&[("streamtype", "stdin"), ("port", "1")]);
        let headers = inflater.headers(&block).unwrap();
        assert_eq!(headers.get("streamtype"), "stdin");
        assert_eq!(headers.get("port"), "1");
        assert_eq!(headers.get("other"), "");
    }
}

#[test]
fn frames_of_ours_have_the_form_of_the_specification() {
    let mut encoder = Encoder::default();
    let bytes = Bytes::from_static(b"hi");
    let data = Out::Data {
        stream: 5,
        bytes,
        end: true,
    };
    let expected: [(Out, &[u8]); 4] = [
        (data, &[0, 0, 0, 5, 1, 0, 0, 2, b'h', b'i']),
        (Out::Ping(7), &[0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7]),
        (
            Out::Refuse(9),
            &[0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 3],
        ),
        (
            Out::GoAway(3),
            &[0x80, 3, 0, 7, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 0],
        ),
    ];
    for (out, bytes) in expected {
        assert_eq!(encoder.frame(&out), bytes);
    }
}

#[test]
fn a_bomb_of_headers_is_refused() {
    let mut zip = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zip.write_all(&vec![0; 1 << 20]).unwrap();
    let block = zip.finish().unwrap();
    assert!(block.len() < 4096);
    let error = Inflater::new().headers(&block).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[test]
fn what_is_too_long_or_of_another_version_is_refused() {
    let long = [0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff];
    let old = [0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1];
    let cut = [0x80, 3, 0, 6, 0, 0, 0, 1, 0];
    for bytes in [&long[..], &old, &cut] {
        assert_eq!(read(bytes).1, ErrorKind::InvalidData);
    }
}

proptest! {
    #[test]
    fn headers_come_as_they_were_sent(all in prop::collection::vec(
        prop::collection::vec((ALPHABET, "[ -~]{0,40}"), 0..8), 1..5,
    )) {
        let mut deflater = Deflater::default();
        let mut inflater = Inflater::new();
        for headers in &all {
            let pairs: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let read = inflater.headers(&deflater.block(&pairs)).unwrap();
            for (name, _) in &pairs {
                let first = pairs.iter().find(|(own, _)| own == name).unwrap();
                prop_assert_eq!(read.get(name), first.1);
            }
        }
    }

    #[test]
    fn data_comes_as_it_was_sent(parts in prop::collection::vec(
        (1_u32..9, prop::collection::vec(any::<u8>(), 0..400), any::<bool>()), 0..8,
    )) {
        let mut bytes = Vec::new();
        for (stream, data, end) in &parts {
            bytes.extend(frame::data(*stream, data, *end));
        }
        let (events, _) = read(&bytes);
        let of = |event: &Event| match event {
            Event::Data { stream, bytes, end } => (*stream, bytes.to_vec(), *end),
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(events.iter().map(of).collect::<Vec<_>>(), parts);
    }

    #[test]
    fn hostile_bytes_end_it(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let (events, _) = read(&bytes);
        prop_assert!(events.len() <= bytes.len());
    }

    #[test]
    fn hostile_blocks_end_it(
        bytes in prop::collection::vec(any::<u8>(), 0..3000), dictionary in any::<bool>(),
    ) {
        let mut block = if dictionary {
            vec![0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2]
        } else {
            vec![0x78, 0x9c]
        };
        block.extend(bytes);
        let _any = Inflater::new().headers(&block);
    }
}
