//! Query parameters.
use wharf_types::PageSize;

use super::{Code, Refusal};

/// The most parameters that are read.
const MAX: usize = 4096;

/// The parameters of a request, decoded, in their order.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let pairs: Vec<_> = pairs
            .take(MAX + 1)
            .map(|(k, v)| (k.into_owned(), v.into_owned()))
            .collect();
        if pairs.len() > MAX {
            return Err(Refusal::from(Code::UriTooLong));
        }
        Ok(Self(pairs))
    }

    /// The first parameter of a name, unless it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// Every parameter of a name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// How many entries a list shall have, and after which one it begins.
    pub(super) fn page(&self) -> Result<(PageSize, &str), Refusal> {
        let size = match self.all("n").next() {
            None => PageSize::default(),
            Some(n) => n
                .parse()
                .map_err(|e| Refusal::new(Code::PaginationNumberInvalid, e))?,
        };
        Ok((size, self.get("last").unwrap_or_default()))
    }
}
