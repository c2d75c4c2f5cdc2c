//! Several sources to one tree, layered by figment: maps deep-merged, all else replaced.
//!
//! figment says which source a value came from; where it stands there is looked
//! up by its path in that source's own tree.

use component::config::{Entry, Node, Value};
use figment::value::{Dict, Empty, Map, Value as Layered};
use figment::{Figment, Metadata, Profile, Provider};

/// The trees laid over each other, the last one on top; they are maps.
pub(super) fn merge(trees: &[Node]) -> Option<Node> {
    let position = trees.last()?.position.clone();
    let provide = |figment: Figment, (index, tree)| figment.merge(Layer { index, tree });
    let figment = trees.iter().enumerate().fold(Figment::new(), provide);
    let root = figment.find_value("").ok()?.into_dict()?;
    let entries = Origins { figment, trees }.entries(&root, &mut Vec::new());
    Some(Node::new(position, Value::Map(entries)))
}

/// One source, as figment takes it. Its index is its name: a file may be given twice.
struct Layer<'a> {
    index: usize,
    tree: &'a Node,
}

impl Provider for Layer<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::from(self.index.to_string(), &*self.tree.position.file)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(layered(self.tree).into_dict().unwrap_or_default()))
    }
}

fn layered(node: &Node) -> Layered {
    match &node.value {
        Value::Null => Layered::from(Empty::None),
        Value::Bool(truth) => Layered::from(*truth),
        Value::Int(number) => Layered::from(*number),
        Value::Float(number) => Layered::from(*number),
        Value::Text(text) => Layered::from(text.as_str()),
        Value::List(items) => Layered::from(items.iter().map(layered).collect::<Vec<_>>()),
        Value::Map(entries) => {
            let dict: Dict = entries.iter().map(|entry| (entry.key.clone(), layered(&entry.node))).collect();
            Layered::from(dict)
        }
    }
}

struct Origins<'a> {
    figment: Figment,
    trees: &'a [Node],
}

impl Origins<'_> {
    /// The entries of a merged map, in the order in which they stand in the sources.
    fn entries<'v>(&self, dict: &'v Dict, path: &mut Vec<&'v str>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (key, value) in dict {
            path.push(key);
            entries.extend(self.entry(value, path));
            path.pop();
        }
        entries.sort_by(|a, b| a.position.cmp(&b.position));
        entries
    }

    /// The entry at `path`; what is not a map comes whole from one source.
    fn entry<'v>(&self, value: &'v Layered, path: &mut Vec<&'v str>) -> Option<Entry> {
        let index: usize = self.figment.get_metadata(value.tag())?.name.parse().ok()?;
        let (last, parents) = path.split_last()?;
        let parent = parents.iter().try_fold(self.trees.get(index)?, |node, key| Some(&node.get(key)?.node))?;
        let Entry { key, position, node } = parent.get(last)?.clone();
        let value = match value {
            Layered::Dict(_, dict) => Value::Map(self.entries(dict, path)),
            _ => node.value,
        };
        Some(Entry { key, position, node: Node::new(node.position, value) })
    }
}

#[cfg(test)]
mod tests {
    use component::config::Faults;

    use super::super::yaml;
    use super::*;

    fn merged(texts: &[&str]) -> Node {
        let read = |(index, text): (usize, &&str)| {
            yaml::read(text, &format!("{index}.yaml").into(), &mut Faults::default()).unwrap()
        };
        merge(&texts.iter().enumerate().map(read).collect::<Vec<_>>()).unwrap()
    }

    fn at<'a>(tree: &'a Node, path: &str) -> &'a Entry {
        let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
        let keys = parents.split('.').filter(|key| !key.is_empty());
        keys.fold(tree, |node, key| &node.get(key).unwrap().node).get(last).unwrap()
    }

    #[test]
    fn maps_merge_and_lists_scalars_and_nulls_replace() {
        let tree = merged(&[
            "m: {a: 1, b: 2}\nl: [1, 2]\nn: {x: 1}\ns: 1\no:\n",
            "m: {b: 3, c: 4}\nl: [3]\nn:\ns: two\no: {y: 1}\n",
        ]);
        assert_eq!(at(&tree, "m.a").node.value, Value::Int(1));
        assert_eq!(at(&tree, "m.b").node.value, Value::Int(3));
        assert_eq!(at(&tree, "m.c").node.value, Value::Int(4));
        assert!(matches!(&at(&tree, "l").node.value, Value::List(items) if items.len() == 1));
        assert_eq!(at(&tree, "n").node.value, Value::Null);
        assert_eq!(at(&tree, "s").node.value, Value::Text("two".into()));
        assert_eq!(at(&tree, "o.y").node.value, Value::Int(1));
    }

    #[test]
    fn every_value_keeps_the_place_it_came_from() {
        let tree = merged(&["m:\n  z: 1\n  b: [1,\n    2]\n", "\nm:\n  a: 1\n  l: [x]\n"]);
        assert_eq!(at(&tree, "m").position.to_string(), "1.yaml:2:1");
        assert_eq!(at(&tree, "m.z").node.position.to_string(), "0.yaml:2:6");
        assert_eq!(at(&tree, "m.a").node.position.to_string(), "1.yaml:3:6");
        let Value::List(items) = &at(&tree, "m.b").node.value else { panic!() };
        assert_eq!(items[1].position.to_string(), "0.yaml:4:5");
        let Value::Map(entries) = &at(&tree, "m").node.value else { panic!() };
        assert_eq!(entries.iter().map(|entry| &*entry.key).collect::<Vec<_>>(), ["z", "b", "a", "l"]);
    }

    #[test]
    fn numbers_survive_layering_bit_by_bit() {
        let tree = merged(&["a: .nan\nb: -9223372036854775808\nc: 1e300\n", "d: 1\n"]);
        assert!(matches!(at(&tree, "a").node.value, Value::Float(number) if number.is_nan()));
        assert_eq!(at(&tree, "b").node.value, Value::Int(i64::MIN));
        assert_eq!(at(&tree, "c").node.value, Value::Float(1e300));
    }
}
