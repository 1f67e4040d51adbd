use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

fn owner(uid: &str, blocks: bool) -> Owner {
    Owner {
        uid: uid.to_owned(),
        block_owner_deletion: Some(blocks),
        ..Owner::default()
    }
}

fn owned(by: &[&str]) -> Item {
    Item {
        owner_references: by.iter().map(|uid| owner(uid, true)).collect(),
        ..Item::default()
    }
}

fn deleted(item: Item, finalizers: &[&str]) -> Item {
    Item {
        deletion_timestamp: Some("2026-01-01T00:00:00Z".to_owned()),
        finalizers: finalizers.iter().map(|&name| name.to_owned()).collect(),
        ..item
    }
}

fn state(owner: &Owner) -> OwnerState {
    match owner.uid.as_str() {
        "there" => OwnerState::Solid,
        "waits" => OwnerState::Waiting,
        "odd" => OwnerState::Unknown,
        _ => OwnerState::Gone,
    }
}

#[test]
fn an_object_goes_with_the_last_of_its_owners() {
    let plan = |item: &Item| plan(item, state, Vec::new);
    let forget = |uids: &[&str]| Step::Forget(uids.iter().map(|&uid| uid.to_owned()).collect());
    let table = [
        (owned(&[]), Step::Keep),
        (owned(&["there"]), Step::Keep),
        (owned(&["gone"]), Step::Delete(Way::Background)),
        (owned(&["gone", "there"]), forget(&["gone"])),
        (
            owned(&["waits", "there", "gone"]),
            forget(&["gone", "waits"]),
        ),
        (owned(&["gone", "odd"]), Step::Keep),
        (owned(&["waits"]), Step::Delete(Way::Background)),
        (deleted(owned(&["gone"]), &["a/b"]), Step::Keep),
        (deleted(owned(&[]), &[ORPHAN]), Step::Release),
        (deleted(owned(&[]), &[FOREGROUND]), Step::Finish),
    ];
    for (item, step) in table {
        assert_eq!(plan(&item), step, "{item:?}");
    }
}

#[test]
fn in_the_foreground_an_object_waits_for_those_who_block_it() {
    let item = deleted(owned(&[]), &[FOREGROUND]);
    let dependents = |blocks, waits| move || vec![Dependent { blocks, waits }];
    assert_eq!(plan(&item, state, dependents(true, false)), Step::Await);
    assert_eq!(plan(&item, state, dependents(false, false)), Step::Finish);
    let child = owned(&["waits"]);
    assert_eq!(
        plan(&child, state, dependents(true, false)),
        Step::Delete(Way::Foreground)
    );
    assert_eq!(
        plan(&child, state, dependents(true, true)),
        Step::UnblockAndDelete
    );
}

/// A world of objects with their owners; what the API server does with a deletion.
#[derive(Debug)]
struct World {
    items: BTreeMap<usize, Item>,
    queue: VecDeque<usize>,
}

impl World {
    fn dependents(&self, of: usize) -> Vec<usize> {
        let uid = of.to_string();
        let mut found = Vec::new();
        for (i, item) in &self.items {
            if item.owner_references.iter().any(|owner| owner.uid == uid) {
                found.push(*i);
            }
        }
        found
    }

    fn remove(&mut self, i: usize) {
        let Some(item) = self.items.remove(&i) else {
            return;
        };
        self.queue.extend(self.dependents(i));
        self.queue.extend(
            item.owner_references
                .iter()
                .filter_map(|owner| owner.uid.parse::<usize>().ok()),
        );
    }

    fn delete(&mut self, i: usize, way: Way) {
        let finalizer = match way {
            Way::Background => return self.remove(i),
            Way::Foreground => FOREGROUND,
            Way::Orphan => ORPHAN,
        };
        let item = self.items.get_mut(&i).unwrap();
        *item = deleted(item.clone(), &[finalizer]);
        self.queue.push_back(i);
    }

    fn settle(&mut self) {
        let mut steps = 0;
        while let Some(i) = self.queue.pop_front() {
            steps += 1;
            assert!(steps < 10_000, "it does not end");
            let Some(item) = self.items.get(&i).cloned() else {
                continue;
            };
            let look = |owner: &Owner| match self.items.get(&owner.uid.parse().unwrap()) {
                None => OwnerState::Gone,
                Some(item) if item.waits() => OwnerState::Waiting,
                Some(_) => OwnerState::Solid,
            };
            let uid = i.to_string();
            let dependents = || {
                let all = self.dependents(i);
                let look = all.iter().map(|d| &self.items[d]);
                look.map(|d| Dependent {
                    blocks: d.blocks(&uid),
                    waits: d.waits(),
                })
                .collect()
            };
            self.act(i, plan(&item, look, dependents));
        }
    }

    fn act(&mut self, i: usize, step: Step) {
        match step {
            Step::Keep => {}
            Step::Delete(way) => self.delete(i, way),
            Step::UnblockAndDelete => {
                let item = self.items.get_mut(&i).unwrap();
                for owner in &mut item.owner_references {
                    owner.block_owner_deletion = Some(false);
                }
                let owners = item.owner_references.iter();
                self.queue
                    .extend(owners.filter_map(|owner| owner.uid.parse::<usize>().ok()));
                self.delete(i, Way::Foreground);
            }
            Step::Forget(uids) => {
                let item = self.items.get_mut(&i).unwrap();
                item.owner_references
                    .retain(|owner| !uids.contains(&owner.uid));
                self.queue
                    .extend(uids.iter().filter_map(|uid| uid.parse::<usize>().ok()));
            }
            Step::Release => {
                for dependent in self.dependents(i) {
                    let item = self.items.get_mut(&dependent).unwrap();
                    item.owner_references
                        .retain(|owner| owner.uid != i.to_string());
                }
                self.remove(i);
            }
            Step::Await => self.queue.extend(self.dependents(i)),
            Step::Finish => self.remove(i),
        }
    }
}

/// Owners come before what they own: each object has up to three of those before it.
fn world(owners: &[Vec<usize>], blocks: bool) -> World {
    let items = owners.iter().enumerate().map(|(i, by)| {
        let by: BTreeSet<usize> = by.iter().filter(|_| i > 0).map(|o| o % i.max(1)).collect();
        let owner_references = by.iter().map(|o| owner(&o.to_string(), blocks)).collect();
        (
            i,
            Item {
                owner_references,
                ..Item::default()
            },
        )
    });
    World {
        items: items.collect(),
        queue: VecDeque::new(),
    }
}

/// Who is left when some are deleted: who has no owner, or one who is left.
fn survivors(world: &World, dead: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut alive = BTreeSet::new();
    for (i, item) in &world.items {
        let owners = &item.owner_references;
        let held = owners
            .iter()
            .any(|owner| alive.contains(&owner.uid.parse().unwrap()));
        if !dead.contains(i) && (owners.is_empty() || held) {
            alive.insert(*i);
        }
    }
    alive
}

proptest! {
    #[test]
    fn exactly_those_without_a_living_owner_go(
        owners in prop::collection::vec(prop::collection::vec(0usize..40, 0..3), 1..40),
        dead in prop::collection::btree_set(0usize..40, 0..5),
        foreground in any::<bool>(),
        blocks in any::<bool>(),
    ) {
        let mut world = world(&owners, blocks);
        let dead: BTreeSet<usize> = dead.into_iter().filter(|i| *i < owners.len()).collect();
        let wanted = survivors(&world, &dead);
        for i in &dead {
            if world.items.contains_key(i) {
                world.delete(*i, if foreground { Way::Foreground } else { Way::Background });
            }
        }
        world.settle();
        let left: BTreeSet<usize> = world.items.keys().copied().collect();
        prop_assert_eq!(left, wanted);
    }

    #[test]
    fn orphans_stay(owners in prop::collection::vec(prop::collection::vec(0usize..20, 0..3), 1..20)) {
        let mut world = world(&owners, true);
        world.delete(0, Way::Orphan);
        world.settle();
        prop_assert_eq!(world.items.len(), owners.len() - 1);
        prop_assert!(world.items.values().all(|item| !item.owner_references.iter().any(|o| o.uid == "0")));
    }
}
