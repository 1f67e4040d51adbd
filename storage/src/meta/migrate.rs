//! Brings a database to the newest schema.
use rusqlite::{Connection, TransactionBehavior};

use crate::Error;

/// `WHRF`, so that another program's database is never mistaken for ours.
const APPLICATION_ID: i32 = 0x5748_5246;

/// Numbered files, applied in order and never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_init.sql"),
    include_str!("migrations/0002_documents.sql"),
];

/// Applies what is missing in one transaction: after a crash it is done again or was done.
pub(super) fn migrate(conn: &mut Connection) -> Result<(), Error> {
    let newest = MIGRATIONS.len();
    let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let application: i32 = tx.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let done: usize = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(Error::Refused("wharf.db is not a database of wharf".into()));
    }
    if done > newest {
        return Err(Error::Refused(format!(
            "wharf.db has schema version {done} but this program knows only up to {newest}: start a newer wharf"
        )));
    }
    for (version, sql) in (1_usize..).zip(MIGRATIONS).skip(done) {
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "user_version", version)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(tx.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_apply_once_and_newer_databases_are_refused() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        migrate(&mut conn).unwrap();
        conn.pragma_update(None, "user_version", MIGRATIONS.len() + 1)
            .unwrap();
        assert!(
            matches!(migrate(&mut conn), Err(Error::Refused(text)) if text.contains("newer wharf"))
        );
    }

    #[test]
    fn another_programs_database_is_refused() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert!(matches!(migrate(&mut conn), Err(Error::Refused(_))));
    }

    #[test]
    fn every_table_is_strict() {
        let mut conn = Connection::open_in_memory().unwrap();
        migrate(&mut conn).unwrap();
        let lax: i64 = conn
            .query_row("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite%'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(lax, 0);
    }
}
