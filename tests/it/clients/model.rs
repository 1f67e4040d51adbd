//! What is known of AWS's API, compared with AWS's own model, and that each operation has its test.
use std::collections::BTreeMap;

use wharf_testkit::tool;

use super::has_aws_models;

#[test]
fn operations_and_inputs_are_those_of_aws_model() {
    if !has_aws_models() {
        return;
    }
    let Some(python) = tool("python3") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("inputs.json");
    std::fs::write(&inputs, wharf_aws::inputs().to_string()).unwrap();
    let script = format!("{}/clients/model.py", env!("CARGO_MANIFEST_DIR"));
    python.run(&[&script, inputs.to_str().unwrap()]);
}

/// The names of the tests in a folder of Python files, each with the files that have it.
fn tests_in(folder: &str) -> BTreeMap<String, Vec<String>> {
    let path = format!("{}/clients/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        let file = entry.file_name().into_string().unwrap();
        if !file.starts_with("test_") {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap();
        for line in text.lines() {
            let name = line.strip_prefix("def ").and_then(|l| l.split_once('('));
            if let Some((name, _)) = name.filter(|(name, _)| name.starts_with("test_")) {
                found.entry(name.to_owned()).or_default().push(file.clone());
            }
        }
    }
    found
}

/// Demands a test of each operation of a service that works, in one file of a folder.
fn assert_tested(service: &str, folder: &str) {
    let tests = tests_in(folder);
    let coverage = wharf_aws::coverage();
    let covered = coverage.iter().find(|c| c.service == service).unwrap();
    let untested: Vec<String> = covered
        .done
        .iter()
        .map(|name| format!("test_{}", wharf_aws::snake_case(name)))
        .filter(|test| tests.get(test).is_none_or(|files| files.len() != 1))
        .map(|test| format!("{test}: {:?}", tests.get(&test)))
        .collect();
    assert!(
        untested.is_empty(),
        "not in exactly one file of {folder}: {untested:#?}"
    );
}

#[test]
fn every_operation_of_ecr_that_works_is_tested_with_boto3() {
    assert_tested("ecr", "ecr");
}

#[test]
fn every_operation_of_auto_scaling_that_works_is_tested_with_boto3() {
    assert_tested("autoscaling", "autoscaling");
}

#[test]
fn every_operation_of_ec2_that_works_is_tested_with_boto3() {
    assert_tested("ec2", "ec2");
}

#[test]
fn every_operation_of_ecr_public_that_works_is_tested_with_boto3() {
    assert_tested("ecr-public", "ecr_public");
}

#[test]
fn every_operation_of_eks_that_works_is_tested_with_boto3() {
    assert_tested("eks", "eks");
}
