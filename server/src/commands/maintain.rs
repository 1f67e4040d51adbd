//! `wharf gc`, `check` and `backup`: through the running server, or alone on its directory.
use anyhow::Context as _;

use super::{FAILED, OK, say, size};
use crate::{
    admin::{self, BackupOptions, CheckOptions, Found, GcOptions, GcReport},
    config::{Backup, Check, Config, Gc},
    server::open_store,
};

pub(super) async fn gc(config: &Config, options: &Gc) -> anyhow::Result<u8> {
    let asked = GcOptions {
        dry_run: options.dry_run,
        now: options.now,
    };
    if options.now {
        say("Leases are ignored: a push that is under way may have to start again.")?;
    }
    let report: GcReport =
        if let Some(report) = admin::ask(&config.admin_socket(), "/gc", &asked).await? {
            report
        } else {
            let store = open_store(config).await?;
            let report = admin::gc(&store, asked).await;
            store.close().await;
            report?
        };
    if let Some(reason) = &report.postponed {
        say(format_args!("Nothing was collected: {reason}"))?;
    }
    for removed in &report.removals {
        say(format_args!(
            "{:7} {} ({}): {}",
            removed.kind,
            removed.what,
            size(removed.bytes),
            removed.why
        ))?;
    }
    let verb = if options.dry_run {
        "Would remove"
    } else {
        "Removed"
    };
    let GcReport {
        links,
        blobs,
        uploads,
        orphans,
        bytes,
        ..
    } = report;
    say(format_args!(
        "{verb} {blobs} blobs, {links} links, {uploads} uploads and {orphans} orphans: {}.",
        size(bytes)
    ))?;
    Ok(OK)
}

pub(super) async fn check(config: &Config, options: &Check) -> anyhow::Result<u8> {
    let asked = CheckOptions {
        repair: options.repair,
    };
    let findings: Vec<Found> =
        if let Some(findings) = admin::ask(&config.admin_socket(), "/check", &asked).await? {
            findings
        } else {
            let store = open_store(config).await?;
            let findings = admin::check(&store, asked).await;
            store.close().await;
            findings?
        };
    for found in &findings {
        match &found.repaired {
            Some(how) => say(format_args!("{} ({how})", found.text))?,
            None => say(&found.text)?,
        }
    }
    let open = findings
        .iter()
        .filter(|found| found.repaired.is_none())
        .count();
    if findings.is_empty() {
        say("Everything is as it should be.")?;
    } else {
        say(format_args!(
            "{} findings, {} repaired.",
            findings.len(),
            findings.len() - open
        ))?;
    }
    Ok(if open == 0 { OK } else { FAILED })
}

pub(super) async fn backup(config: &Config, options: Backup) -> anyhow::Result<u8> {
    // The server has another working directory.
    let file = std::path::absolute(&options.file).context("the file's path cannot be told")?;
    let asked = BackupOptions { file: file.clone() };
    if admin::ask::<()>(&config.admin_socket(), "/backup", &asked)
        .await?
        .is_none()
    {
        let store = open_store(config).await?;
        let written = admin::backup(&store, asked).await;
        store.close().await;
        written?;
    }
    say(format_args!(
        "The database was copied to {}. To start from it, put it in an empty data directory as wharf.db, beside the same store, and run `wharf check --repair`.",
        file.display()
    ))?;
    Ok(OK)
}
