//! Sets of fields: who owns what.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::path::{Element, Path};

/// A set of paths, as a tree. The root itself is never a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// No node is empty. Sets made of each other share their elements.
    nodes: BTreeMap<Arc<Element>, Node>,
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
        children: Set {
            nodes: BTreeMap::new(),
        },
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
        let node = |node: &Node| usize::from(node.member) + node.children.len();
        self.nodes.values().map(node).sum()
    }

    /// Adds a path. Those above and below it are not added.
    pub fn insert(&mut self, path: &Path) {
        let mut set = self;
        let mut elements = path.0.iter().peekable();
        while let Some(element) = elements.next() {
            let node = set.nodes.entry(Arc::new(element.clone())).or_default();
            if elements.peek().is_none() {
                node.member = true;
            }
            set = &mut node.children;
        }
    }

    pub fn has(&self, path: &Path) -> bool {
        let Some((last, parents)) = path.0.split_last() else {
            return false;
        };
        let mut set = self;
        for element in parents {
            let Some(node) = set.nodes.get(element) else {
                return false;
            };
            set = &node.children;
        }
        set.nodes.get(last).is_some_and(|node| node.member)
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

    pub(super) fn node(&self, element: &Element) -> Option<&Node> {
        self.nodes.get(element)
    }

    /// Puts a node below an element, unless it is empty.
    pub(super) fn put(&mut self, element: Element, node: Node) {
        if !node.is_empty() {
            self.nodes.insert(Arc::new(element), node);
        }
    }

    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        for (element, theirs) in &other.nodes {
            match self.nodes.get_mut(element) {
                Some(node) => {
                    node.member |= theirs.member;
                    node.children = std::mem::take(&mut node.children).union(&theirs.children);
                }
                None => {
                    self.nodes.insert(Arc::clone(element), theirs.clone());
                }
            }
        }
        self
    }

    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.combined(|element, node| {
            let Some(theirs) = other.nodes.get(element) else {
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
        self.combined(|element, node| match other.nodes.get(element) {
            None => node.clone(),
            Some(theirs) => Node {
                member: node.member && !theirs.member,
                children: node.children.difference(&theirs.children),
            },
        })
    }

    /// What is neither in the other set nor below any of its fields.
    #[must_use]
    pub fn difference_below(&self, other: &Self) -> Self {
        self.combined(|element, node| match other.nodes.get(element) {
            None => node.clone(),
            Some(theirs) if theirs.member => Node::default(),
            Some(theirs) => Node {
                member: node.member,
                children: node.children.difference_below(&theirs.children),
            },
        })
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

impl<'a> FromIterator<&'a Path> for Set {
    fn from_iter<I: IntoIterator<Item = &'a Path>>(paths: I) -> Self {
        let mut set = Self::default();
        for path in paths {
            set.insert(path);
        }
        set
    }
}
