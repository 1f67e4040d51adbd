//! The wire format: numbers, lengths and values, as Go's generated code reads them.
use super::DecodeError;

/// Groups within each other that are skipped; nobody sends any.
const MAX_GROUPS: usize = 32;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// A value as the wire has it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Bytes(&'a [u8]),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field that is not a group.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Wire<'a>)>, DecodeError> {
        while !self.rest.is_empty() {
            let key = self.varint()?;
            let tag = u32::try_from(key >> 3)
                .ok()
                .filter(|tag| (1..1 << 29).contains(tag))
                .ok_or(DecodeError::Malformed("illegal tag"))?;
            match key & 7 {
                3 => self.skip_group()?,
                4 => return Err(DecodeError::Malformed("wiretype end group for non-group")),
                kind => return Ok(Some((tag, self.value(kind)?))),
            }
        }
        Ok(None)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.rest.split_first().ok_or(DecodeError::UnexpectedEof)?;
            self.rest = rest;
            value |= u64::from(first & 0x7f) << shift;
            if *first < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::Malformed("integer overflow"))
    }

    pub(crate) fn fixed64(&mut self) -> Result<u64, DecodeError> {
        let bytes = self.take(8)?;
        let bytes = bytes.try_into().unwrap_or([0; 8]);
        Ok(u64::from_le_bytes(bytes))
    }

    fn value(&mut self, kind: u64) -> Result<Wire<'a>, DecodeError> {
        Ok(match kind {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(self.fixed64()?),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Wire::Fixed32
            }
            _ => return Err(DecodeError::Malformed("illegal wireType")),
        })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let taken = self.rest.split_at_checked(length);
        let (taken, rest) = taken.ok_or(DecodeError::UnexpectedEof)?;
        self.rest = rest;
        Ok(taken)
    }

    fn skip_group(&mut self) -> Result<(), DecodeError> {
        let mut open = 1_usize;
        while open > 0 {
            match self.varint()? & 7 {
                3 if open == MAX_GROUPS => return Err(DecodeError::TooDeep),
                3 => open += 1,
                4 => open -= 1,
                kind => {
                    self.value(kind)?;
                }
            }
        }
        Ok(())
    }
}
