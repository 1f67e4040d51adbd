use std::process::Command;

use proptest::prelude::*;

use super::*;

/// A header as rpm writes one: counts, index, data.
fn header(name: &str, epoch: Option<u32>, source: &str, padding: usize) -> Vec<u8> {
    let mut index: Vec<u8> = Vec::new();
    let mut data = vec![b'x'; padding];
    let mut tag = |tag: u32, kind: u32, value: &[u8]| {
        for n in [tag, kind, u32::try_from(data.len()).unwrap(), 1] {
            index.extend(n.to_be_bytes());
        }
        data.extend(value);
    };
    tag(1000, 6, format!("{name}\0").as_bytes());
    tag(1001, 6, b"1.2.3\0");
    tag(1002, 6, b"4.el9\0");
    if let Some(epoch) = epoch {
        tag(1003, 4, &epoch.to_be_bytes());
    }
    tag(1022, 6, b"x86_64\0");
    tag(1044, 6, format!("{source}\0").as_bytes());
    let counts = [index.len() / 16, data.len()].map(|n| u32::try_from(n).unwrap().to_be_bytes());
    [counts.concat(), index, data].concat()
}

fn headers() -> Vec<Vec<u8>> {
    vec![
        header("bash", None, "bash-1.2.3-4.el9.src.rpm", 10),
        // Larger than a page.
        header(
            "openssl-libs",
            Some(1),
            "openssl-3-1.2.3-4.el9.src.rpm",
            30_000,
        ),
        header("gpg-pubkey", None, "", 0),
    ]
}

fn packages(read: Reader, file: &[u8]) -> Result<Vec<(String, String, String)>, String> {
    let mut found = Vec::new();
    read(file, &mut |blob| {
        found.extend(header::package(blob)?.map(|p| (p.name, p.version, p.source)));
        Ok(())
    })?;
    found.sort();
    Ok(found)
}

fn expected() -> Vec<(String, String, String)> {
    [
        ("bash", "0:1.2.3-4.el9", "bash"),
        ("openssl-libs", "1:1.2.3-4.el9", "openssl-3"),
    ]
    .map(|(a, b, c)| (a.into(), b.into(), c.into()))
    .into()
}

/// A real SQLite database, made by Python's own library. `None` where there is no Python.
fn sqlite(rows: &[Vec<u8>], page: usize) -> Option<Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rpmdb.sqlite");
    let script = "
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute(f'PRAGMA page_size = {sys.argv[2]}')
db.execute('CREATE TABLE Name (key TEXT, hnum INTEGER, idx INTEGER)')
db.execute('CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)')
for blob in sys.argv[3:]:
    db.execute('INSERT INTO Packages (blob) VALUES (?)', (bytes.fromhex(blob),))
db.commit()
";
    let hex = |row: &Vec<u8>| {
        row.iter()
            .map(|b| format!("{b:02x}"))
            .collect::<Vec<_>>()
            .concat()
    };
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(&path)
        .arg(page.to_string())
        .args(rows.iter().map(hex))
        .output();
    let made = output.is_ok_and(|output| output.status.success());
    made.then(|| std::fs::read(&path).unwrap())
}

#[test]
fn sqlite_databases_are_read_whatever_their_page_size() {
    for page in [512, 1024, 4096, 65_536] {
        let Some(file) = sqlite(&headers(), page) else {
            return;
        };
        assert_eq!(packages(sqlite::read, &file).unwrap(), expected(), "{page}");
    }
    // Several levels of the tree.
    let many: Vec<_> = (0..400)
        .map(|i| header(&format!("p{i:03}"), None, "p-1-1.src.rpm", i))
        .collect();
    let file = sqlite(&many, 512).unwrap();
    let found = packages(sqlite::read, &file).unwrap();
    assert_eq!(found.len(), 400);
    assert_eq!(found[399].0, "p399");
}

fn ndb(rows: &[Vec<u8>]) -> Vec<u8> {
    let mut file = vec![0; 4096];
    file[..4].copy_from_slice(b"RpmP");
    file[12..16].copy_from_slice(&1_u32.to_le_bytes());
    for slot in 2..256 {
        file[slot * 16..slot * 16 + 4].copy_from_slice(b"Slot");
    }
    for (i, row) in (1_u32..).zip(rows) {
        let slot = 16 * (1 + i as usize);
        let block = u32::try_from(file.len() / 16).unwrap();
        file[slot + 4..slot + 8].copy_from_slice(&i.to_le_bytes());
        file[slot + 8..slot + 12].copy_from_slice(&block.to_le_bytes());
        file.extend(b"BlbS");
        file.extend(i.to_le_bytes());
        file.extend(0_u32.to_le_bytes());
        file.extend(u32::try_from(row.len()).unwrap().to_le_bytes());
        file.extend(row);
        file.resize(file.len().next_multiple_of(16), 0);
    }
    file
}

#[test]
fn ndb_databases_are_read() {
    assert_eq!(packages(ndb::read, &ndb(&headers())).unwrap(), expected());
}

/// A hash of Berkeley DB with pages of 4096 bytes: one page of pairs, the values on others.
fn bdb(rows: &[Vec<u8>]) -> Vec<u8> {
    const PAGE: usize = 4096;
    let put16 = |page: &mut [u8], at: usize, n: usize| {
        page[at..at + 2].copy_from_slice(&u16::try_from(n).unwrap().to_le_bytes());
    };
    let put32 = |page: &mut [u8], at: usize, n: usize| {
        page[at..at + 4].copy_from_slice(&u32::try_from(n).unwrap().to_le_bytes());
    };
    let mut pages = vec![vec![0; PAGE]; 2];
    let mut at = PAGE;
    for (i, row) in rows.iter().enumerate() {
        at -= 5;
        pages[1][at] = 1;
        put16(&mut pages[1], 26 + i * 4, at);
        at -= 12;
        pages[1][at] = 3;
        put16(&mut pages[1], 28 + i * 4, at);
        let first = pages.len();
        put32(&mut pages[1], at + 4, first);
        put32(&mut pages[1], at + 8, row.len());
        let chunks: Vec<_> = row.chunks(PAGE - 26).collect();
        for (n, chunk) in chunks.iter().enumerate() {
            let mut page = vec![0; PAGE];
            let last = n + 1 == chunks.len();
            put32(&mut page, 16, if last { 0 } else { pages.len() + 1 });
            put16(&mut page, 22, chunk.len());
            page[25] = 7;
            page[26..26 + chunk.len()].copy_from_slice(chunk);
            pages.push(page);
        }
    }
    put16(&mut pages[1], 20, rows.len() * 2);
    pages[1][25] = 13;
    let last = pages.len() - 1;
    put32(&mut pages[0], 12, 0x0006_1561);
    put32(&mut pages[0], 20, PAGE);
    put32(&mut pages[0], 32, last);
    pages[0][25] = 8;
    pages.concat()
}

#[test]
fn hashes_of_berkeley_db_are_read() {
    assert_eq!(packages(bdb::read, &bdb(&headers())).unwrap(), expected());
}

#[test]
fn what_is_no_database_is_an_error() {
    let readers: [Reader; 3] = [sqlite::read, ndb::read, bdb::read];
    for read in readers {
        for bad in [&b""[..], b"SQLite format 3\0", b"RpmP", &[0; 8192]] {
            assert!(packages(read, bad).is_err());
        }
    }
    let mut ring = bdb(&headers());
    // The first overflow page goes on with itself and has no bytes.
    ring[2 * 4096 + 16] = 2;
    ring[2 * 4096 + 22..2 * 4096 + 24].fill(0);
    assert!(packages(bdb::read, &ring).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_damage_makes_a_reader_panic(at: prop::sample::Index, value: [u8; 4], cut: prop::sample::Index) {
        static SQLITE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let sqlite_file = SQLITE.get_or_init(|| sqlite(&headers(), 512).unwrap_or_default());
        let readers: [(Reader, Vec<u8>); 3] = [
            (sqlite::read, sqlite_file.clone()), (ndb::read, ndb(&headers())), (bdb::read, bdb(&headers())),
        ];
        for (read, mut file) in readers {
            if file.is_empty() {
                continue;
            }
            // Most of a file is padding: damage its beginning more often.
            let at = if value[0] % 2 == 0 { at.index(file.len()) } else { at.index(200) };
            for (i, byte) in value.iter().enumerate() {
                if let Some(there) = file.get_mut(at + i) {
                    *there = *byte;
                }
            }
            if value[1] % 4 == 0 {
                file.truncate(cut.index(file.len()));
            }
            drop(packages(read, &file));
        }
    }

    #[test]
    fn no_bytes_make_a_header_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), tags in 0..20_u32) {
        drop(header::package(&bytes));
        drop(header::package(&[&tags.to_be_bytes(), &[0, 0, 0, 9][..], &bytes].concat()));
    }
}
