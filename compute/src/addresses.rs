//! Addresses of the VPC: each is given to one owner at a time.
//!
//! # Guarantees
//!
//! * An owner has one address, and asking again gives the same one.
//! * A range of addresses is one document with a bit for each, so giving one out is work for a few
//!   hundred words, however many there are; the next free one after the last comes first, so that an
//!   address rests before it is used again.
//! * Subnets of the same range share the document: no two of their owners get the same address.
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Read};
use wharf_types::Registry;

use crate::{
    Code, Cx, Error, Here, Tx,
    network::{Cidr, Subnet},
};

/// AWS keeps the first four addresses of a subnet (and the last, which is left for nobody).
const KEPT: u32 = 4;

/// Where the quarter of a range begins that is left for pods on machines: their addresses are those of
/// the machines' interfaces, and nobody asks here for them.
pub const fn pods_from(range: Cidr) -> u64 {
    range.size() / 4 * 3
}

/// The longest name of an owner.
const MAX_OWNER: usize = 512;

/// Which addresses of a range are given out. Named by the range.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Pool {
    /// Where to look first.
    next: u32,
    /// A bit for each address, the lowest first; words at the end that are zero may be missing.
    words: Vec<u64>,
}

impl Document for Pool {
    const KIND: &'static str = "compute-pool";
}

/// Whose an address is. Named by the owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Given {
    address: Ipv4Addr,
    /// The range it is of.
    pool: String,
    place: u32,
}

impl Document for Given {
    const KIND: &'static str = "compute-address";
}

impl Pool {
    fn has(&self, place: u32) -> bool {
        let word = self.words.get(place as usize / 64).copied();
        word.unwrap_or_default() & (1 << (place % 64)) != 0
    }

    fn set(&mut self, place: u32, given: bool) {
        let (index, bit) = (place as usize / 64, 1 << (place % 64));
        if self.words.len() <= index {
            self.words.resize(index + 1, 0);
        }
        if let Some(word) = self.words.get_mut(index) {
            if given {
                *word |= bit;
            } else {
                *word &= !bit;
            }
        }
    }

    /// The first free place from one on and before another.
    fn free(&self, from: u32, to: u32) -> Option<u32> {
        let mut place = from;
        while place < to {
            let word = self.words.get(place as usize / 64).copied();
            let word = word.unwrap_or_default() >> (place % 64);
            let taken = word.trailing_ones();
            // The rest of a word that was shifted is zero, which looks free.
            let left = 64 - place % 64;
            if taken < left {
                return Some(place + taken).filter(|place| *place < to);
            }
            place += left;
        }
        None
    }

    /// Gives out a place of a range.
    fn take(&mut self, range: Cidr) -> Option<u32> {
        let end = u32::try_from(pods_from(range)).ok()?;
        let next = self.next.clamp(KEPT, end);
        let found = self.free(next, end).or_else(|| self.free(KEPT, next))?;
        self.set(found, true);
        self.next = found + 1;
        Some(found)
    }
}

/// Gives an owner an address of a subnet: the one it has, or a free one.
pub(crate) fn take(tx: &Tx<'_>, owner: &str, subnet: &Subnet) -> Result<Ipv4Addr, Error> {
    if let Some(given) = tx.tx.document::<Given>(&tx.here.owner, owner)? {
        return Ok(given.body.address);
    }
    if owner.is_empty() || owner.len() > MAX_OWNER {
        return Err(Error::invalid("the name of an owner is too long or empty"));
    }
    let name = subnet.cidr.to_string();
    let mut pool = pool(tx.tx, tx.here, &name)?;
    let Some(place) = pool.take(subnet.cidr) else {
        let text = format!(
            "There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.",
            subnet.id
        );
        return Err(Error::refused(Code::NoAddress, text));
    };
    give(tx, owner, subnet, name, &pool, place)
}

/// Gives an owner an address that it asks for.
pub(crate) fn take_this(
    tx: &Tx<'_>,
    owner: &str,
    subnet: &Subnet,
    address: Ipv4Addr,
) -> Result<Ipv4Addr, Error> {
    let last = u32::try_from(subnet.cidr.size() - 1).unwrap_or(u32::MAX);
    let place = subnet.cidr.place(address);
    let Some(place) = place.filter(|place| (KEPT..last).contains(place)) else {
        let text = format!(
            "Address {address} does not fall within the subnet's address range or is reserved"
        );
        return Err(Error::invalid(text));
    };
    let name = subnet.cidr.to_string();
    let mut pool = pool(tx.tx, tx.here, &name)?;
    if pool.has(place) {
        let text = format!("Address {address} is in use.");
        return Err(Error::refused(Code::Conflict, text));
    }
    pool.set(place, true);
    give(tx, owner, subnet, name, &pool, place)
}

fn give(
    tx: &Tx<'_>,
    owner: &str,
    subnet: &Subnet,
    name: String,
    pool: &Pool,
    place: u32,
) -> Result<Ipv4Addr, Error> {
    let address = subnet.cidr.at(place);
    tx.tx.put_document(&tx.here.owner, &name, pool, tx.now)?;
    let given = Given {
        address,
        pool: name,
        place,
    };
    tx.tx.put_document(&tx.here.owner, owner, &given, tx.now)?;
    Ok(address)
}

/// Takes an owner's address back, if it has one.
pub(crate) fn give_back(tx: &Tx<'_>, owner: &str) -> Result<(), Error> {
    let Some(given) = tx.tx.document::<Given>(&tx.here.owner, owner)? else {
        return Ok(());
    };
    let Given {
        pool: name, place, ..
    } = given.body;
    let mut pool = pool(tx.tx, tx.here, &name)?;
    pool.set(place, false);
    tx.tx.put_document(&tx.here.owner, &name, &pool, tx.now)?;
    tx.tx.delete_document::<Given>(&tx.here.owner, owner)?;
    Ok(())
}

fn pool(tx: &Read<'_>, here: &Here, name: &str) -> Result<Pool, Error> {
    let found = tx.document::<Pool>(&here.owner, name)?;
    Ok(found.map(|stored| stored.body).unwrap_or_default())
}

/// How many addresses of a subnet are free.
pub(crate) fn free(tx: &Read<'_>, here: &Here, subnet: &Subnet) -> Result<u64, Error> {
    let pool = pool(tx, here, &subnet.cidr.to_string())?;
    let used: u32 = pool.words.iter().map(|word| word.count_ones()).sum();
    Ok(subnet.cidr.size() - u64::from(KEPT + 1) - u64::from(used))
}

/// The owner of what pods ask for.
fn of_pod(owner: &str) -> String {
    format!("pod/{owner}")
}

/// Gives `owner`, a pod or a task by its uid, an address of a subnet. Asking again gives the same.
pub async fn allocate(
    cx: &Cx,
    place: &Registry,
    owner: &str,
    subnet: &str,
) -> Result<Ipv4Addr, Error> {
    let here = cx.here(place);
    let subnet = here.network().subnet(subnet).ok_or_else(|| {
        let text = format!("The subnet ID '{subnet}' does not exist");
        Error::refused(Code::SubnetNotFound, text)
    })?;
    let (owner, now) = (of_pod(owner), cx.store.now());
    let given = cx.store.meta().write(move |tx| {
        let tx = Tx {
            tx,
            here: &here,
            now,
        };
        take(&tx, &owner, &subnet)
    });
    given.await
}

/// Takes back what `owner` was given by [`allocate`]. Without one there is nothing to do.
pub async fn release(cx: &Cx, place: &Registry, owner: &str) -> Result<(), Error> {
    let (here, owner, now) = (cx.here(place), of_pod(owner), cx.store.now());
    let done = cx.store.meta().write(move |tx| {
        let tx = Tx {
            tx,
            here: &here,
            now,
        };
        give_back(&tx, &owner)
    });
    done.await
}

/// What `owner` was given by [`allocate`].
pub async fn address(cx: &Cx, place: &Registry, owner: &str) -> Result<Option<Ipv4Addr>, Error> {
    let owner = of_pod(owner);
    let found = cx.ask(place, move |tx, here| {
        Ok(tx.document::<Given>(&here.owner, &owner)?)
    });
    Ok(found.await?.map(|given| given.body.address))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::chore::tests::world;

    proptest! {
        // Never the same twice at a time, and freed on release.
        #[test]
        fn an_address_has_one_owner(steps in proptest::collection::vec(any::<(bool, u8)>(), 0..600)) {
            let range = Cidr::new(Ipv4Addr::new(10, 0, 0, 0), 25);
            let mut pool = Pool::default();
            let mut given: Vec<u32> = Vec::new();
            for (take, which) in steps {
                if take {
                    if let Some(place) = pool.take(range) {
                        prop_assert!(!given.contains(&place));
                        prop_assert!((4..96).contains(&place));
                        given.push(place);
                    } else {
                        prop_assert_eq!(given.len(), 92);
                    }
                } else if !given.is_empty() {
                    let place = given.swap_remove(usize::from(which) % given.len());
                    prop_assert!(pool.has(place));
                    pool.set(place, false);
                }
            }
            for place in 0..128 {
                prop_assert_eq!(pool.has(place), given.contains(&place));
            }
        }
    }

    #[tokio::test]
    async fn thousands_of_pods_have_addresses_of_their_own() {
        let world = world().await;
        let (cx, place) = (&world.cx, &world.place);
        let mut seen = BTreeSet::new();
        for n in 0..5000 {
            let address = allocate(cx, place, &format!("uid-{n}"), "subnet-1").await;
            assert!(seen.insert(address.unwrap()));
        }
        let first = allocate(cx, place, "uid-7", "subnet-1").await.unwrap();
        assert_eq!(address(cx, place, "uid-7").await.unwrap(), Some(first));
        release(cx, place, "uid-7").await.unwrap();
        release(cx, place, "uid-7").await.unwrap();
        assert_eq!(address(cx, place, "uid-7").await.unwrap(), None);
        // The other id is of the same range.
        let other = allocate(cx, place, "other", "subnet-4").await.unwrap();
        assert!(!seen.contains(&other) || other == first);
        let refused = allocate(cx, place, "x", "nothing").await.unwrap_err();
        assert_eq!(refused.code(), Some(Code::SubnetNotFound));
    }
}
