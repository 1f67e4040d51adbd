//! `allOf`, `anyOf`, `oneOf` and `not`.
use serde_json::Value;

use super::problem::{Problem, ProblemKind};
use super::validate::Checking;
use crate::path::Path;

impl Checking {
    pub(super) fn junctors(
        &mut self,
        schema: &Value,
        value: &Value,
        path: &Path<'_>,
        depth: usize,
    ) {
        for inner in list(schema, "allOf") {
            self.value(inner, value, path, depth + 1);
        }
        let any = list(schema, "anyOf");
        if !any.is_empty() {
            let results = self.each(any, value, path, depth);
            if !results.iter().any(Vec::is_empty) {
                self.failed(value, path, "must validate at least one schema (anyOf)");
                self.closest(results);
            }
        }
        let one = list(schema, "oneOf");
        if !one.is_empty() {
            let results = self.each(one, value, path, depth);
            match results.iter().filter(|result| result.is_empty()).count() {
                0 => {
                    let what = "must validate one and only one schema (oneOf). Found none valid";
                    self.failed(value, path, what);
                    self.closest(results);
                }
                1 => {}
                valid => {
                    let what = format!(
                        "must validate one and only one schema (oneOf). \
                         Found {valid} valid alternatives"
                    );
                    self.failed(value, path, &what);
                }
            }
        }
        if let Some(inner) = schema.get("not")
            && self.attempt(inner, value, path, depth).is_empty()
        {
            self.failed(value, path, "must not validate the schema (not)");
        }
    }

    fn failed(&mut self, value: &Value, path: &Path<'_>, what: &str) {
        let detail = format!("\"{path}\" {what}");
        self.report(path, ProblemKind::Invalid(value.clone()), detail);
    }

    fn each(
        &mut self,
        schemas: &[Value],
        value: &Value,
        path: &Path<'_>,
        depth: usize,
    ) -> Vec<Vec<Problem>> {
        schemas
            .iter()
            .map(|schema| self.attempt(schema, value, path, depth))
            .collect()
    }

    /// The problems there would be.
    fn attempt(
        &mut self,
        schema: &Value,
        value: &Value,
        path: &Path<'_>,
        depth: usize,
    ) -> Vec<Problem> {
        let before = std::mem::take(&mut self.problems);
        self.value(schema, value, path, depth + 1);
        std::mem::replace(&mut self.problems, before)
    }

    /// Reports what is missing to the alternative that fits best.
    fn closest(&mut self, results: Vec<Vec<Problem>>) {
        let best = results.into_iter().min_by_key(Vec::len);
        for problem in best.into_iter().flatten() {
            let Problem { path, kind, detail } = problem;
            self.problems.push(Problem { path, kind, detail });
        }
    }
}

fn list<'a>(schema: &'a Value, name: &str) -> &'a [Value] {
    schema
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
