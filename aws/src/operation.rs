//! One type per call, one row per operation.
use std::pin::Pin;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use wharf_auth::Principal;
use wharf_types::Registry;

use crate::{Exception, Names, access, ec2, eks, protocol::rest_json::Route, shape, strict};

/// What every operation may use.
#[derive(Clone, Debug)]
pub struct Cx {
    pub domain: wharf_registry::Cx,
    pub compute: wharf_compute::Cx,
    pub eks: wharf_eks::Cx,
    /// Who calls.
    pub principal: Principal,
    /// The caller's account in the region of the signature.
    pub registry: Registry,
    pub names: Names,
    /// The `Host` of the request and whether it came over TLS: what the client can reach us by.
    pub host: String,
    pub tls: bool,
    pub origin: Option<wharf_registry::policies::Origin>,
}

impl Cx {
    /// The caller as the domain knows one.
    pub(crate) fn caller(&self) -> wharf_registry::Caller {
        wharf_registry::Caller {
            principal: self.principal.clone(),
            registry: self.registry.clone(),
        }
    }

    /// Where the client reaches us: it just did.
    pub(crate) fn base_url(&self) -> String {
        if self.host.is_empty() {
            return self.names.proxy_endpoint(&self.registry, "", self.tls);
        }
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.host)
    }
}

/// One AWS API call. The request type *is* the operation.
pub(crate) trait Operation: DeserializeOwned + Send + 'static {
    /// The name after the dot in `X-Amz-Target`, or the value of `Action`.
    const NAME: &'static str;
    /// The largest request body.
    const MAX_BODY: usize = 1024 * 1024;
    /// The success body.
    type Output: Serialize + Send;
    /// Performs the call.
    fn run(self, cx: Cx) -> impl Future<Output = Result<Self::Output, Exception>> + Send;
}

type Reply = Pin<Box<dyn Future<Output = Result<serde_json::Value, Exception>> + Send>>;

/// A row of a service's table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) max_body: usize,
    /// The names of the members of the request.
    pub(crate) members: fn() -> &'static [&'static str],
    pub(crate) call: fn(Cx, Bytes) -> Reply,
    /// The shape of its input.
    pub(crate) input: fn() -> Result<serde_json::Value, String>,
}

impl Entry {
    /// The row for `O`.
    pub(crate) const fn of<O: Operation>() -> Self {
        Self {
            name: O::NAME,
            max_body: O::MAX_BODY,
            members: access::members::<O>,
            call: |cx, body| Box::pin(call::<O>(cx, body)),
            input: shape::of::<O>,
        }
    }
}

async fn call<O: Operation>(cx: Cx, body: Bytes) -> Result<serde_json::Value, Exception> {
    // An absent body is an empty object, as the SDKs see it.
    let body = if body.is_empty() {
        Bytes::from_static(b"{}")
    } else {
        body
    };
    let operation: O = parse(body).await?;
    let output = operation.run(cx).await?;
    serde_json::to_value(output).map_err(Exception::internal)
}

/// Bodies of more than this are read on a thread of their own.
const LARGE: usize = 1024 * 1024;

/// Reads a request, whose body is let go: it may be as large as what was read from it.
pub(crate) async fn parse<O>(body: Bytes) -> Result<O, Exception>
where
    O: DeserializeOwned + Send + 'static,
{
    let large = body.len() > LARGE;
    let read = move || strict::from_slice(&body);
    if !large {
        return read();
    }
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(Exception::internal)?
}

/// The protocols of AWS that services speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// `POST /` with JSON and `X-Amz-Target`.
    Json11 {
        /// What comes before the dot.
        target: &'static str,
    },
    /// `POST /` with a form that names the `Action`; answers are XML.
    Query { namespace: &'static str },
    /// The same with EC2's own rules for names.
    Ec2 { namespace: &'static str },
    /// A method and a path for each operation, with JSON.
    RestJson { routes: &'static [Route] },
}

/// A service of AWS.
#[derive(Debug)]
pub(crate) struct Service {
    /// The name in the SigV4 scope.
    pub(crate) name: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) operations: &'static [Entry],
    /// Every operation that AWS has, so that what is missing is told apart from what never was. Where
    /// operations have routes, those say it.
    pub(crate) known: &'static [&'static str],
}

impl Service {
    /// Whether AWS has an operation of this name. Of EC2's hundreds only what the name looks like is
    /// known.
    fn knows(&self, name: &str) -> bool {
        self.known().contains(&name) || self.name == ec2::SERVICE.name && ec2::is_action(name)
    }

    /// The names of every operation that AWS has, as far as they are listed.
    pub(crate) fn known(&self) -> Vec<&'static str> {
        match self.protocol {
            Protocol::RestJson { routes } => routes.iter().map(|route| route.name).collect(),
            Protocol::Json11 { .. } | Protocol::Query { .. } | Protocol::Ec2 { .. } => {
                self.known.to_vec()
            }
        }
    }

    /// The row of an operation that works.
    pub(crate) fn entry(&self, name: &str) -> Option<&'static Entry> {
        self.operations.iter().find(|entry| entry.name == name)
    }

    pub(crate) async fn dispatch(
        &self,
        cx: Cx,
        name: &str,
        body: Bytes,
    ) -> Result<serde_json::Value, Exception> {
        let Some(entry) = self.entry(name) else {
            return Err(if self.knows(name) {
                Exception::not_implemented(self.name, name)
            } else {
                Exception::unknown_operation()
            });
        };
        let cx = match self.protocol {
            Protocol::RestJson { .. } => eks::admit(cx, entry, &body).await?,
            Protocol::Json11 { .. } | Protocol::Query { .. } | Protocol::Ec2 { .. } => {
                access::admit(cx, self.name, entry, &body).await?
            }
        };
        if let Protocol::Ec2 { .. } = self.protocol {
            ec2::end_dry_run(&body)?;
        }
        (entry.call)(cx, body).await
    }
}
