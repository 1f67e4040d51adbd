//! The certificate authorities of a cluster: the one that signs, and its successor during a rotation.
//!
//! # Assumptions
//!
//! * Whoever issues certificates of a cluster signs them with [`signer`], and trusts [`bundle`].
use base64::{Engine as _, engine::general_purpose::STANDARD};
use wharf_storage::{Read, Stored, Write};
use wharf_types::{Registry, Timestamp};

use crate::{
    Cx, Done, Error, Event, Life, Living, Phase, Place, Step, Token,
    clusters::{self, Cluster},
    parts, running, settled,
    updates::{self, NewUpdate, Subject, Update},
};

mod authority;

use authority::generate;
pub use authority::{Authority, Signing, Who};

/// How many a cluster can have.
const MAX: usize = 2;

impl Living for Authority {
    fn life(&self) -> Life {
        self.life
    }

    fn set_life(&mut self, life: Life) {
        self.life = life;
    }

    async fn act(mut self, cx: Cx, _at: Place, step: Step) -> Result<(Self, Event), Error> {
        if step == Step::Update {
            self.in_use = true;
            self.retired = false;
            self.activated_ms = Some(cx.now().as_ms());
            self.activated_by = Some(Who::Customer);
        }
        Ok((self, Event::Ready))
    }

    fn done(&self, tx: &Write<'_>, done: &Done<'_>) -> Result<(), Error> {
        let (registry, cluster) = (&done.at.registry, done.at.cluster());
        if done.step == Step::Update {
            for mut other in all(tx, registry, cluster)? {
                if other.body.id != self.id && other.body.in_use {
                    other.body.in_use = false;
                    other.body.retired = true;
                    tx.put_document(&other.owner, &other.name, &other.body, done.now)?;
                }
            }
        }
        if let Ok(mut found) = clusters::find(tx, registry, cluster) {
            let plane = &mut found.body.control_plane;
            let bundle = bundle(tx, registry, cluster)?;
            plane.certificate_authority =
                bundle.map(|bundle| with(bundle, plane.base_authority.as_deref()));
            tx.put_document(&found.owner, &found.name, &found.body, done.now)?;
        }
        updates::end(tx, done, &self.update)
    }
}

fn all(tx: &Read<'_>, registry: &Registry, cluster: &str) -> Result<Vec<Stored<Authority>>, Error> {
    parts::list(tx, registry, cluster, "", MAX)
}

/// The authority that signs a cluster's certificates.
pub fn signer(
    tx: &Read<'_>,
    registry: &Registry,
    cluster: &str,
) -> Result<Option<Authority>, Error> {
    let all = all(tx, registry, cluster)?.into_iter();
    Ok(all
        .map(|stored| stored.body)
        .find(|authority| authority.in_use))
}

/// The certificates that clients of a cluster trust: base64 of PEM. The signer's comes first.
pub fn bundle(tx: &Read<'_>, registry: &Registry, cluster: &str) -> Result<Option<String>, Error> {
    let mut all = all(tx, registry, cluster)?;
    all.sort_by_key(|stored| !stored.body.in_use);
    let pem: String = all
        .into_iter()
        .map(|stored| stored.body.certificate)
        .collect();
    Ok((!pem.is_empty()).then(|| STANDARD.encode(pem)))
}

/// A bundle with one more certificate, which is PEM.
pub(crate) fn with(bundle: String, more: Option<&str>) -> String {
    match (more, STANDARD.decode(&bundle)) {
        (Some(more), Ok(mut pem)) => {
            pem.extend_from_slice(more.as_bytes());
            STANDARD.encode(pem)
        }
        _ => bundle,
    }
}

/// The first authority of a cluster, which is made if there is none: what a new control plane is
/// reached by.
pub async fn first(cx: &Cx, at: &Place) -> Result<Authority, Error> {
    let (at, now) = (at.clone(), cx.now());
    let mut made = generate(&at.name, now)?;
    made.life = Life::begin(Phase::Active, now);
    made.created_by = Who::Eks;
    made.in_use = true;
    made.activated_ms = Some(now.as_ms());
    made.activated_by = Some(Who::Eks);
    let first = cx.store.meta().write(move |tx| {
        if let Some(found) = signer(tx, &at.registry, &at.name)? {
            return Ok(found);
        }
        let place = Place::within(&at.registry, &at.name, &made.id);
        tx.put_document(&place.owner(), &place.name, &made, now)?;
        Ok(made.clone())
    });
    first.await
}

/// The update of an authority, and the authority.
pub type Begun = (Update, Authority);

/// Adds a successor.
pub async fn create(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    token: Option<&str>,
) -> Result<Begun, Error> {
    let token = Token::of(token, &("CreateCertificateAuthority", &cluster))?;
    let now = cx.now();
    let made = generate(&cluster, now)?;
    let at = Place::within(registry, &cluster, &made.id);
    let place = at.clone();
    let begun = cx.store.meta().write(move |tx| {
        ready(tx, &place)?;
        if let Some(known) = repeated(tx, &place, token.as_ref())? {
            return Ok(known);
        }
        if all(tx, &place.registry, &cluster)?.len() >= MAX {
            let text =
                format!("Cluster {cluster} cannot have more than {MAX} certificate authorities");
            return Err(Error::limit(text).cluster(&cluster));
        }
        begin(tx, &place, made.clone(), token.clone(), now)
    });
    let begun = begun.await?;
    settled::<Authority>(cx, &at).await?;
    running::renew(cx, &at).await?;
    Ok(begun)
}

/// A cluster whose authorities can change. What the models of these operations have for one that is
/// not active is `InvalidParameterException`.
fn ready(tx: &Read<'_>, at: &Place) -> Result<Cluster, Error> {
    let found = clusters::find(tx, &at.registry, at.cluster())?.body;
    match found.require_active() {
        Err(Error::Refused(refusal)) => {
            Err(Error::invalid_parameter(refusal.message).cluster(at.cluster()))
        }
        Err(e) => Err(e),
        Ok(()) => Ok(found),
    }
}

fn repeated(tx: &Read<'_>, at: &Place, token: Option<&Token>) -> Result<Option<Begun>, Error> {
    let Some(update) = updates::repeated(tx, at, token)? else {
        return Ok(None);
    };
    let all = all(tx, &at.registry, at.cluster())?;
    let found = all
        .into_iter()
        .find(|stored| stored.body.update == update.id);
    Ok(found.map(|stored| (update, stored.body)))
}

/// Begins an update of an authority and stores it.
fn begin(
    tx: &Write<'_>,
    at: &Place,
    mut authority: Authority,
    token: Option<Token>,
    now: Timestamp,
) -> Result<Begun, Error> {
    let new = NewUpdate {
        kind: "CertificateAuthorityUpdate",
        params: vec![
            ("CertificateAuthorityId", authority.id.clone()),
            ("SigningStatus", authority.signing().as_str().to_owned()),
        ],
        subject: Subject::Cluster,
        token,
    };
    let update = updates::begin(tx, at, new, now)?;
    authority.update.clone_from(&update.id);
    tx.put_document(&at.owner(), &at.name, &authority, now)?;
    Ok((update, authority))
}

/// Makes an authority the one that signs.
pub async fn activate(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    id: String,
    token: Option<&str>,
) -> Result<Begun, Error> {
    let token = Token::of(token, &("ActivateCertificateAuthority", &cluster, &id))?;
    let refused = |text: String| Error::invalid_parameter(text);
    request(cx, registry, cluster, id, token, move |authority, now| {
        let id = &authority.id;
        if authority.in_use {
            return Err(refused(format!("Certificate authority {id} is already in use")));
        }
        authority.life = authority.life.on(Event::UpdateRequested, now).map_err(|_rejected| {
            refused(format!("Certificate authority {id} can only be activated when its distribution status is COMPLETE"))
        })?;
        Ok(())
    })
    .await
}

/// Takes an authority that does not sign out of what clients trust.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    id: String,
    token: Option<&str>,
) -> Result<Begun, Error> {
    let token = Token::of(token, &("DeleteCertificateAuthority", &cluster, &id))?;
    request(cx, registry, cluster, id, token, move |authority, now| {
        let id = &authority.id;
        if authority.signing() != Signing::NotUsed {
            let text = format!("Certificate authority {id} is in use and cannot be deleted");
            return Err(Error::in_use(text));
        }
        authority.life = authority
            .life
            .on(Event::DeleteRequested, now)
            .map_err(|_rejected| {
                Error::in_use(format!(
                    "Certificate authority {id} is already being deleted"
                ))
            })?;
        Ok(())
    })
    .await
}

async fn request<F>(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    id: String,
    token: Option<Token>,
    change: F,
) -> Result<Begun, Error>
where
    F: Fn(&mut Authority, Timestamp) -> Result<(), Error> + Send + 'static,
{
    let (at, now) = (Place::within(registry, &cluster, &id), cx.now());
    let place = at.clone();
    let begun = cx.store.meta().write(move |tx| {
        ready(tx, &place)?;
        if let Some(known) = repeated(tx, &place, token.as_ref())? {
            return Ok(known);
        }
        let mut found = parts::find::<Authority>(tx, &place.registry, &cluster, &id)?.body;
        change(&mut found, now).map_err(|e| e.cluster(&cluster))?;
        begin(tx, &place, found, token.clone(), now)
    });
    let begun = begun.await?;
    settled::<Authority>(cx, &at).await?;
    running::renew(cx, &at).await?;
    Ok(begun)
}

/// Finds an authority, and the one that signs.
pub async fn get(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    id: String,
) -> Result<(Authority, Option<Authority>), Error> {
    let registry = registry.clone();
    let found = cx.store.meta().read(move |tx| {
        clusters::find(tx, &registry, &cluster)?;
        let found = parts::find::<Authority>(tx, &registry, &cluster, &id)?.body;
        Ok((found, signer(tx, &registry, &cluster)?))
    });
    found.await
}

/// The authorities of a cluster after an id.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    after: String,
) -> Result<Vec<Authority>, Error> {
    parts::all(cx, registry, cluster, after).await
}

/// An authority that no cluster has.
#[cfg(test)]
pub(crate) fn generate_for_tests(now: Timestamp) -> Authority {
    generate("test", now).unwrap()
}
