//! Which backend a request is for.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use crate::Targets;
use crate::choice::Choice;

/// How a path is compared.
#[derive(Clone, Debug)]
pub enum PathMatch {
    /// All of it.
    Exact(String),
    /// Its first elements: `/a` is also for `/a/b`, and not for `/ab`.
    Prefix(String),
    /// With `*` for any characters and `?` for one, as rules of AWS's load balancers have it.
    Pattern(String),
    /// As locations of nginx have it.
    Regex(Regex),
}

/// Who answers.
#[derive(Debug)]
pub struct Backend {
    /// As people call it, `default/web:80`.
    pub name: String,
    targets: Arc<Targets>,
    choice: Choice,
}

impl Backend {
    pub fn new(name: String, targets: Targets) -> Self {
        Self {
            name,
            targets: Arc::new(targets),
            choice: Choice::default(),
        }
    }

    pub(super) fn targets(&self) -> Arc<Targets> {
        Arc::clone(&self.targets)
    }

    pub(super) const fn choice(&self) -> &Choice {
        &self.choice
    }

    pub(super) fn is_empty(&self) -> bool {
        self.targets.endpoints.is_empty()
    }
}

/// Requests for a host and path.
#[derive(Clone, Debug)]
pub struct Route {
    /// In lower case; `*.` stands for one label, and none for all hosts.
    pub host: Option<String>,
    /// None: what no other route of the host is for.
    pub path: Option<PathMatch>,
    pub backend: Arc<Backend>,
    /// The path that the backend sees; `$1` is the first group of a [`PathMatch::Regex`].
    pub rewrite: Option<String>,
    /// Requests without TLS are sent to HTTPS.
    pub to_https: bool,
}

impl Route {
    /// The path that the backend sees.
    pub(super) fn rewritten<'a>(&self, path: &'a str) -> Cow<'a, str> {
        let Some(to) = &self.rewrite else {
            return Cow::Borrowed(path);
        };
        let found = match &self.path {
            Some(PathMatch::Regex(regex)) => regex.captures(path),
            _ => None,
        };
        let mut new = String::new();
        let mut rest = to.chars().peekable();
        while let Some(c) = rest.next() {
            let group = rest.peek().and_then(|next| next.to_digit(10));
            match group.filter(|_| c == '$') {
                Some(group) => {
                    rest.next();
                    let group = usize::try_from(group).unwrap_or(0);
                    let text = found.as_ref().and_then(|found| found.get(group));
                    new.push_str(text.map_or("", |text| text.as_str()));
                }
                None => new.push(c),
            }
        }
        if !new.starts_with('/') {
            new.insert(0, '/');
        }
        Cow::Owned(new)
    }
}

/// All routes. The most specific host wins that has a route for the path, then the most specific path,
/// then the route that was named first.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    by_host: BTreeMap<String, Vec<Route>>,
}

impl Routes {
    pub fn new(all: impl IntoIterator<Item = Route>) -> Self {
        let mut by_host: BTreeMap<String, Vec<Route>> = BTreeMap::new();
        for route in all {
            let host = route.host.clone().unwrap_or_default();
            by_host.entry(host).or_default().push(route);
        }
        for routes in by_host.values_mut() {
            // Stable: the first of equals stays the first.
            routes.sort_by_key(|route| std::cmp::Reverse(weight(route.path.as_ref())));
        }
        Self { by_host }
    }

    /// The route for a request; the host is without a port.
    pub(super) fn find(&self, host: &str, path: &str) -> Option<&Route> {
        let host = host.to_ascii_lowercase();
        let parent = host
            .split_once('.')
            .map(|(_, parent)| format!("*.{parent}"));
        let hosts = [Some(host), parent, Some(String::new())];
        let mut all = hosts.into_iter().flatten();
        all.find_map(|host| {
            let mut routes = self.by_host.get(&host)?.iter();
            routes.find(|route| matches(route.path.as_ref(), path))
        })
    }
}

/// What is more specific is larger.
fn weight(path: Option<&PathMatch>) -> (u8, usize) {
    match path {
        Some(PathMatch::Exact(text)) => (2, text.len()),
        Some(PathMatch::Prefix(text)) => (1, text.trim_end_matches('/').len()),
        Some(PathMatch::Pattern(text)) => {
            let fixed = text.find(['*', '?']).unwrap_or(text.len());
            (1, fixed)
        }
        Some(PathMatch::Regex(regex)) => (1, regex.as_str().len()),
        None => (0, 0),
    }
}

fn matches(wanted: Option<&PathMatch>, path: &str) -> bool {
    match wanted {
        None => true,
        Some(PathMatch::Exact(text)) => text == path,
        Some(PathMatch::Prefix(text)) => {
            let text = text.trim_end_matches('/');
            let rest = path.strip_prefix(text);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        Some(PathMatch::Pattern(text)) => glob(text.as_bytes(), path.as_bytes()),
        Some(PathMatch::Regex(regex)) => regex.is_match(path),
    }
}

/// Never goes back further than to the last `*`, so that its time is bounded by the product of both.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else {
                    return false;
                };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(host: &str, path: impl Into<Option<PathMatch>>, name: &str) -> Route {
        Route {
            host: (!host.is_empty()).then(|| host.to_owned()),
            path: path.into(),
            backend: Arc::new(Backend::new(name.to_owned(), Targets::default())),
            rewrite: None,
            to_https: false,
        }
    }

    fn exact(path: &str) -> PathMatch {
        PathMatch::Exact(path.to_owned())
    }

    fn prefix(path: &str) -> PathMatch {
        PathMatch::Prefix(path.to_owned())
    }

    fn pattern(path: &str) -> PathMatch {
        PathMatch::Pattern(path.to_owned())
    }

    fn found<'a>(routes: &'a Routes, host: &str, path: &str) -> &'a str {
        let route = routes.find(host, path);
        route.map_or("none", |route| &route.backend.name)
    }

    /// The table of <https://kubernetes.io/docs/concepts/services-networking/ingress/#examples>.
    #[test]
    fn paths_match_as_the_documentation_of_ingresses_has_it() {
        let cases = [
            (prefix("/"), "/any/path", true),
            (exact("/foo"), "/foo", true),
            (exact("/foo"), "/bar", false),
            (exact("/foo"), "/foo/", false),
            (exact("/foo/"), "/foo", false),
            (prefix("/foo"), "/foo", true),
            (prefix("/foo"), "/foo/", true),
            (prefix("/foo/"), "/foo", true),
            (prefix("/foo/"), "/foo/", true),
            (prefix("/aaa/bb"), "/aaa/bbb", false),
            (prefix("/aaa/bbb"), "/aaa/bbb", true),
            (prefix("/aaa/bbb/"), "/aaa/bbb", true),
            (prefix("/aaa/bbb"), "/aaa/bbb/", true),
            (prefix("/aaa/bbb"), "/aaa/bbb/ccc", true),
            (prefix("/aaa/bbb"), "/aaa/bbbxyz", false),
            (pattern("/*"), "/any/path", true),
            (pattern("/api/*/v?"), "/api/a/b/v1", true),
            (pattern("/api/*/v?"), "/api/a/v", false),
            (pattern("/api"), "/api/a", false),
        ];
        for (wanted, path, expected) in cases {
            assert_eq!(matches(Some(&wanted), path), expected, "{wanted:?} {path}");
        }
    }

    #[test]
    fn the_longest_path_wins_and_an_exact_one_before_a_prefix() {
        let routes = Routes::new([
            route("", prefix("/"), "root"),
            route("", prefix("/aaa"), "aaa"),
            route("", prefix("/aaa/bbb"), "bbb"),
            route("", exact("/aaa"), "exact"),
            route("", prefix("/aaa"), "later"),
        ]);
        assert_eq!(found(&routes, "any", "/ccc"), "root");
        assert_eq!(found(&routes, "any", "/aaa/ccc"), "aaa");
        assert_eq!(found(&routes, "any", "/aaa/bbb"), "bbb");
        assert_eq!(found(&routes, "any", "/aaa"), "exact");
    }

    #[test]
    fn a_wildcard_is_one_label_and_less_than_the_whole_name() {
        let routes = Routes::new([
            route("*.foo.com", prefix("/"), "wild"),
            route("bar.foo.com", prefix("/a"), "bar"),
            route("", None, "default"),
        ]);
        assert_eq!(found(&routes, "BAR.foo.com", "/a"), "bar");
        assert_eq!(found(&routes, "bar.foo.com", "/b"), "wild");
        assert_eq!(found(&routes, "baz.foo.com", "/a"), "wild");
        assert_eq!(found(&routes, "baz.bar.foo.com", "/a"), "default");
        assert_eq!(found(&routes, "foo.com", "/a"), "default");
        assert_eq!(found(&Routes::default(), "foo.com", "/a"), "none");
    }

    #[test]
    fn groups_of_an_expression_are_in_the_new_path() {
        let expression = Regex::new("(?i)^/api(/|$)(.*)").unwrap();
        let mut to = route("", PathMatch::Regex(expression), "api");
        to.rewrite = Some("/v1/$2".to_owned());
        assert_eq!(to.rewritten("/api/users/7"), "/v1/users/7");
        assert_eq!(to.rewritten("/api"), "/v1/");
        to.rewrite = Some("$2".to_owned());
        assert_eq!(to.rewritten("/api"), "/");
        to.rewrite = None;
        assert_eq!(to.rewritten("/api"), "/api");
    }
}
