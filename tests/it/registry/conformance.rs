//! Our own conformance cases, for both kinds of references.
use wharf::config::References;
use wharf_conformance::{CaseReport, Credentials, Options, Outcome, Report, run};
use wharf_testkit::TestServer;

#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
async fn report(references: References) -> Report {
    let s = TestServer::with(|c| c.references = references).await;
    s.create("app-2").await;
    let mut options = Options::new(&s.url(), "app".parse().unwrap()).unwrap();
    options.credentials = Some(Credentials {
        username: "AWS".into(),
        password: s.password().into(),
    });
    let report = run(options, &mut |_progress| {}).await.unwrap();
    s.assert_tidy().await;
    report
}

/// Demands that everything passes, and that nothing is skipped but these cases.
#[track_caller]
fn assert_passes(report: &Report, skipped: &[&str]) {
    assert!(report.passed(), "{report}");
    let skips = report
        .cases
        .iter()
        .filter(|case| matches!(case.outcome, Outcome::Skip { .. }));
    let name = |case: &CaseReport| format!("{}/{}", case.category, case.id);
    assert_eq!(skips.map(name).collect::<Vec<_>>(), skipped, "{report}");
}

/// ECR answers 404 for a repository that does not exist, whatever is asked of it.
const UNKNOWN_REPOSITORY: &str = "referrers/unknown-repository";
/// No specification knows conditions of a PUT: an immutable repository is how ECR says "only once".
const PUT_IF_MATCH: &str = "conditional/put-if-match";
const PUT_IF_NONE_MATCH: &str = "conditional/put-if-none-match";
/// With sparse references a manifest may name what is not there, so nothing is refused for it.
const MISSING_BLOB: &str = "errors/manifest-blob";
/// With strict references it may not.
const SPARSE_IMAGE: &str = "shapes/sparse-image";
const SPARSE_INDEX: &str = "shapes/sparse-index";

#[tokio::test]
async fn r44_every_case_passes_with_sparse_references() {
    let skipped = [
        UNKNOWN_REPOSITORY,
        PUT_IF_MATCH,
        PUT_IF_NONE_MATCH,
        MISSING_BLOB,
    ];
    assert_passes(&report(References::Sparse).await, &skipped);
}

#[tokio::test]
async fn r44_every_case_passes_with_strict_references() {
    let skipped = [
        SPARSE_IMAGE,
        SPARSE_INDEX,
        UNKNOWN_REPOSITORY,
        PUT_IF_MATCH,
        PUT_IF_NONE_MATCH,
    ];
    assert_passes(&report(References::Strict).await, &skipped);
}
