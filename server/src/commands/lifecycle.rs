//! `wharf lifecycle run`: through the running server, or alone on its directory.
use super::{FAILED, OK, complain, say};
use crate::{
    admin,
    config::{Config, Lifecycle},
    lifecycle::{self, Image, Name, Options, Report},
    server::open_store,
};

pub(super) async fn run(config: &Config, options: &Lifecycle) -> anyhow::Result<u8> {
    let names: Vec<&str> = options
        .repository
        .iter()
        .map(|name| name.as_str())
        .collect();
    let asked = Options {
        dry_run: options.dry_run,
        repositories: names.join(","),
    };
    let report: Report =
        if let Some(report) = admin::ask(&config.admin_socket(), "/lifecycle", &asked).await? {
            report
        } else {
            let store = open_store(config).await?;
            let report = lifecycle::run(&store, asked).await;
            store.close().await;
            report?
        };
    for image in &report.images {
        say(line(config, image))?;
    }
    let unnamed = (report.expired + report.archived).saturating_sub(report.images.len() as u64);
    if unnamed > 0 {
        say(format_args!("… and {unnamed} more."))?;
    }
    if report.skipped > 0 {
        say(format_args!(
            "{} images had changed when their turn came, and stay until the next run.",
            report.skipped
        ))?;
    }
    let (expired, archived) = if options.dry_run {
        ("Would expire", "archive")
    } else {
        ("Expired", "archived")
    };
    say(format_args!(
        "{expired} {} and {archived} {} images by the policies of {} repositories.",
        report.expired, report.archived, report.repositories
    ))?;
    for failed in &report.failed {
        complain(&format!(
            "{}: {}",
            shown(config, &failed.repository),
            failed.reason
        ));
    }
    for name in &report.missing {
        complain(&format!(
            "{name}: there is no such repository with a lifecycle policy"
        ));
    }
    let all_done = report.failed.is_empty() && report.missing.is_empty();
    Ok(if all_done { OK } else { FAILED })
}

/// What goes and why.
fn line(config: &Config, image: &Image) -> String {
    let action = if image.expires { "expire" } else { "archive" };
    let tags = if image.tags.is_empty() {
        "untagged".into()
    } else {
        image.tags.join(",")
    };
    let why = match &image.follows {
        Some(subject) => format!("rule {} takes its subject {subject}", image.rule),
        None => format!("rule {}", image.rule),
    };
    format!(
        "{action:7} {}@{} ({tags}), pushed {}: {why}",
        shown(config, &image.repository),
        image.digest,
        image.pushed()
    )
}

/// A repository's name, with its registry if that is not the one of the settings.
fn shown(config: &Config, repository: &Name) -> String {
    let Name {
        account,
        region,
        name,
    } = repository;
    if account == config.account.as_str() && region == config.region.as_str() {
        name.clone()
    } else {
        format!("{account}/{region}/{name}")
    }
}
