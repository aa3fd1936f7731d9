//! The merged view: layers laid one over the other (image-spec, layer.md, "Applying Changesets").
//!
//! A layer's whiteouts hide what lower layers have, wherever in the layer they stand; its entries
//! then replace what is at their paths. A directory over a directory keeps what is below; anything
//! else takes the whole place. A path that goes through a symbolic link of a lower layer leads
//! where the link leads, as when the layer is extracted onto the layers below it.

use std::collections::{BTreeSet, btree_map};

use crate::{
    Entry, Interest, Kind, Tree,
    facts::{Fact, Facts, What},
};

/// The merged view, and what else must be known to make it complete.
pub(crate) struct Merged {
    pub(crate) tree: Tree,
    /// Targets of hard links that were not asked for.
    unknown: BTreeSet<String>,
    /// Symbolic links that a layer may have entries below, and where they lead.
    crossed: Vec<(String, String)>,
}

/// Lays the layers one over the other, the base first.
pub(crate) fn merge(layers: &[Facts]) -> Merged {
    let mut state = State::default();
    for (layer, facts) in layers.iter().enumerate() {
        for fact in facts.entries.values() {
            state.hide(fact);
        }
        state.tree.remove_extracts(|path| facts.replaces(path));
        for fact in facts.entries.values() {
            state.place(fact, layer);
        }
    }
    let crossed = state
        .links
        .into_iter()
        .filter(|link| layers.iter().any(|facts| facts.through.contains(link)))
        .filter_map(|link| state.tree.resolve(&link).map(|target| (link, target)))
        .collect();
    Merged { tree: state.tree, unknown: state.unknown, crossed }
}

impl Merged {
    /// What `interest` asks for behind links that lead to paths which were not asked for yet.
    pub(crate) fn missing(&self, asked: &[Interest]) -> Interest {
        let mut missing = Interest::default();
        let known = |path: &str| {
            asked.iter().any(|interest| {
                interest.wants(path) || interest.directories.iter().any(|known| known == path)
            })
        };
        for interest in asked {
            let resolved = |paths: &[String]| {
                let real = paths.iter().filter_map(|path| self.tree.resolve(path));
                real.filter(|path| !path.is_empty() && !known(path)).collect::<BTreeSet<_>>()
            };
            missing.files.extend(resolved(&interest.files));
            missing.directories.extend(resolved(&interest.directories));
        }
        for asked in asked {
            missing.files.extend(self.behind_links(&asked.files).filter(|path| !known(path)));
            missing
                .directories
                .extend(self.behind_links(&asked.directories).filter(|path| !known(path)));
        }
        missing.files.extend(self.unknown.iter().filter(|path| !known(path)).cloned());
        for paths in [&mut missing.files, &mut missing.directories] {
            paths.sort();
            paths.dedup();
        }
        missing
    }
}

impl Merged {
    /// Names under which a layer may have written `paths`: through links that lead to a directory
    /// above them.
    fn behind_links(&self, paths: &[String]) -> impl Iterator<Item = String> {
        let real = paths.iter().filter(|path| self.tree.resolve(path).as_ref() == Some(path));
        real.flat_map(|path| {
            self.crossed.iter().filter_map(move |(link, target)| {
                let below = match target.as_str() {
                    "" => path.as_str(),
                    target => path.strip_prefix(target)?.strip_prefix('/')?,
                };
                Some(format!("{link}/{below}"))
            })
        })
    }
}

#[derive(Default)]
struct State {
    tree: Tree,
    unknown: BTreeSet<String>,
    /// Every symbolic link that was there at some time.
    links: BTreeSet<String>,
}

impl State {
    fn hide(&mut self, fact: &Fact) {
        let Some(path) = self.real_path(&fact.path) else { return };
        match fact.what {
            What::Whiteout => {
                self.tree.remove(&path);
                self.tree.remove_below(&path);
            }
            What::OpaqueDirectory => self.tree.remove_below(&path),
            _ => {}
        }
    }

    fn place(&mut self, fact: &Fact, layer: usize) {
        let Some(path) = self.real_path(&fact.path) else { return };
        let kind = match &fact.what {
            What::Whiteout | What::OpaqueDirectory => return,
            What::File(content) => Some(Kind::File(content.clone())),
            What::Extract(extract) => Some(Kind::Extract(extract.clone())),
            What::Symlink(target) => Some(Kind::Symlink(target.clone())),
            What::Directory => Some(Kind::Directory),
            What::Other => None,
            What::Hardlink(target) => self.linked(target),
        };
        if kind != Some(Kind::Directory) {
            self.tree.remove_below(&path);
        }
        if matches!(kind, Some(Kind::Symlink(_))) {
            self.links.insert(path.clone());
        }
        match kind {
            Some(kind) => self.tree.insert(path, Entry { kind, layer }),
            None => self.tree.remove(&path),
        }
    }

    /// What a hard link to `target` is.
    fn linked(&mut self, target: &str) -> Option<Kind> {
        let real = self.real_path(target)?;
        let found = self.tree.get(&real).map(|entry| entry.kind.clone());
        if found.is_none() {
            self.unknown.insert(real);
        }
        found.filter(|kind| *kind != Kind::Directory)
    }

    /// The path with the symbolic links of its directories followed, not the one that it may be
    /// itself; `None` if they lead in a circle.
    fn real_path(&self, path: &str) -> Option<String> {
        match path.rsplit_once('/') {
            None => Some(path.to_owned()),
            Some((directory, name)) => {
                let directory = self.tree.resolve(directory)?;
                Some(if directory.is_empty() {
                    name.to_owned()
                } else {
                    format!("{directory}/{name}")
                })
            }
        }
    }
}

/// Adds what a further reading of the same layers told.
pub(crate) fn extend(layers: &mut [Facts], more: Vec<Facts>) {
    for (facts, more) in layers.iter_mut().zip(more) {
        // The same entry tells the same each time, except that content may be wanted only now.
        for (position, fact) in more.entries {
            match facts.entries.entry(position) {
                btree_map::Entry::Vacant(entry) => {
                    entry.insert(fact);
                }
                btree_map::Entry::Occupied(mut entry) => {
                    if matches!(fact.what, What::File(_)) {
                        entry.insert(fact);
                    }
                }
            }
        }
        for skipped in more.skipped {
            if !facts.skipped.contains(&skipped) {
                facts.skipped.push(skipped);
            }
        }
    }
}
