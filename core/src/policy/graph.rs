//! The graph of aggregates: which lead back to themselves, how deep the others are, which depend on the resource.

use alloc::{vec, vec::Vec};

/// What is known of one policy from its place in the graph
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// It is part of itself
    pub(super) on_cycle: bool,
    /// Levels of aggregates from here down, this one included
    pub(super) height: usize,
    /// What it says depends on the resource
    pub(super) varies: bool,
}

/// One policy as the graph sees it
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Its children, if it is an aggregate
    pub(super) children: Vec<usize>,
    pub(super) is_aggregate: bool,
    pub(super) is_script: bool,
}

/// Finds the places of all nodes: the strongly connected components by Tarjan's algorithm, without recursion, since
/// a chain may be as long as the set.
pub(super) fn places(nodes: &[Node]) -> Vec<Place> {
    let mut search = Search {
        nodes,
        index: vec![None; nodes.len()],
        low: vec![0; nodes.len()],
        open: vec![false; nodes.len()],
        component: Vec::new(),
        places: vec![Place::default(); nodes.len()],
        next: 0,
    };
    for start in 0..nodes.len() {
        if search.index.get(start) == Some(&None) {
            search.from(start);
        }
    }
    search.places
}

struct Search<'a> {
    nodes: &'a [Node],
    index: Vec<Option<usize>>,
    low: Vec<usize>,
    open: Vec<bool>,
    component: Vec<usize>,
    places: Vec<Place>,
    next: usize,
}

impl Search<'_> {
    fn from(&mut self, start: usize) {
        // A node and how many of its children were looked at.
        let mut path = vec![(start, 0_usize)];
        self.enter(start);
        while let Some((node, seen)) = path.last_mut() {
            let node = *node;
            let child = self.nodes.get(node).and_then(|of| of.children.get(*seen)).copied();
            *seen = seen.saturating_add(1);
            let Some(child) = child else {
                path.pop();
                self.leave(node);
                if let Some((parent, _)) = path.last() {
                    self.lower(*parent, self.low.get(node).copied());
                }
                continue;
            };
            match self.index.get(child).copied() {
                Some(None) => {
                    self.enter(child);
                    path.push((child, 0));
                }
                Some(known) if self.open.get(child) == Some(&true) => self.lower(node, known),
                _ => {}
            }
        }
    }

    fn enter(&mut self, node: usize) {
        if let (Some(index), Some(low), Some(open)) =
            (self.index.get_mut(node), self.low.get_mut(node), self.open.get_mut(node))
        {
            (*index, *low, *open) = (Some(self.next), self.next, true);
        }
        self.next = self.next.saturating_add(1);
        self.component.push(node);
    }

    fn lower(&mut self, node: usize, to: Option<usize>) {
        if let (Some(low), Some(to)) = (self.low.get_mut(node), to) {
            *low = (*low).min(to);
        }
    }

    /// All below `node` is done; if it is the first of its component, the component is
    fn leave(&mut self, node: usize) {
        if self.index.get(node).copied().flatten() != self.low.get(node).copied() {
            return;
        }
        let from = self.component.iter().rposition(|member| *member == node).unwrap_or_default();
        let members = self.component.split_off(from);
        let to_itself = self.nodes.get(node).is_some_and(|of| of.children.contains(&node));
        let on_cycle = members.len() > 1 || to_itself;
        let (mut height, mut varies) = (0_usize, false);
        for member in &members {
            let Some(of) = self.nodes.get(*member) else { continue };
            varies |= of.is_script;
            // What is still open below a member belongs to the same component.
            for child in of.children.iter().filter(|child| self.open.get(**child) == Some(&false)) {
                let below = self.places.get(*child).copied().unwrap_or_default();
                height = height.max(below.height);
                varies |= below.varies;
            }
            height = height.saturating_add(usize::from(of.is_aggregate && !on_cycle));
        }
        for member in members {
            if let (Some(place), Some(open)) = (self.places.get_mut(member), self.open.get_mut(member)) {
                *place = Place { on_cycle, height: if on_cycle { 0 } else { height }, varies };
                *open = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(children: &[&[usize]]) -> Vec<Place> {
        let nodes: Vec<Node> = children
            .iter()
            .map(|children| Node {
                children: children.to_vec(),
                is_aggregate: !children.is_empty(),
                is_script: false,
            })
            .collect();
        places(&nodes)
    }

    #[test]
    fn heights_count_aggregates() {
        let found = graph(&[&[1, 2], &[2], &[], &[]]);
        assert_eq!(found.iter().map(|place| place.height).collect::<Vec<_>>(), [2, 1, 0, 0]);
        assert!(found.iter().all(|place| !place.on_cycle));
    }

    #[test]
    fn only_members_of_a_cycle_are_on_it() {
        // 0 → 1 → 2 → 1, 2 → 3, 4 → 4
        let found = graph(&[&[1], &[2], &[1, 3], &[], &[4]]);
        let on_cycle: Vec<bool> = found.iter().map(|place| place.on_cycle).collect();
        assert_eq!(on_cycle, [false, true, true, false, true]);
        assert_eq!(found[0].height, 1);
    }

    #[test]
    fn a_long_chain_and_a_long_circle_are_walked() {
        let chain: Vec<Vec<usize>> = (0..50_000_usize).map(|place| vec![place + 1]).collect();
        let nodes = |children: &[Vec<usize>]| {
            let node = |children: &Vec<usize>| Node {
                children: children.clone(),
                is_aggregate: true,
                is_script: false,
            };
            children.iter().map(node).chain([Node::default()]).collect::<Vec<_>>()
        };
        assert_eq!(places(&nodes(&chain))[0].height, 50_000);
        let mut circle = chain;
        circle[49_999] = vec![0];
        assert!(places(&nodes(&circle))[49_999].on_cycle);
    }

    #[test]
    fn what_is_above_a_script_varies() {
        let mut nodes: Vec<Node> = Vec::new();
        for children in [vec![1], vec![2], vec![], vec![]] {
            nodes.push(Node { is_aggregate: !children.is_empty(), children, is_script: false });
        }
        nodes[2].is_script = true;
        let varies: Vec<bool> = places(&nodes).iter().map(|place| place.varies).collect();
        assert_eq!(varies, [true, true, true, false]);
    }
}
