//! Our types as values of SQLite.
use rusqlite::{
    Row,
    types::{FromSqlError, Type},
};
use wharf_types::Timestamp;

/// Reads a column of text as a type that parses it.
pub(super) fn parsed<T>(row: &Row<'_>, column: &str) -> Result<T, rusqlite::Error>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text = row.get_ref(column)?.as_str()?;
    text.parse()
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(e)))
}

/// Reads a column of text that may be null.
pub(super) fn parsed_opt<T>(row: &Row<'_>, column: &str) -> Result<Option<T>, rusqlite::Error>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(_) => parsed(row, column).map(Some),
    }
}

/// Reads a column of JSON text.
pub(super) fn json<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> Result<T, rusqlite::Error> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(e)))
}

/// Reads a column of milliseconds.
pub(super) fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, rusqlite::Error> {
    row.get(column).map(Timestamp::from_ms)
}

/// Reads a column that counts bytes.
pub(super) fn bytes(row: &Row<'_>, column: &str) -> Result<u64, rusqlite::Error> {
    let n: i64 = row.get(column)?;
    u64::try_from(n).map_err(|_negative| FromSqlError::OutOfRange(n).into())
}

/// A count of bytes as SQLite stores it.
pub(super) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
