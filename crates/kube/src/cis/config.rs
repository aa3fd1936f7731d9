//! `config.yaml` of a benchmark directory: which programs and files a cluster's components are, which
//! benchmark goes with which release, which files a benchmark has.

use std::collections::BTreeMap;

use super::yaml::{self, Node};

/// Programs and files of the components, and the tables of benchmarks.
#[derive(Debug, Clone)]
pub struct Config(Node);

/// One component of a section, such as the kubelet of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Component {
    /// Its name, as variables begin: `kubelet` in `$kubeletconf`.
    pub name: String,
    /// Whether a machine may do without it.
    pub optional: bool,
    /// Programs that it may be, the first that runs counts.
    pub programs: Vec<String>,
    /// For each variable's ending (`conf`, `svc`, …): files that may exist, the first that does counts.
    pub files: BTreeMap<&'static str, Files>,
}

/// Files that may exist, and what to take if none does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Candidates, the likeliest first.
    pub candidates: Vec<String>,
    /// The file that is named where none of them is there.
    pub otherwise: Option<String>,
}

/// Ending of a variable, key of its candidates, key of its default.
const KINDS: [(&str, &str, &str); 5] = [
    ("conf", "confs", "defaultconf"),
    ("svc", "svc", "defaultsvc"),
    ("kubeconfig", "kubeconfig", "defaultkubeconfig"),
    ("cafile", "cafile", "defaultcafile"),
    ("datadir", "datadirs", "defaultdatadir"),
];

impl Config {
    /// Reads the text of a `config.yaml`.
    ///
    /// # Errors
    /// If it is not YAML, or not a mapping; says at which line.
    pub fn parse(text: &str) -> Result<Self, String> {
        match yaml::parse(text)? {
            Node::Map(entries) => Ok(Self(Node::Map(entries))),
            node if node.text().is_none() && node.items().is_empty() => {
                Ok(Self(Node::Map(Vec::new())))
            }
            _ => Err("it is not a mapping".into()),
        }
    }

    /// Lays the `config.yaml` of one benchmark over this one: mappings are merged, other values
    /// replaced.
    pub fn merge(&mut self, over: &Self) {
        merge(&mut self.0, &over.0);
    }

    /// The benchmark for a release of Kubernetes (`1.31`) or a platform (`eks-1.5.0`); an unknown
    /// release takes that of the newest one before it.
    pub fn benchmark_for(&self, version: &str) -> Option<&str> {
        let table = self.0.get("version_mapping")?;
        if let Some(found) = table.get(version).and_then(Node::text) {
            return Some(found);
        }
        let (major, minor) = version.split_once('.')?;
        let minor: u16 = minor.trim_end_matches('+').parse().ok()?;
        (1..minor).rev().find_map(|minor| table.get(&format!("{major}.{minor}"))?.text())
    }

    /// Benchmarks with the sections that each has.
    pub fn benchmarks(&self) -> BTreeMap<String, Vec<String>> {
        let Some(Node::Map(entries)) = self.0.get("target_mapping") else {
            return BTreeMap::new();
        };
        let sections = |node: &Node| {
            node.items().iter().filter_map(|item| item.text().map(str::to_lowercase)).collect()
        };
        entries.iter().map(|(name, node)| (name.clone(), sections(node))).collect()
    }

    /// The components of a section; none if the configuration does not know the section.
    pub fn components(&self, section: &str) -> Option<Vec<Component>> {
        let node = self.0.get(section)?;
        let names = strings(node.get("components"));
        let component = |name: String| node.get(&name).map(|node| component(name, node));
        Some(names.into_iter().filter_map(component).collect())
    }
}

fn component(name: String, node: &Node) -> Component {
    let files = |(ending, candidates, otherwise): (&'static str, &str, &str)| {
        let candidates = strings(node.get(candidates));
        let otherwise = node.get(otherwise).and_then(Node::text).map(str::to_owned);
        (ending, Files { candidates, otherwise })
    };
    Component {
        name,
        optional: node.get("optional").and_then(Node::is_true).unwrap_or_default(),
        programs: strings(node.get("bins")),
        files: KINDS.into_iter().map(files).collect(),
    }
}

/// A list of texts; a single text is cut at spaces.
fn strings(node: Option<&Node>) -> Vec<String> {
    match node {
        Some(Node::List(items)) => {
            items.iter().filter_map(|item| item.text().map(str::to_owned)).collect()
        }
        Some(node) => {
            node.text().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        }
        None => Vec::new(),
    }
}

fn merge(under: &mut Node, over: &Node) {
    if let (Node::Map(under), Node::Map(over)) = (&mut *under, over) {
        for (key, value) in over {
            match under.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
                Some((_, below)) => merge(below, value),
                None => under.push((key.clone(), value.clone())),
            }
        }
        return;
    }
    *under = over.clone();
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "
node:
  components: [kubelet, proxy, none]
  kubelet:
    bins: ['hyperkube kubelet', kubelet]
    confs: [/a, /b]
    defaultconf: /b
  proxy: {optional: true, bins: kube-proxy}
version_mapping: {'1.30': cis-1.9, '1.32': cis-1.11, eks-1.5.0: eks-1.5.0}
target_mapping: {cis-1.9: [Master, node]}
";

    #[test]
    fn a_release_without_a_benchmark_takes_the_one_before() {
        let config = Config::parse(BASE).unwrap();
        for (version, benchmark) in [
            ("1.30", Some("cis-1.9")),
            ("1.31+", Some("cis-1.9")),
            ("1.40", Some("cis-1.11")),
            ("1.29", None),
            ("eks-1.5.0", Some("eks-1.5.0")),
            ("x", None),
        ] {
            assert_eq!(config.benchmark_for(version), benchmark, "{version}");
        }
        assert_eq!(config.benchmarks()["cis-1.9"], ["master", "node"]);
    }

    #[test]
    fn a_benchmark_overrides_single_keys() {
        let mut config = Config::parse(BASE).unwrap();
        config.merge(&Config::parse("node: {kubelet: {confs: /c, bins: [x]}}").unwrap());
        config.merge(&Config::parse("---\n# nothing\n").unwrap());
        let components = config.components("node").unwrap();
        assert_eq!(components.len(), 2);
        assert_eq!(components[0].programs, ["x"]);
        assert_eq!(
            components[0].files["conf"],
            Files { candidates: vec!["/c".into()], otherwise: Some("/b".into()) }
        );
        assert!(components[1].optional);
        assert_eq!(config.components("etcd"), None);
    }
}
