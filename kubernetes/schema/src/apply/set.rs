//! Sets of fields: who owns what.
use std::sync::Arc;

use super::path::{Element, Path};

/// A set of paths, as a tree. The root itself is never a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// In order, none twice, and no node is empty. Sets made of each other share their elements.
    nodes: Vec<(Arc<Element>, Node)>,
}

/// What a set has at a path and below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) member: bool,
    pub(super) children: Set,
}

impl Node {
    pub(super) const MEMBER: Self = Self {
        member: true,
        children: Set { nodes: Vec::new() },
    };

    pub(super) fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }
}

impl Set {
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many paths the set has.
    pub fn len(&self) -> usize {
        let node = |(_, node): &(_, Node)| usize::from(node.member) + node.children.len();
        self.nodes.iter().map(node).sum()
    }

    fn find(&self, element: &Element) -> Result<usize, usize> {
        self.nodes.binary_search_by(|(own, _)| (**own).cmp(element))
    }

    /// Adds a path. Those above and below it are not added.
    pub fn insert(&mut self, path: &Path) {
        let Some((first, below)) = path.0.split_first() else {
            return;
        };
        let mut added = Node::MEMBER;
        for element in below.iter().rev() {
            let mut node = Node::default();
            node.children.nodes.push((Arc::new(element.clone()), added));
            added = node;
        }
        let mut one = Self::default();
        one.nodes.push((Arc::new(first.clone()), added));
        *self = std::mem::take(self).union(&one);
    }

    pub fn has(&self, path: &Path) -> bool {
        let Some((last, parents)) = path.0.split_last() else {
            return false;
        };
        let mut set = self;
        for element in parents {
            let Some(node) = set.node(element) else {
                return false;
            };
            set = &node.children;
        }
        set.node(last).is_some_and(|node| node.member)
    }

    /// All paths: those of a level before those below it.
    pub fn paths(&self) -> Vec<Path> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect(&self, prefix: &mut Vec<Element>, paths: &mut Vec<Path>) {
        for (element, _) in self.nodes.iter().filter(|(_, node)| node.member) {
            let mut path = prefix.clone();
            path.push(Element::clone(element));
            paths.push(Path(path));
        }
        for (element, node) in &self.nodes {
            if !node.children.is_empty() {
                prefix.push(Element::clone(element));
                node.children.collect(prefix, paths);
                prefix.pop();
            }
        }
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = (&Element, &Node)> {
        self.nodes
            .iter()
            .map(|(element, node)| (element.as_ref(), node))
    }

    /// The nodes, to be changed; none may get empty.
    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = (&Element, &mut Node)> {
        let nodes = self.nodes.iter_mut();
        nodes.map(|(element, node)| (&**element, node))
    }

    pub(super) fn node(&self, element: &Element) -> Option<&Node> {
        let at = self.find(element).ok()?;
        self.nodes.get(at).map(|(_, node)| node)
    }

    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        let mut new = Vec::new();
        for (element, theirs) in &other.nodes {
            match self.find(element) {
                Ok(at) => {
                    if let Some((_, node)) = self.nodes.get_mut(at) {
                        node.member |= theirs.member;
                        node.children = std::mem::take(&mut node.children).union(&theirs.children);
                    }
                }
                Err(_) => new.push((Arc::clone(element), theirs.clone())),
            }
        }
        if !new.is_empty() {
            self.nodes.append(&mut new);
            // Two sorted runs, which are merged.
            self.nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        self
    }

    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combined(|element, node| {
            let Some(theirs) = other.node(element) else {
                return Node::default();
            };
            Node {
                member: node.member && theirs.member,
                children: node.children.intersection(&theirs.children),
            }
        })
    }

    /// What is in this set only. Fields below a field of the other set stay.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }

    /// Removes what is in the other set. Fields below a field of it stay. Costs as much as the other
    /// set is large.
    pub fn subtract(&mut self, other: &Self) {
        self.without(other, |node, theirs| {
            node.member &= !theirs.member;
            node.children.subtract(&theirs.children);
        });
    }

    /// Removes what is in the other set or below any of its fields.
    pub fn subtract_below(&mut self, other: &Self) {
        self.without(other, |node, theirs| {
            if theirs.member {
                *node = Node::default();
            } else {
                node.children.subtract_below(&theirs.children);
            }
        });
    }

    fn without(&mut self, other: &Self, reduce: impl Fn(&mut Node, &Node)) {
        let mut emptied = false;
        for (element, theirs) in &other.nodes {
            if let Ok(at) = self.find(element)
                && let Some((_, node)) = self.nodes.get_mut(at)
            {
                reduce(node, theirs);
                emptied |= node.is_empty();
            }
        }
        if emptied {
            self.nodes.retain(|(_, node)| !node.is_empty());
        }
    }

    /// The set with each node made anew.
    pub(super) fn combined(&self, make: impl Fn(&Element, &Node) -> Node) -> Self {
        let nodes = self
            .nodes
            .iter()
            .map(|(element, node)| (element, make(element, node)))
            .filter(|(_, node)| !node.is_empty())
            .map(|(element, node)| (Arc::clone(element), node))
            .collect();
        Self { nodes }
    }
}

/// Of elements that come twice, the last is taken; nodes that are empty are not.
impl FromIterator<(Arc<Element>, Node)> for Set {
    fn from_iter<I: IntoIterator<Item = (Arc<Element>, Node)>>(nodes: I) -> Self {
        let nodes = nodes.into_iter().filter(|(_, node)| !node.is_empty());
        let mut nodes: Vec<_> = nodes.collect();
        // Mostly they come in order, which costs nothing.
        nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
        nodes.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self { nodes }
    }
}

impl<'a> FromIterator<&'a Path> for Set {
    fn from_iter<I: IntoIterator<Item = &'a Path>>(paths: I) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(path);
        }
        set
    }
}
