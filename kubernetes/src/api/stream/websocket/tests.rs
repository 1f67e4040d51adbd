use futures::FutureExt as _;
use proptest::prelude::*;

use super::*;

/// Section 5.2, as a client sends it.
fn sent(code: u8, last: bool, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = message(code, &[], payload);
    if !last {
        frame[0] &= 0x7f;
    }
    frame[1] |= 0x80;
    let body = frame.split_off(frame.len() - payload.len());
    frame.extend_from_slice(&mask);
    frame.extend(body.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

async fn read(bytes: &[u8]) -> (Vec<Event>, ErrorKind) {
    let mut reader = Reader::new(bytes);
    let mut events = Vec::new();
    loop {
        match reader.next().await {
            Ok(event) => events.push(event),
            Err(error) => return (events, error.kind()),
        }
    }
}

/// The messages that pieces make.
fn joined(events: &[Event]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for event in events {
        if let Event::Piece(piece) = event {
            if piece.first {
                all.push(Vec::new());
            }
            all.last_mut().unwrap().extend_from_slice(&piece.bytes);
        }
    }
    all
}

#[test]
fn the_key_of_the_specification() {
    // Section 1.3.
    let answer = accept("dGhlIHNhbXBsZSBub25jZQ==").unwrap();
    assert_eq!(answer, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(accept("short"), None);
    assert_eq!(accept("c2hvcnQ="), None);
}

#[tokio::test]
async fn the_examples_of_the_specification() {
    // Section 5.7: a single-frame masked text message.
    let hello = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    let (events, _) = read(&hello).await;
    assert_eq!(joined(&events), [b"Hello".to_vec()]);
    // The same unmasked, as a server sends it.
    let unmasked = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(message(TEXT, b"He", b"llo"), unmasked);
    assert_eq!(message(BINARY, &[], &[0; 256])[..4], [0x82, 0x7e, 1, 0]);
    let long = [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0];
    assert_eq!(message(BINARY, &[], &vec![0; 65536])[..10], long);
    // "The server MUST close the connection upon receiving a frame that is not masked."
    assert_eq!(read(&unmasked).await.1, ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_ping_comes_between_the_frames_of_a_message() {
    let mut bytes = sent(BINARY, false, b"He");
    bytes.extend(sent(PING, true, b"?"));
    bytes.extend(sent(CONTINUATION, true, b"llo"));
    bytes.extend(sent(CLOSE, true, &[]));
    let (events, _) = read(&bytes).await;
    assert_eq!(joined(&events), [b"Hello".to_vec()]);
    assert_eq!(events[1], Event::Ping(Bytes::from_static(b"?")));
    assert_eq!(*events.last().unwrap(), Event::Close);
}

#[tokio::test]
async fn what_the_specification_forbids_is_an_error() {
    let mut long_ping = sent(PING, true, &[0; 126]);
    let mut cut_ping = sent(PING, false, b"");
    let mut reserved = sent(BINARY, true, b"");
    reserved[0] |= 0x40;
    let mut nested = sent(BINARY, false, b"a");
    nested.extend(sent(BINARY, true, b"b"));
    let mut stray = sent(CONTINUATION, true, b"a");
    let mut unknown = sent(3, true, b"");
    for bytes in [
        &mut long_ping,
        &mut cut_ping,
        &mut reserved,
        &mut nested,
        &mut stray,
        &mut unknown,
    ] {
        assert_eq!(read(bytes).await.1, ErrorKind::InvalidData);
    }
}

proptest! {
    #[test]
    fn messages_come_as_they_were_sent(messages in prop::collection::vec(
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..4), 0..5,
    )) {
        let mut bytes = Vec::new();
        let mut whole = Vec::new();
        for frames in &messages {
            for (at, frame) in frames.iter().enumerate() {
                let code = if at == 0 { BINARY } else { CONTINUATION };
                bytes.extend(sent(code, at + 1 == frames.len(), frame));
            }
            whole.push(frames.concat());
        }
        let read = read(&bytes).now_or_never().unwrap();
        prop_assert_eq!(joined(&read.0), whole);
        prop_assert_eq!(read.1, ErrorKind::UnexpectedEof);
    }

    #[test]
    fn hostile_bytes_end_it(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let (events, _) = read(&bytes).now_or_never().unwrap();
        prop_assert!(events.len() <= bytes.len());
    }
}
