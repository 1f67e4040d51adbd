//! Which service and operation a request means, and whether it may be asked.
use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header, request::Parts};
use wharf_auth::{Payload, Principal, Signed, sigv4};
use wharf_registry::{Error as DomainError, Room, policies::Origin};
use wharf_types::{Region, Registry};

use crate::{
    Auth, Cx, Exception, Names, autoscaling, ec2, ecr, ecr_public, eks,
    heads::{FromPod, TARGET, content_type, is_unsigned_form},
    operation::{Protocol, Service},
    protocol::{
        ec2 as ec2_query,
        form::{self, Lists},
        json11, query, rest_json,
    },
    sts,
};

/// Every service, by the name in the signature's scope.
pub(crate) const SERVICES: &[Service] = &[
    autoscaling::SERVICE,
    ec2::SERVICE,
    ecr::SERVICE,
    ecr_public::SERVICE,
    eks::SERVICE,
    sts::SERVICE,
];

/// The largest body of a call whose operation is in the body, or unknown.
const MAX_BODY: usize = 64 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What the door needs besides the domain.
#[derive(Clone, Debug)]
pub struct Gate {
    pub domain: wharf_registry::Cx,
    pub compute: wharf_compute::Cx,
    pub eks: wharf_eks::Cx,
    pub auth: Auth,
    pub names: Names,
}

/// Answers a request of an AWS client. The operation's name is an extension of the answer.
pub async fn serve(gate: &Gate, tls: bool, request: Request) -> Response {
    let request_id = uuid::Uuid::new_v4().to_string();
    let (parts, body) = request.into_parts();
    let found = find(&parts);
    let mut response = match found {
        Err(e) => json11::error(e),
        Ok((service, caller)) => {
            let outcome = run(gate, service, caller, &parts, body, tls).await;
            let (name, outcome) = outcome;
            let mut response = match (service.protocol, outcome) {
                (Protocol::Json11 { .. }, Ok(output)) => json11::answer(&output),
                (Protocol::Json11 { .. }, Err(e)) => json11::error(e),
                (Protocol::Query { namespace }, Ok(output)) => {
                    query::answer(namespace, &name, &request_id, &output)
                }
                (Protocol::Query { namespace }, Err(e)) => query::error(namespace, &request_id, &e),
                (Protocol::Ec2 { namespace }, Ok(output)) => {
                    ec2_query::answer(namespace, &name, &request_id, &output)
                }
                (Protocol::Ec2 { .. }, Err(e)) => ec2_query::error(&request_id, &e),
                (Protocol::RestJson { .. }, Ok(output)) => rest_json::answer(&output),
                (Protocol::RestJson { .. }, Err(e)) => rest_json::error(e),
            };
            if let Some(entry) = service.entry(&name) {
                response.extensions_mut().insert(Named(entry.name));
            }
            response
        }
    };
    if let Ok(id) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The row's name, for logs and metrics.
#[derive(Clone, Copy, Debug)]
pub struct Named(pub &'static str);

/// Who calls, as far as the head says.
enum Caller {
    Signed(Box<Signed>),
    /// Only what needs no signature.
    Anyone,
}

fn find(parts: &Parts) -> Result<(&'static Service, Caller), Exception> {
    if is_unsigned_form(parts) {
        return Ok((&sts::SERVICE, Caller::Anyone));
    }
    let signed = sigv4::parse(parts)?;
    let name = signed.scope.service.as_str();
    let service = SERVICES.iter().find(|service| service.name == name);
    let missing = || Exception {
        status: StatusCode::NOT_IMPLEMENTED,
        ..Exception::client(
            "NotImplementedException",
            format!("wharf does not have the service {name:?}"),
        )
    };
    Ok((
        service.ok_or_else(missing)?,
        Caller::Signed(Box::new(signed)),
    ))
}

type Outcome = (String, Result<serde_json::Value, Exception>);

async fn run(
    gate: &Gate,
    service: &Service,
    caller: Caller,
    parts: &Parts,
    body: Body,
    tls: bool,
) -> Outcome {
    // Strangers are turned away before their body is read.
    if let Err(e) = meet(gate, &caller) {
        return (String::new(), Err(e));
    }
    let asked = match asked(service, parts) {
        Ok(asked) => asked,
        Err(e) => return (String::new(), Err(e)),
    };
    let (body, _room) = match read(gate, parts, service, &asked, body).await {
        Ok(body) => body,
        Err(e) => return (asked.name(), Err(e)),
    };
    let principal = match identify(gate, &caller, parts, &body) {
        Ok(principal) => principal,
        Err(e) => return (String::new(), Err(e)),
    };
    let (name, input) = match asked.input(service, parts, body) {
        Ok(read) => read,
        Err((name, e)) => return (name, Err(e)),
    };
    let region = match caller {
        Caller::Signed(signed) => signed.scope.region,
        Caller::Anyone => gate.names.default.region.clone(),
    };
    let registry = match registry(service, &principal, region) {
        Ok(registry) => registry,
        Err(e) => return (name, Err(e)),
    };
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .filter(|_| parts.extensions.get::<FromPod>().is_none())
        .unwrap_or_default();
    let cx = Cx {
        domain: gate.domain.clone(),
        compute: gate.compute.clone(),
        eks: gate.eks.clone(),
        registry,
        principal,
        names: gate.names.clone(),
        host: host.to_owned(),
        tls,
        origin: parts.extensions.get::<Origin>().copied(),
    };
    let outcome = service.dispatch(cx, &name, input).await;
    (name, outcome)
}

/// What a head says of which operation is meant.
enum Asked {
    /// The operation, if the service has it.
    Named(String),
    Routed(rest_json::Found),
    /// The body says it.
    InBody,
}

fn asked(service: &Service, parts: &Parts) -> Result<Asked, Exception> {
    Ok(match service.protocol {
        Protocol::Json11 { target } => Asked::Named(json_operation(parts, target)),
        Protocol::Query { .. } | Protocol::Ec2 { .. } => Asked::InBody,
        Protocol::RestJson { routes } => {
            Asked::Routed(rest_json::find(routes, &parts.method, parts.uri.path())?)
        }
    })
}

impl Asked {
    /// The operation's name, as far as it is known.
    fn name(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::Routed(found) => found.route.name.to_owned(),
            Self::InBody => String::new(),
        }
    }

    /// The operation, and its input as JSON.
    fn input(
        self,
        service: &Service,
        parts: &Parts,
        body: Bytes,
    ) -> Result<(String, Bytes), (String, Exception)> {
        let name = self.name();
        match self {
            Self::Named(_) => Ok((name, body)),
            Self::Routed(found) => {
                let Some(entry) = service.entry(&name) else {
                    return Ok((name, body));
                };
                match rest_json::input(&found, parts, body, entry.input) {
                    Ok(input) => Ok((name, input)),
                    Err(e) => Err((name, e)),
                }
            }
            Self::InBody => {
                let lists = match service.protocol {
                    Protocol::Ec2 { .. } => Lists::Flat,
                    _ => Lists::Member,
                };
                form_operation(service, &body, lists)
            }
        }
    }
}

/// The registry of a caller: in the region of the signature, or the public one.
fn registry(
    service: &Service,
    principal: &Principal,
    region: Region,
) -> Result<Registry, Exception> {
    let account = principal.account.clone();
    if service.name != ecr_public::SERVICE.name {
        return Ok(Registry { account, region });
    }
    if region.as_str() == ecr_public::REGION {
        return Ok(Registry::public(account));
    }
    Err(Exception::client(
        "InvalidSignatureException",
        format!("Credential should be scoped to a valid region, not '{region}'."),
    ))
}

/// The operation that a form names, and its input as JSON. That of an operation which is not there is
/// not looked at.
fn form_operation(
    service: &Service,
    body: &Bytes,
    lists: Lists,
) -> Result<(String, Bytes), (String, Exception)> {
    let name = query::action(body);
    let Some(entry) = service.entry(&name) else {
        return Ok((name, Bytes::new()));
    };
    let shape = (entry.input)().unwrap_or_default();
    match form::input(body, &shape, lists) {
        Ok(input) => Ok((name, Bytes::from(input.to_string()))),
        Err(e) => Err((name, e)),
    }
}

fn json_operation(parts: &Parts, target: &str) -> String {
    let named = parts
        .headers
        .get(TARGET)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let operation = named
        .strip_prefix(target)
        .and_then(|rest| rest.strip_prefix('.'));
    operation.unwrap_or_default().to_owned()
}

/// Reads a body of the protocol's own type: no form of a web page can send a JSON one.
async fn read(
    gate: &Gate,
    parts: &Parts,
    service: &Service,
    asked: &Asked,
    body: Body,
) -> Result<(Bytes, Room), Exception> {
    check_content_type(parts, service)?;
    let limit = match asked {
        Asked::Named(_) | Asked::Routed(_) => {
            let entry = service.entry(&asked.name());
            entry.map_or(MAX_BODY, |entry| entry.max_body)
        }
        Asked::InBody => MAX_BODY,
    };
    let announced = parts.headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse().ok());
    match gate.domain.bodies.read(body, announced, limit).await {
        Ok(read) => Ok(read),
        Err(DomainError::TooLarge { limit }) => Err(Exception {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            ..Exception::client(
                "RequestEntityTooLargeException",
                format!("the body is larger than {limit} bytes"),
            )
        }),
        Err(_broken) => Err(Exception::client(
            "SerializationException",
            "the body ended early",
        )),
    }
}

fn check_content_type(parts: &Parts, service: &Service) -> Result<(), Exception> {
    let essence = content_type(parts);
    let expected = match service.protocol {
        Protocol::Json11 { .. } => json11::CONTENT_TYPE,
        Protocol::Query { .. } | Protocol::Ec2 { .. } => query::CONTENT_TYPE,
        Protocol::RestJson { .. } => rest_json::CONTENT_TYPE,
    };
    if essence == Some(expected) {
        return Ok(());
    }
    // Where a path says what is meant, there may be nothing for a body to say.
    let is_rest = matches!(service.protocol, Protocol::RestJson { .. });
    let may_be_empty = parts.method != http::Method::POST || has_no_body(parts);
    if is_rest && may_be_empty {
        return Ok(());
    }
    Err(Exception {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ..Exception::client(
            "UnsupportedMediaTypeException",
            format!("the body must be {expected}"),
        )
    })
}

fn has_no_body(parts: &Parts) -> bool {
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let chunked = parts.headers.contains_key(header::TRANSFER_ENCODING);
    !chunked && length.is_none_or(|length| length == "0")
}

fn meet(gate: &Gate, caller: &Caller) -> Result<(), Exception> {
    let Caller::Signed(signed) = caller else {
        return Ok(());
    };
    let (key, account) = (&gate.domain.key, &gate.names.default.account);
    let now = gate.domain.store.now();
    Ok(gate.auth.meet(key, signed, account, now)?)
}

fn identify(
    gate: &Gate,
    caller: &Caller,
    parts: &Parts,
    body: &Bytes,
) -> Result<Principal, Exception> {
    let (key, account) = (&gate.domain.key, &gate.names.default.account);
    let now = gate.domain.store.now();
    let payload = Payload::Bytes(body);
    match caller {
        Caller::Signed(signed) => {
            let found = gate
                .auth
                .principal(key, signed, parts, payload, account, now);
            Ok(found?)
        }
        Caller::Anyone => sts::anyone(&query::action(body), account),
    }
}
