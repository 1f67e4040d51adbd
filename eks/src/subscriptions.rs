//! EKS Anywhere subscriptions of an account: kept and shown, for scripts that ask. Nothing is bought,
//! so there are no licenses.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read, Stored};
use wharf_types::{Registry, Timestamp};

use crate::{
    Cx, Error, Token, checks, parts,
    shape::{enums, shapes},
};

/// What their ARNs begin with.
pub const PREFIX: &str = "eks-anywhere-subscription";

/// The most subscriptions of an account in a region.
const MAX_SUBSCRIPTIONS: usize = 100;

enums! {
    LicenseType { Cluster = "Cluster" }
    TermUnit { Months = "MONTHS" }
    Status {
        Creating = "CREATING",
        Active = "ACTIVE",
        Updating = "UPDATING",
        Expiring = "EXPIRING",
        Expired = "EXPIRED",
        Deleting = "DELETING",
    }
}

shapes! {
    Term { duration: i64, unit: TermUnit }

    /// The request of `CreateEksAnywhereSubscription`.
    NewSubscription {
        name: String,
        term: Term,
        license_quantity: i64,
        license_type: LicenseType,
        auto_renew: bool,
        client_request_token: String,
        tags: BTreeMap<String, String>,
    }
}

/// A subscription: a document of its account and region named by its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    pub id: String,
    pub name: String,
    pub months: i64,
    pub quantity: i64,
    pub auto_renew: bool,
    pub created_ms: i64,
    #[serde(default)]
    pub token: Option<Token>,
}

impl Document for Subscription {
    const KIND: &'static str = "eks-anywhere-subscription";
}

impl Subscription {
    /// Its ARN.
    pub fn arn(&self, registry: &Registry) -> String {
        crate::arn(registry, &format!("{PREFIX}/{}", self.id))
    }

    /// When it ends, or is renewed: the first end of a term that is to come.
    pub fn expires(&self, now: Timestamp) -> Timestamp {
        let created = Timestamp::from_ms(self.created_ms);
        let mut end = months_after(created, self.months);
        let mut terms = 1;
        // A term has a year at least, so that a thousand of them are enough.
        while self.auto_renew && end <= now && terms < 1000 {
            terms += 1;
            end = months_after(created, self.months * terms);
        }
        end
    }

    /// Where in its life it is.
    pub fn status(&self, now: Timestamp) -> Status {
        if self.expires(now) <= now {
            Status::Expired
        } else {
            Status::Active
        }
    }
}

/// The same day, months later.
fn months_after(from: Timestamp, months: i64) -> Timestamp {
    let after = || {
        let from = jiff::Timestamp::from_millisecond(from.as_ms()).ok()?;
        let span = jiff::Span::new().try_months(months).ok()?;
        let end = from
            .to_zoned(jiff::tz::TimeZone::UTC)
            .checked_add(span)
            .ok()?;
        Some(Timestamp::from_ms(end.timestamp().as_millisecond()))
    };
    after().unwrap_or(Timestamp::from_ms(i64::MAX))
}

/// A subscription as answers show it.
#[derive(Clone, Debug)]
pub struct Shown {
    pub body: Subscription,
    pub arn: String,
    pub tags: BTreeMap<String, String>,
}

fn shown(tx: &Read<'_>, registry: &Registry, body: Subscription) -> Result<Shown, Error> {
    let arn = body.arn(registry);
    Ok(Shown {
        tags: tx.resource_tags(&arn)?,
        arn,
        body,
    })
}

fn fresh(
    new: &NewSubscription,
    token: Option<Token>,
    now: Timestamp,
) -> Result<Subscription, Error> {
    let name = checks::required_text("name", new.name.clone())?;
    checks::named("name", &name, 100)?;
    let term = checks::required("term", new.term.as_ref())?;
    let months = checks::required("term.duration", term.duration)?;
    checks::required("term.unit", term.unit)?;
    if !matches!(months, 12 | 36) {
        return Err(Error::invalid_parameter("term.duration must be 12 or 36"));
    }
    let quantity = new.license_quantity.unwrap_or(1);
    if !(1..=100).contains(&quantity) {
        return Err(Error::invalid_parameter(
            "licenseQuantity must be between 1 and 100",
        ));
    }
    checks::tags(new.tags.as_ref().unwrap_or(&BTreeMap::new()))?;
    Ok(Subscription {
        id: parts::uuid(),
        name,
        months,
        quantity,
        auto_renew: new.auto_renew.unwrap_or(false),
        created_ms: now.as_ms(),
        token,
    })
}

/// All subscriptions of an account in a region.
fn all(tx: &Read<'_>, registry: &Registry) -> Result<Vec<Stored<Subscription>>, Error> {
    let owner = Owner::Registry(registry.clone());
    Ok(tx.documents(&owner, "", MAX_SUBSCRIPTIONS)?)
}

fn find(tx: &Read<'_>, registry: &Registry, id: &str) -> Result<Subscription, Error> {
    let found = tx.document(&Owner::Registry(registry.clone()), id)?;
    let missing =
        || Error::not_found(format!("No subscription found for id: {id}")).subscription(id);
    Ok(found.ok_or_else(missing)?.body)
}

/// Makes a subscription.
pub async fn create(cx: &Cx, registry: &Registry, new: NewSubscription) -> Result<Shown, Error> {
    let now = cx.now();
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let made = fresh(&new, token, now)?;
    let registry = registry.clone();
    let created = cx.store.meta().write(move |tx| {
        let all = all(tx, &registry)?;
        for found in &all {
            if Token::repeats(made.token.as_ref(), found.body.token.as_ref())? {
                return shown(tx, &registry, found.body.clone());
            }
            if found.body.name == made.name {
                let text = format!("Subscription already exists with name: {}", made.name);
                return Err(Error::invalid_parameter(text).subscription(&found.body.id));
            }
        }
        if all.len() >= MAX_SUBSCRIPTIONS {
            let text =
                format!("An account cannot have more than {MAX_SUBSCRIPTIONS} subscriptions.");
            return Err(Error::limit(text));
        }
        let owner = Owner::Registry(registry.clone());
        tx.put_document(&owner, &made.id, &made, now)?;
        for (key, value) in new.tags.iter().flatten() {
            tx.tag_resource(&made.arn(&registry), key, value)?;
        }
        shown(tx, &registry, made.clone())
    });
    created.await
}

/// Finds a subscription.
pub async fn get(cx: &Cx, registry: &Registry, id: String) -> Result<Shown, Error> {
    let registry = registry.clone();
    let found = cx.store.meta().read(move |tx| {
        let found = find(tx, &registry, &id)?;
        shown(tx, &registry, found)
    });
    found.await
}

/// The subscriptions in some statuses, after an id. No statuses stand for all.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    statuses: Vec<Status>,
    after: String,
) -> Result<Vec<Shown>, Error> {
    let (registry, now) = (registry.clone(), cx.now());
    let found = cx.store.meta().read(move |tx| {
        let all = all(tx, &registry)?.into_iter().map(|stored| stored.body);
        let own = all.filter(|found| {
            let wanted = statuses.is_empty() || statuses.contains(&found.status(now));
            found.id > after && wanted
        });
        own.map(|found| shown(tx, &registry, found)).collect()
    });
    found.await
}

/// Says whether a subscription is renewed.
pub async fn update(
    cx: &Cx,
    registry: &Registry,
    id: String,
    auto_renew: bool,
) -> Result<Shown, Error> {
    let (registry, now) = (registry.clone(), cx.now());
    let updated = cx.store.meta().write(move |tx| {
        let mut found = find(tx, &registry, &id)?;
        if found.status(now) == Status::Expired {
            let text = format!("Subscription {id} is in status EXPIRED and cannot be updated");
            return Err(Error::invalid_request(text).subscription(&id));
        }
        found.auto_renew = auto_renew;
        tx.put_document(&Owner::Registry(registry.clone()), &id, &found, now)?;
        shown(tx, &registry, found)
    });
    updated.await
}

/// Removes a subscription that has expired.
pub async fn delete(cx: &Cx, registry: &Registry, id: String) -> Result<Shown, Error> {
    let (registry, now) = (registry.clone(), cx.now());
    let deleted = cx.store.meta().write(move |tx| {
        let found = find(tx, &registry, &id)?;
        let status = found.status(now);
        if status != Status::Expired {
            let text = format!("Subscription {id} is in status {} and cannot be deleted: only expired subscriptions can be.", status.as_str());
            return Err(Error::invalid_request(text).subscription(&id));
        }
        let found = shown(tx, &registry, found)?;
        tx.delete_document::<Subscription>(&Owner::Registry(registry.clone()), &id)?;
        tx.forget_resource(&found.arn)?;
        Ok(found)
    });
    deleted.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_ends_on_the_same_day_of_a_later_year_unless_it_is_renewed() {
        // 2024-02-29T12:00:00Z
        let start = Timestamp::from_secs(1_709_208_000);
        let new = NewSubscription {
            name: Some("edge".into()),
            term: Some(Term {
                duration: Some(12),
                unit: Some(TermUnit::Months),
            }),
            ..NewSubscription::default()
        };
        let mut made = fresh(&new, None, start).unwrap();
        let end = made.expires(start);
        assert_eq!(end.to_string(), "2025-02-28T12:00:00Z");
        assert_eq!(made.status(start), Status::Active);
        assert_eq!(made.status(end), Status::Expired);
        made.auto_renew = true;
        assert_eq!(made.status(end), Status::Active);
        assert_eq!(made.expires(end).to_string(), "2026-02-28T12:00:00Z");
        for (duration, quantity) in [(24, 1), (12, 0), (12, 101)] {
            let term = Term {
                duration: Some(duration),
                unit: Some(TermUnit::Months),
            };
            let wrong = NewSubscription {
                term: Some(term),
                license_quantity: Some(quantity),
                ..new.clone()
            };
            fresh(&wrong, None, start).unwrap_err();
        }
    }
}
