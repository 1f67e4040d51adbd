//! AWS's protocols, and one file an operation that calls the domain.
//!
//! An operation is its request type: one file and one row in its service's table. Routing, metric
//! labels and the tables in the docs read that row.

mod access;
mod autoscaling;
mod check;
mod ec2;
mod ecr;
mod ecr_public;
mod eks;
mod error;
mod heads;
mod kept;
mod names;
mod operation;
mod page;
mod protocol;
mod serve;
mod shape;
mod strict;
mod sts;

pub use error::Exception;
pub use heads::{FromPod, is_aws, is_unsigned_form};
pub use names::{Names, UriStyle};
pub use operation::Cx;
pub use serve::{Gate, Named, serve};
pub use wharf_auth::Auth;

use protocol::rest_json::Route;

/// A service and what it can do, for the docs and `/_wharf/info`.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// The name in the SigV4 scope.
    pub service: &'static str,
    /// Operations that work.
    pub done: Vec<&'static str>,
    /// Operations that are known and answered with 501.
    pub missing: Vec<&'static str>,
}

/// What works, service by service.
pub fn coverage() -> Vec<Coverage> {
    serve::SERVICES
        .iter()
        .map(|service| {
            let done: Vec<_> = service.operations.iter().map(|entry| entry.name).collect();
            let mut missing = service.known();
            missing.retain(|name| !done.contains(name));
            Coverage {
                service: service.name,
                done,
                missing,
            }
        })
        .collect()
}

/// What each service calls its operations, those that work and those that do not, and the shapes of
/// the inputs of those that do, read off their types: for a test that compares them with AWS's model.
pub fn inputs() -> serde_json::Value {
    let service = |service: &operation::Service| {
        let shapes = service.operations.iter().map(|entry| {
            let shape = (entry.input)();
            let shape = shape.unwrap_or_else(|error| serde_json::json!({ "error": error }));
            (entry.name.to_owned(), shape)
        });
        let shapes: serde_json::Map<_, _> = shapes.collect();
        let mut about = serde_json::json!({ "known": service.known(), "inputs": shapes });
        if let operation::Protocol::RestJson { routes } = service.protocol {
            let routes = routes.iter().map(|route| {
                let Route { name, method, path } = *route;
                (name.to_owned(), serde_json::json!([method, path]))
            });
            about["routes"] = serde_json::Value::Object(routes.collect());
        }
        (service.name.to_owned(), about)
    };
    serde_json::Value::Object(serve::SERVICES.iter().map(service).collect())
}

/// The name of an operation as Python has it, and as its test with boto3 is called.
pub fn snake_case(operation: &str) -> String {
    let mut name = String::new();
    for c in operation.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// The page `docs/operations.md`, printed from the tables.
pub fn operations_page() -> String {
    let mut lines = vec![
        "# Operations\n".to_owned(),
        "Printed from the code by `cargo run -p wharf-aws --example operations > docs/operations.md`; a test".into(),
        "compares. What is missing answers 501 with a text that says so.".into(),
    ];
    for Coverage {
        service,
        done,
        missing,
    } in coverage()
    {
        let all = done.len() + missing.len();
        let all = if service == ec2::SERVICE.name {
            // All the others are missing, and too many to list.
            ec2::OPERATIONS
        } else {
            all
        };
        lines.push(format!("\n## {service}: {} of {all}\n", done.len()));
        lines.push("| operation | | its test with boto3 |\n|---|---|---|".into());
        lines.extend(done.iter().map(|name| match service {
            "autoscaling" | "ec2" | "ecr" | "ecr-public" | "eks" => {
                format!("| {name} | works | `test_{}` |", snake_case(name))
            }
            _ => format!("| {name} | works | |"),
        }));
        lines.extend(missing.iter().map(|name| format!("| {name} | missing | |")));
    }
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_of_operations_is_what_the_tables_say() {
        assert_eq!(
            include_str!("../../docs/operations.md"),
            super::operations_page()
        );
    }

    #[test]
    fn every_operation_that_works_is_one_that_aws_has() {
        for service in crate::serve::SERVICES {
            for entry in service.operations {
                assert!(service.known().contains(&entry.name), "{}", entry.name);
            }
            assert!(service.known().is_sorted(), "{}", service.name);
        }
    }
}
