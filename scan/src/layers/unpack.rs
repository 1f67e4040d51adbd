//! Decompression that stops in time.
use std::{
    cell::{Cell, RefCell},
    io::{self, BufRead as _, BufReader, Read},
    rc::Rc,
};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use super::Limits;
use crate::Error;

/// How much is read at once.
const BUFFER: usize = 64 * 1024;

/// The largest window of a zstd frame, which is memory: that of `zstd --long=27`.
const WINDOW: u64 = 128 * 1024 * 1024;

/// The unpacked bytes of a layer. Fails as soon as there are too many.
pub(crate) struct Unpacked<'a> {
    limits: Limits,
    source: Box<dyn Read + 'a>,
    state: Rc<State>,
    unpacked: u64,
    before: u64,
    is_packed: bool,
}

impl<'a> Unpacked<'a> {
    pub(super) fn new<R: Read + 'a>(limits: Limits, before: u64, layer: R) -> Result<Self, Error> {
        let state = Rc::new(State::default());
        let watched = Watched {
            source: layer,
            state: Rc::clone(&state),
        };
        let mut source = BufReader::with_capacity(BUFFER, watched);
        let head = source.fill_buf().map_err(Error::Read)?;
        let (source, is_packed): (Box<dyn Read + 'a>, bool) = match head {
            [0x1f, 0x8b, ..] => (Box::new(MultiGzDecoder::new(source)), true),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                (Box::new(Zstd::new(source)), true)
            }
            _ => (Box::new(source), false),
        };
        Ok(Self {
            limits,
            source,
            state,
            unpacked: 0,
            before,
            is_packed,
        })
    }

    /// How many bytes came out.
    pub(crate) const fn count(&self) -> u64 {
        self.unpacked
    }

    /// Reads some bytes; none at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let n = loop {
            match self.source.read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    let failed = self.state.failed.take();
                    return Err(failed.map_or_else(|| Error::Archive(e.to_string()), Error::Read));
                }
                Ok(n) => break n,
            }
        };
        self.unpacked += n as u64;
        self.check()?;
        Ok(n)
    }

    fn check(&self) -> Result<(), Error> {
        let Limits {
            layer_bytes,
            image_bytes,
            ratio,
            ratio_from,
            ..
        } = self.limits;
        let too_large = |what, limit| Err(Error::TooLarge { what, limit });
        if self.unpacked > layer_bytes {
            return too_large("a layer of more unpacked bytes", layer_bytes);
        }
        if self.before.saturating_add(self.unpacked) > image_bytes {
            return too_large("more unpacked bytes", image_bytes);
        }
        if self.is_packed
            && self.unpacked > ratio_from
            && self.unpacked / ratio > self.state.packed.get()
        {
            return too_large("a layer that grows more when unpacked", ratio);
        }
        Ok(())
    }
}

/// What is known of a source, which decoders only pass on.
#[derive(Default)]
struct State {
    packed: Cell<u64>,
    /// Its own error, which is not the archive's; decoders wrap it.
    failed: RefCell<Option<io::Error>>,
}

/// A source of packed bytes.
struct Watched<R> {
    source: R,
    state: Rc<State>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.source.read(buffer) {
            Ok(n) => {
                self.state.packed.set(self.state.packed.get() + n as u64);
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                self.state.failed.replace(Some(e));
                Err(io::Error::other("the bytes did not come"))
            }
        }
    }
}

/// Frames of zstd one after another, those to be skipped among them.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: io::BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Self {
            source,
            decoder,
            in_frame: false,
        }
    }

    /// Goes to the next frame with content; whether there is one.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let mut skipped = self.source.by_ref().take(length);
                    if io::copy(&mut skipped, &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(e) => return Err(io::Error::other(e)),
            }
        }
    }
}

impl<R: io::BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.in_frame && self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if !self.in_frame || self.decoder.is_finished() {
                self.in_frame = self.next_frame()?;
                if !self.in_frame {
                    return Ok(0);
                }
            }
            self.decoder
                .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(io::Error::other)?;
        }
    }
}
