//! What a policy takes from a repository, decided without touching it:
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html#lp_evaluation_rules>.
//!
//! Each rule looks at all images of its storage class that its selection names, whatever other
//! rules do with them. Then the rules are applied, the lowest priority first: an image that a rule
//! selected, taken or not, is out of reach for all rules after it. Last comes what images are to
//! each other:
//!
//! * What an index names stays as long as the index does, and is not archived before it. When both
//!   are taken they go in the same run, the index first.
//! * A reference artifact (a manifest whose subject is in the repository) is no image of its own:
//!   no rule selects or counts it. It goes where its subject goes, right after it.
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use wharf_storage::ImageStatus;
use wharf_types::{Digest, Tag, Timestamp};

use super::{Action, Count, Policy, Rule, Selection, StorageClass};
use crate::wildcard::wildcard;

/// An image as rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub digest: Digest,
    pub tags: Vec<Tag>,
    pub pushed: Timestamp,
    pub pulled: Option<Timestamp>,
    pub status: ImageStatus,
    pub archived: Option<Timestamp>,
    pub activated: Option<Timestamp>,
    /// What it is a reference artifact of.
    pub subject: Option<Digest>,
    /// The manifests of the repository that name it.
    pub named_by: Vec<Digest>,
}

impl Image {
    /// Where it is kept. One that is on its way back from the archive is nowhere.
    const fn class(&self) -> Option<StorageClass> {
        match self.status {
            ImageStatus::Active => Some(StorageClass::Standard),
            ImageStatus::Archived => Some(StorageClass::Archive),
            ImageStatus::Activating => None,
        }
    }

    /// How old it counts as. One that was restored from the archive is as old as that: pushed long
    /// ago, it would go back at once.
    fn since_push(&self) -> Timestamp {
        self.activated.map_or(self.pushed, |at| at.max(self.pushed))
    }

    fn since_pull(&self) -> Timestamp {
        self.pulled
            .map_or(self.since_push(), |at| at.max(self.since_push()))
    }

    fn is_selected(&self, selection: &Selection) -> bool {
        let tagged = |matches: &dyn Fn(&str) -> bool| self.tags.iter().any(|t| matches(t.as_str()));
        match selection {
            Selection::Any => true,
            Selection::Untagged => self.tags.is_empty(),
            Selection::Patterns(all) => all.iter().all(|p| tagged(&|tag| wildcard(p, tag))),
            Selection::Prefixes(all) => all.iter().all(|p| tagged(&|tag| tag.starts_with(&**p))),
        }
    }
}

/// An image that a policy takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// As it was when that was decided.
    pub image: Image,
    pub action: Action,
    /// The priority of the rule.
    pub priority: u32,
    /// The subject that it goes with, if no rule took it for itself.
    pub follows: Option<Digest>,
}

impl Taken {
    /// Where the image was kept.
    pub fn storage_class(&self) -> StorageClass {
        self.image.class().unwrap_or(StorageClass::Standard)
    }
}

/// What a policy takes from a repository's images, which are in the order of their first push. The
/// oldest goes first, except that an index goes before what it names.
pub fn plan(policy: &Policy, images: &[Image], now: Timestamp) -> Vec<Taken> {
    let links = Links::of(images);
    let mut marks = links.mark(policy, now);
    links.follow(&mut marks);
    links.hold(&mut marks);
    let taken = |i: usize| {
        let (image, mark) = (images.get(i)?, marks.get(i).copied().flatten()?);
        Some(Taken {
            image: image.clone(),
            action: mark.action,
            priority: mark.priority,
            follows: image.subject.clone().filter(|_| mark.follows),
        })
    };
    links.order(&marks).into_iter().filter_map(taken).collect()
}

/// How a rule takes an image.
#[derive(Clone, Copy, Debug)]
struct Mark {
    action: Action,
    priority: u32,
    follows: bool,
}

/// One entry an image, in the order of the images.
type Marks = Vec<Option<Mark>>;

/// Images by their places, with what they are to each other.
struct Links<'a> {
    images: &'a [Image],
    /// What names each.
    parents: Vec<Vec<usize>>,
    /// What each names.
    children: Vec<Vec<usize>>,
    /// What each is an artifact of.
    subject: Vec<Option<usize>>,
    /// The artifacts of each.
    artifacts: Vec<Vec<usize>>,
}

impl<'a> Links<'a> {
    fn of(images: &'a [Image]) -> Self {
        let numbered = images.iter().enumerate();
        let places: HashMap<&Digest, usize> =
            numbered.map(|(i, image)| (&image.digest, i)).collect();
        let place = |digest: &Digest| places.get(digest).copied();
        let parents: Vec<Vec<usize>> = images
            .iter()
            .map(|image| image.named_by.iter().filter_map(place).collect())
            .collect();
        let subject: Vec<_> = images
            .iter()
            .map(|image| image.subject.as_ref().and_then(place))
            .collect();
        let inverse = |of: &mut dyn Iterator<Item = (usize, usize)>| {
            let mut lists = vec![Vec::new(); images.len()];
            for (from, to) in of {
                if let Some(list) = lists.get_mut(to) {
                    list.push(from);
                }
            }
            lists
        };
        let named = parents.iter().enumerate();
        let mut named = named.flat_map(|(i, of)| of.iter().map(move |parent| (i, *parent)));
        let artifacts = subject.iter().enumerate();
        let mut artifacts = artifacts.filter_map(|(i, subject)| Some((i, (*subject)?)));
        Self {
            images,
            children: inverse(&mut named),
            artifacts: inverse(&mut artifacts),
            parents,
            subject,
        }
    }

    /// What the rules take, images by themselves.
    fn mark(&self, policy: &Policy, now: Timestamp) -> Marks {
        let mut newest_first: Vec<(usize, &Image)> = self.images.iter().enumerate().collect();
        newest_first.retain(|(i, _)| self.subject.get(*i).is_some_and(Option::is_none));
        newest_first.sort_by_key(|(i, image)| Reverse((image.since_push(), *i)));
        let mut selected_before = vec![false; self.images.len()];
        let mut marks = vec![None; self.images.len()];
        for rule in policy.rules() {
            let selects = |image: &Image| {
                image.class() == Some(rule.count.storage_class())
                    && image.is_selected(&rule.selection)
            };
            let selected = newest_first.iter().filter(|(_, image)| selects(image));
            for (rank, (i, image)) in selected.enumerate() {
                let (Some(before), Some(mark)) = (selected_before.get_mut(*i), marks.get_mut(*i))
                else {
                    continue;
                };
                if !*before && takes(rule, rank, image, now) {
                    *mark = Some(Mark {
                        action: rule.action,
                        priority: rule.priority,
                        follows: false,
                    });
                }
                *before = true;
            }
        }
        marks
    }

    /// Takes the artifacts of what is taken.
    fn follow(&self, marks: &mut Marks) {
        let mut subjects: Vec<usize> = (0..marks.len()).filter(|i| is_marked(marks, *i)).collect();
        while let Some(subject) = subjects.pop() {
            let Some(mark) = marks.get(subject).copied().flatten() else {
                continue;
            };
            for &artifact in self.artifacts.get(subject).into_iter().flatten() {
                let status = self.images.get(artifact).map(|image| image.status);
                let moves = mark.action == Action::Expire || status == Some(ImageStatus::Active);
                if moves && let Some(free @ None) = marks.get_mut(artifact) {
                    *free = Some(Mark {
                        follows: true,
                        ..mark
                    });
                    subjects.push(artifact);
                }
            }
        }
    }

    /// Lets go of what something that stays needs, and of what then stays with it.
    fn hold(&self, marks: &mut Marks) {
        let mut doubtful: Vec<usize> = (0..marks.len()).collect();
        while let Some(i) = doubtful.pop() {
            if is_marked(marks, i) && !self.is_free(marks, i) {
                if let Some(mark) = marks.get_mut(i) {
                    *mark = None;
                }
                doubtful.extend(self.children.get(i).into_iter().flatten());
                doubtful.extend(self.artifacts.get(i).into_iter().flatten());
            }
        }
    }

    /// Whether what an image hangs on goes as well.
    fn is_free(&self, marks: &Marks, i: usize) -> bool {
        let Some(mark) = marks.get(i).copied().flatten() else {
            return false;
        };
        let goes = |parent: &usize| match (mark.action, marks.get(*parent).copied().flatten()) {
            (Action::Expire, of_parent) => {
                of_parent.is_some_and(|parent| parent.action == Action::Expire)
            }
            (Action::Transition, Some(_)) => true,
            (Action::Transition, None) => self
                .images
                .get(*parent)
                .is_some_and(|parent| parent.status == ImageStatus::Archived),
        };
        let subject = self.subject.get(i).copied().flatten();
        let with_subject = !mark.follows || subject.is_some_and(|s| is_marked(marks, s));
        with_subject && self.parents.get(i).into_iter().flatten().all(goes)
    }

    /// The places of what is taken: the oldest first, nothing before what it hangs on.
    fn order(&self, marks: &Marks) -> Vec<usize> {
        let before = |i: usize| {
            let subject = self.subject.get(i).copied().flatten();
            let parents = self.parents.get(i).into_iter().flatten().copied();
            parents.chain(subject).filter(|on| is_marked(marks, *on))
        };
        let mut waits: Vec<usize> = (0..marks.len()).map(|i| before(i).count()).collect();
        let entry = |i: usize| Some(Reverse((self.images.get(i)?.pushed, i)));
        let mut ready: BinaryHeap<_> = (0..marks.len())
            .filter(|i| is_marked(marks, *i) && waits.get(*i) == Some(&0))
            .filter_map(entry)
            .collect();
        let mut order = Vec::new();
        while let Some(Reverse((_, i))) = ready.pop() {
            order.push(i);
            let children = self.children.get(i).into_iter().flatten();
            for &next in children.chain(self.artifacts.get(i).into_iter().flatten()) {
                if let Some(left) = waits.get_mut(next) {
                    *left -= 1;
                    if *left == 0 && is_marked(marks, next) {
                        ready.extend(entry(next));
                    }
                }
            }
        }
        // An index of its own subject waits for itself: what was pushed last needs the others.
        let circular = (0..marks.len()).filter(|i| is_marked(marks, *i));
        let mut circular: Vec<_> = circular.filter(|i| waits.get(*i) != Some(&0)).collect();
        circular.reverse();
        order.extend(circular);
        order
    }
}

fn is_marked(marks: &Marks, i: usize) -> bool {
    marks.get(i).is_some_and(Option::is_some)
}

/// Whether a rule takes an image that it selects, `rank` newer ones of which it selects too.
fn takes(rule: &Rule, rank: usize, image: &Image, now: Timestamp) -> bool {
    let older = |than: super::Days, since: Timestamp| now.since(since) > than.duration();
    match rule.count {
        Count::ImagesMoreThan(kept) => usize::try_from(kept).is_ok_and(|kept| rank >= kept),
        Count::SincePushed(days) => older(days, image.since_push()),
        Count::SincePulled(days) => older(days, image.since_pull()),
        Count::SinceTransitioned(days) => image.archived.is_some_and(|at| older(days, at)),
    }
}

#[cfg(test)]
mod tests;
