//! A layer that a runtime could unpack: a tar archive with one file, plain or in a gzip frame.

const BLOCK: usize = 512;

/// A tar archive (POSIX ustar) with one small file.
pub(crate) fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, text: &str| {
        for (field, byte) in header.iter_mut().skip(at).zip(text.bytes()) {
            *field = byte;
        }
    };
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    // The sum counts its own field as blanks.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    let sum = format!("{sum:06o}\0 ");
    for (field, byte) in header.iter_mut().skip(148).zip(sum.bytes()) {
        *field = byte;
    }
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    archive
}

/// A gzip frame around up to 64 KiB that are stored as they are.
pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    let content = content.get(..usize::from(u16::MAX)).unwrap_or(content);
    let len = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let mut frame = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    // One final block of the type "stored".
    frame.push(1);
    frame.extend(len.to_le_bytes());
    frame.extend((!len).to_le_bytes());
    frame.extend_from_slice(content);
    frame.extend(crc32(content).to_le_bytes());
    frame.extend(u32::from(len).to_le_bytes());
    frame
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| {
        if crc & 1 == 1 {
            (crc >> 1) ^ 0xedb8_8320
        } else {
            crc >> 1
        }
    };
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_of_the_check_string() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn an_archive_is_whole_blocks_and_its_sum_is_right() {
        let archive = tar("hello.txt", b"hello");
        assert_eq!(archive.len(), 4 * BLOCK);
        assert_eq!(&archive[257..262], b"ustar");
        let plain: u32 = archive[..BLOCK].iter().map(|b| u32::from(*b)).sum();
        let own: u32 = archive[148..156].iter().map(|b| u32::from(*b)).sum();
        let sum = plain - own + 8 * u32::from(b' ');
        assert_eq!(&archive[148..154], format!("{sum:06o}").as_bytes());
    }

    #[test]
    fn a_frame_ends_with_the_length() {
        let frame = gzip(b"hello");
        assert_eq!(frame.len(), 10 + 5 + 5 + 8);
        assert_eq!(&frame[frame.len() - 4..], 5_u32.to_le_bytes());
    }
}
