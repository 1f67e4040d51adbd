//! What happens to instances that there are.
use wharf_storage::{Document as _, Read, Stored};
use wharf_types::{Registry, Timestamp};

use super::{Event, Instance, State};
use crate::{Code, Cx, Error, Here, Tx, addresses, ids};

/// The most instances of an account in a region.
pub(super) const MAX: usize = 5000;

/// How many instances are settled at once.
const BATCH: usize = 500;

/// An instance, and the state that it was in before a call.
#[derive(Clone, Debug)]
pub struct Change {
    pub before: State,
    pub instance: Instance,
}

/// All instances, by id, those included that were terminated of late.
pub(crate) fn all(tx: &Read<'_>, here: &Here) -> Result<Vec<Instance>, Error> {
    let found = tx.documents::<Instance>(&here.owner, "", MAX * 2)?;
    Ok(found.into_iter().map(|stored| stored.body).collect())
}

/// All instances of an account in a region, by id. Terminated ones can be seen for a while.
pub async fn list(cx: &Cx, place: &Registry) -> Result<Vec<Instance>, Error> {
    cx.ask(place, all).await
}

/// The instances of an auto-scaling group, by id.
pub async fn of_group(cx: &Cx, place: &Registry, group: &str) -> Result<Vec<Instance>, Error> {
    let mut all = list(cx, place).await?;
    all.retain(|instance| instance.group.as_deref() == Some(group));
    Ok(all)
}

/// An instance by its id.
pub async fn one(cx: &Cx, place: &Registry, id: &str) -> Result<Instance, Error> {
    let id = id.to_owned();
    cx.ask(place, move |tx, here| find(tx, here, &id)).await
}

pub(super) fn find(tx: &Read<'_>, here: &Here, id: &str) -> Result<Instance, Error> {
    if !ids::is_formed(id, "i") {
        let text = format!("Invalid id: \"{id}\"");
        return Err(Error::refused(Code::InstanceMalformed, text));
    }
    let found = tx.document::<Instance>(&here.owner, id)?;
    found.map(|stored| stored.body).ok_or_else(|| {
        let text = format!("The instance ID '{id}' does not exist");
        Error::refused(Code::InstanceNotFound, text)
    })
}

/// Ends instances, all or none. Their groups will see it, and replace them.
pub async fn terminate(cx: &Cx, place: &Registry, ids: Vec<String>) -> Result<Vec<Change>, Error> {
    request(cx, place, ids, Event::TerminateRequested).await
}

/// Stops instances, all or none.
pub async fn stop(cx: &Cx, place: &Registry, ids: Vec<String>) -> Result<Vec<Change>, Error> {
    request(cx, place, ids, Event::StopRequested).await
}

/// Starts instances that were stopped, all or none.
pub async fn start(cx: &Cx, place: &Registry, ids: Vec<String>) -> Result<Vec<Change>, Error> {
    request(cx, place, ids, Event::StartRequested).await
}

async fn request(
    cx: &Cx,
    place: &Registry,
    ids: Vec<String>,
    event: Event,
) -> Result<Vec<Change>, Error> {
    let done = cx.change(place, move |tx| {
        let mut changes = Vec::new();
        for id in &ids {
            let instance = find(tx.tx, tx.here, id)?;
            changes.push(apply(tx, instance, event)?);
        }
        Ok(changes)
    });
    done.await
}

/// Does to an instance what a user asks for.
fn apply(tx: &Tx<'_>, mut instance: Instance, event: Event) -> Result<Change, Error> {
    let (before, id) = (instance.state, instance.id.clone());
    if event == Event::TerminateRequested && instance.protected && !before.is_gone() {
        let text = format!(
            "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
        );
        return Err(Error::refused(Code::Protected, text));
    }
    if event == Event::StopRequested && instance.spot && before.is_alive() {
        let text = format!(
            "You can't stop the Spot Instance '{id}' because it is associated with a one-time Spot Instance request."
        );
        return Err(Error::refused(Code::Invalid, text));
    }
    let Some(after) = before.on(event) else {
        let verb = if event == Event::StartRequested {
            "started"
        } else {
            "stopped"
        };
        let text = format!("The instance '{id}' is not in a state from which it can be {verb}.");
        return Err(Error::refused(Code::IncorrectState, text));
    };
    if after != before {
        let time = tx.now.to_string().replace('T', " ").replace('Z', " GMT");
        instance.reason =
            (event != Event::StartRequested).then(|| format!("User initiated ({time})"));
        if event == Event::StartRequested {
            instance.launched_ms = tx.now.as_ms();
        }
        enter(tx, &mut instance, after)?;
    }
    Ok(Change { before, instance })
}

/// Ends an instance for its group.
pub(crate) fn shut_down(tx: &Tx<'_>, id: &str) -> Result<(), Error> {
    let Some(stored) = tx.tx.document::<Instance>(&tx.here.owner, id)? else {
        return Ok(());
    };
    let mut instance = stored.body;
    match instance.state.on(Event::TerminateRequested) {
        Some(after) if after != instance.state => enter(tx, &mut instance, after),
        _ => Ok(()),
    }
}

fn enter(tx: &Tx<'_>, instance: &mut Instance, state: State) -> Result<(), Error> {
    instance.state = state;
    instance.since_ms = tx.now.as_ms();
    if state == State::Terminated {
        addresses::give_back(tx, &instance.owner())?;
    }
    let id = instance.id.clone();
    Ok(tx
        .tx
        .put_document(&tx.here.owner, &id, &*instance, tx.now)?)
}

/// Lets time do its work on the instances of all accounts; whether anything changed.
pub(crate) async fn settle(cx: &Cx) -> Result<bool, Error> {
    let now = cx.store.now();
    let wait = cx.settings.transition;
    let due = cx.store.meta().read(move |tx| {
        let found = tx.due_documents::<Instance>(now - wait, MAX * 2)?;
        Ok::<_, Error>(found)
    });
    let due: Vec<Stored<Instance>> = due.await?;
    let settings = &cx.settings;
    let is_due = |instance: &Instance| {
        let wait = match instance.state {
            State::Terminated => settings.remembered,
            _ => settings.transition,
        };
        instance.is_open() && now >= Timestamp::from_ms(instance.since_ms) + wait
    };
    let mut changed = false;
    for stored in due
        .into_iter()
        .filter(|stored| is_due(&stored.body))
        .take(BATCH)
    {
        let wharf_storage::Owner::Registry(place) = stored.owner else {
            continue;
        };
        let (id, seen) = (stored.name, stored.body.state);
        let here = cx.here(&place);
        let done = cx.store.meta().write(move |tx| {
            let tx = Tx {
                tx,
                here: &here,
                now,
            };
            advance(&tx, &id, seen)
        });
        changed |= done.await?;
    }
    Ok(changed)
}

/// What comes after a state, if the instance is still in it.
fn advance(tx: &Tx<'_>, id: &str, seen: State) -> Result<bool, Error> {
    let Some(stored) = tx.tx.document::<Instance>(&tx.here.owner, id)? else {
        return Ok(false);
    };
    let mut instance = stored.body;
    if instance.state != seen {
        return Ok(false);
    }
    if seen == State::Terminated {
        return Ok(tx.tx.delete_document::<Instance>(&tx.here.owner, id)?);
    }
    let Some(after) = seen.on(Event::Done) else {
        return Ok(false);
    };
    enter(tx, &mut instance, after)?;
    Ok(true)
}
