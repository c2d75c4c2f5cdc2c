//! What the YAML reader promises beyond the grammar: positions, faults, bounds.

use super::*;

fn read_text(text: &str) -> (Option<Node>, Vec<String>) {
    let mut faults = Faults::default();
    let tree = read(text, &"f.yaml".into(), &mut faults);
    (tree, faults.into_sorted().into_iter().map(String::from).collect())
}

fn tree(text: &str) -> Node {
    let (tree, faults) = read_text(text);
    assert_eq!(faults, [""; 0]);
    tree.unwrap()
}

fn faults(text: &str) -> Vec<String> {
    read_text(text).1
}

/// The tree without positions, as one line.
fn show(node: &Node) -> String {
    match &node.value {
        Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(",")),
        Value::Map(entries) => {
            let entries: Vec<_> = entries.iter().map(|entry| format!("{}:{}", entry.key, show(&entry.node))).collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Text(text) => format!("{text:?}"),
        Value::Null => "~".into(),
        Value::Int(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn keys_and_values_know_their_place() {
    let tree = tree("a:\n  bc: [1, x]\nd:\n");
    let entry = tree.get("a").unwrap().node.get("bc").unwrap();
    assert_eq!(entry.position.to_string(), "f.yaml:2:3");
    assert_eq!(entry.node.position.to_string(), "f.yaml:2:7");
    let Value::List(items) = &entry.node.value else { panic!("{entry:?}") };
    assert_eq!(items[1].position.to_string(), "f.yaml:2:11");
    assert_eq!(tree.get("d").unwrap().position.to_string(), "f.yaml:3:1");
}

#[test]
fn quoted_scalars_are_texts_and_plain_ones_follow_the_schema() {
    let text = "{a: '1', b: \"true\", c: 1, d: !!str 2, e: , f: yes}";
    assert_eq!(show(&tree(text)), "{a:\"1\",b:\"true\",c:1,d:\"2\",e:~,f:\"yes\"}");
    assert_eq!(
        show(&tree("{a: !!int '1', b: !!float 2, c: !!map {d: !!bool true}}")),
        "{a:1,b:Float(2.0),c:{d:Bool(true)}}"
    );
    for wrong in ["!x 1", "!!int x", "!!seq {}"] {
        assert!(faults(&format!("a: {wrong}"))[0].starts_with("f.yaml:1:4: tag "), "{wrong}");
    }
}

#[test]
fn a_duplicate_key_names_both_lines_and_all_of_them_are_noted() {
    assert_eq!(
        faults("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n"),
        [
            "f.yaml:4:3: mapping key \"c\" already defined at line 3",
            "f.yaml:5:1: mapping key \"a\" already defined at line 1"
        ]
    );
}

#[test]
fn aliases_are_copies_and_merge_keys_yield_to_own_keys() {
    let text = "base: &b {x: 1, y: 2}\nother: &o {x: 7, z: 3}\nuse: {<<: *b, y: 5}\nboth: {<<: [*b, *o]}\nplain: *b\n";
    let tree = tree(text);
    let shown = |key| show(&tree.get(key).unwrap().node);
    assert_eq!(shown("use"), "{y:5,x:1}");
    assert_eq!(shown("both"), "{x:1,y:2,z:3}");
    assert_eq!(shown("plain"), "{x:1,y:2}");
    assert_eq!(faults("a: {<<: 1}"), ["f.yaml:1:9: << takes a map or a list of maps"]);
}

#[test]
fn a_billion_laughs_are_one_fault() {
    let mut text = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for i in 1..12 {
        let list = vec![format!("*a{}", i - 1); 10].join(", ");
        text += &format!("a{i}: &a{i} [{list}]\n");
    }
    let faults = faults(&text);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].ends_with("aliases expand to too much"), "{faults:?}");
}

#[test]
fn nesting_is_bounded_with_and_without_aliases() {
    let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(faults(&deep), ["f.yaml:1:68: nested deeper than 64 levels"]);
    let half = |inner: &str| format!("{}{inner}{}", "[".repeat(40), "]".repeat(40));
    let aliased = format!("a: &a {}\nb: {}\n", half("1"), half("*a"));
    assert_eq!(faults(&aliased), ["f.yaml:2:44: aliases expand to too much"]);
    assert_eq!(faults("a: &a [*a]").len(), 1);
}

#[test]
fn empty_files_are_null_and_second_documents_and_broken_syntax_one_fault_each() {
    for empty in ["", "# only a comment\n", "---\n", "null\n"] {
        assert_eq!(show(&tree(empty)), "~", "{empty:?}");
    }
    assert_eq!(faults("a: 1\n---\nb: 2\n"), ["f.yaml:2:1: only one document is allowed: remove --- and what follows"]);
    assert_eq!(faults("? [a]\n: 1\n"), ["f.yaml:1:3: a key must be a scalar"]);
    let broken = faults("a: [1\nb: 2\n");
    assert_eq!(broken.len(), 1);
    assert!(broken[0].contains(": not valid YAML: "), "{broken:?}");
}

#[test]
fn what_looks_like_a_reference_is_text_here() {
    assert_eq!(show(&tree("a: ${env:X}\n${b}: 5$$\n")), "{a:\"${env:X}\",${b}:\"5$$\"}");
}
