//! Names to groups: correlation clustering, which no single bad link can mislead.
//!
//! Each pair has a weight: how much speaks for or against its being one thing. Groups are joined, the best two first, as
//! long as the weights of all pairs between them add up to more than nothing (greedy additive edge contraction; M. Keuper
//! et al., *Efficient decomposition of image and mesh graphs by lifted multicuts*, ICCV 2015, section 3; the problem:
//! N. Bansal, A. Blum, S. Chawla, *Correlation clustering*, 2004). Joining whatever is linked would chain: of two groups of
//! three with one bad link between them, that link is outweighed here by the eight pairs that are not alike.
//!
//! Weights are whole thousandths of a nat, so that sums do not depend on their order. Time O(n log n) in pairs.

use std::collections::{BTreeMap, BinaryHeap};

/// A pair that must not be together, whatever else is said.
pub(crate) const NEVER: i64 = -1_000_000_000_000;
/// A pair that must.
pub(crate) const ALWAYS: i64 = 1_000_000_000;

/// The group of each node: the smallest node of it. `edges` are pairs of nodes below `n`, each once, with their weights.
pub(crate) fn cluster(n: usize, edges: &[(usize, usize, i64)]) -> Vec<usize> {
    let mut neighbours: Vec<BTreeMap<usize, i64>> = vec![BTreeMap::new(); n];
    let mut heap = BinaryHeap::new();
    for (left, right, weight) in edges {
        neighbours[*left].insert(*right, *weight);
        neighbours[*right].insert(*left, *weight);
        if *weight > 0 {
            heap.push((*weight, std::cmp::Reverse((*left.min(right), *left.max(right)))));
        }
    }
    let mut groups: Vec<usize> = (0..n).collect();
    while let Some((weight, std::cmp::Reverse((left, right)))) = heap.pop() {
        let is_as_it_was = groups[left] == left && groups[right] == right;
        if !is_as_it_was || neighbours[left].get(&right) != Some(&weight) {
            continue;
        }
        groups[right] = left;
        for (other, of_right) in std::mem::take(&mut neighbours[right]) {
            neighbours[other].remove(&right);
            if other == left {
                continue;
            }
            let sum = neighbours[left].get(&other).copied().unwrap_or(0) + of_right;
            neighbours[left].insert(other, sum);
            neighbours[other].insert(left, sum);
            if sum > 0 {
                heap.push((sum, std::cmp::Reverse((left.min(other), left.max(other)))));
            }
        }
    }
    for node in 0..n {
        let mut root = node;
        while groups[root] != root {
            root = groups[root];
        }
        groups[node] = root;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_link_joins_no_two_groups() {
        let mut edges = vec![(0, 1, 5000), (0, 2, 5000), (1, 2, 5000), (3, 4, 5000), (3, 5, 5000), (4, 5, 5000)];
        edges.push((2, 3, 3000));
        for left in 0..3 {
            for right in 3..6 {
                if (left, right) != (2, 3) {
                    edges.push((left, right, -1000));
                }
            }
        }
        assert_eq!(cluster(6, &edges), [0, 0, 0, 3, 3, 3]);
        edges.reverse();
        assert_eq!(cluster(6, &edges), [0, 0, 0, 3, 3, 3]);
    }

    #[test]
    fn what_must_not_be_together_is_not() {
        let edges = [(0, 1, 9000), (1, 2, 8000), (0, 2, NEVER)];
        assert_eq!(cluster(3, &edges), [0, 0, 2]);
        assert_eq!(cluster(3, &[(0, 1, ALWAYS), (0, 2, ALWAYS), (1, 2, -5000)]), [0, 0, 0]);
        assert!(cluster(0, &[]).is_empty());
    }
}
